import type { FileLoad, PlannedLoad } from '#core/loads/load.ts'
import type { Compression } from '#core/rows/encoding.ts'
import { textBytes } from '#core/rows/sniff.ts'
import { inflatedText } from './inflate.ts'
import type { ReadObject } from './objects.ts'
import { plainText, SourceChecksum } from './source.ts'

interface Range {
  readonly from: number
  readonly to: number
  readonly sourceFrom: number
  readonly sourceTo: number
}

/** Opens a load's text at an offset: a ranged read of a plain object; of a compressed one the inflated text, whose beginning is read and let go. */
export function textOpener(read: ReadObject) {
  return (load: PlannedLoad, range: Range) => {
    const checksum = new SourceChecksum(range.sourceFrom, range.sourceTo)
    const source = { read, key: load.objectKey, size: load.size }
    // What comes before the text that is needed may still have to be accounted for: a CSV header.
    const { compression } = load
    const start = compression === 'none' ? Math.min(range.from, range.sourceFrom) : 0
    const whole = compression === 'none' ? plainText(source, start, range.to, checksum) : inflatedText(source, compression, checksum)
    const text = skip(whole, range.from - start)
    return { pieces: text, accounted: () => checksum.end, takeSource: () => checksum.take() }
  }
}

async function* skip(text: AsyncGenerator<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes
  for await (const piece of text) {
    if (left >= piece.length) left -= piece.length
    else {
      yield left === 0 ? piece : piece.subarray(left)
      left = 0
    }
  }
}

/** How the text of an object begins. */
export async function readTextHead(read: ReadObject, { objectKey, size }: FileLoad, compression: Compression): Promise<Buffer> {
  const source = { read, key: objectKey, size }
  const checksum = new SourceChecksum(0)
  const text = compression === 'none' ? plainText(source, 0, textBytes, checksum) : inflatedText(source, compression, checksum)
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of text) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes >= textBytes) break
  }
  return Buffer.concat(pieces).subarray(0, textBytes)
}
