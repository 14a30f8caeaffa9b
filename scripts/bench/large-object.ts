import { crc32 } from 'node:zlib'

/**
 * A file of flights of any size that is never on disk: every line has the same length, so a range of bytes follows from its offsets.
 */
const lineAt = (id: number): string =>
  `{"id":${firstId + id},"date":"2001-01-01T00:01:00.000Z","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}\n`
const firstId = 1_000_000_000_000
const lineBytes = lineAt(0).length
const linesOfBlock = 1000
const blockBytes = lineBytes * linesOfBlock
/** Where the digits are that tell one block from the next: all of the id but its last three. */
const [digits, digitsAt] = [10, '{"id":'.length]

const template = Buffer.from(Array.from({ length: linesOfBlock }, (_, i) => lineAt(i)).join(''))

export const largeRows = (gibibytes: number): number => Math.ceil((gibibytes * 1024 ** 3) / blockBytes) * linesOfBlock
export const largeSize = (rows: number): number => rows * lineBytes

function block(n: number): Buffer {
  const made = Buffer.from(template)
  const prefix = String(firstId / 1000 + n)
  for (let line = 0; line < linesOfBlock; line++) made.write(prefix, line * lineBytes + digitsAt, digits, 'latin1')
  return made
}

/** The bytes [from, to), in pieces as a network would deliver them. */
export async function* readLarge(from: number, to: number, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to; ) {
    const n = Math.floor(at / blockBytes)
    const whole = block(n)
    const end = Math.min(to - n * blockBytes, blockBytes)
    for (let p = at - n * blockBytes; p < end; p += pieceBytes) yield whole.subarray(p, Math.min(p + pieceBytes, end))
    at = n * blockBytes + end
  }
}

export function largeCrc32(rows: number): number {
  let crc = 0
  for (let n = 0; n < rows / linesOfBlock; n++) crc = crc32(block(n), crc)
  return crc
}
