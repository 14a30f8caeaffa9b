import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'

/** A file on disk with what an upload would have said of it. */
export interface DataFile {
  readonly path: string
  readonly size: number
  readonly crc32: number
  readonly rows: number
}

const gathered = 1024 * 1024

/** Writes lines, gathered to large pieces. */
export async function writeLines(path: string, lines: Iterable<string> | AsyncIterable<string>, header = ''): Promise<DataFile> {
  let [size, crc, rows] = [0, 0, 0]
  const count = (text: string): Buffer => {
    const bytes = Buffer.from(text)
    size += bytes.length
    crc = crc32(bytes, crc)
    return bytes
  }
  const pieces = async function* () {
    let text = header
    for await (const line of lines) {
      text += line
      rows++
      if (text.length < gathered) continue
      yield count(text)
      text = ''
    }
    yield count(text)
  }
  await mkdir(dirname(path), { recursive: true })
  await pipeline(pieces, createWriteStream(path))
  return { path, size, crc32: crc, rows }
}

export async function* linesOf(path: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(path, { highWaterMark: gathered }), crlfDelay: Number.POSITIVE_INFINITY })
}

/** The size and checksum of a file that is there. */
export async function measureFile(path: string, rows: number): Promise<DataFile> {
  let [size, crc] = [0, 0]
  for await (const piece of createReadStream(path, { highWaterMark: gathered })) {
    size += piece.length
    crc = crc32(piece, crc)
  }
  return { path, size, crc32: crc, rows }
}
