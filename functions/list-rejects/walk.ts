import { type ChunkPlace, type ChunkResult, type Load, placeAfter, placeOf, rejectsKey } from '#core/loads/load.ts'
import type { Reject } from '#core/rejects/reject.ts'

/** Where in a load's rejects to go on. */
export interface Position extends ChunkPlace {
  /** Byte offset in the rejects object of the chunk, or of the part. */
  readonly offset: number
  /** Lines of the file before the chunk or part; null when an earlier one is not committed yet. */
  readonly before: number | null
}
export const beginning: Position = { chunk: 0, part: 0, offset: 0, before: 0 }

export interface WalkDeps {
  /** The committed chunks from a number on, in order. */
  readonly chunksOf: (id: string, from: number) => AsyncIterable<ChunkResult>
  /** A chunk's rejects from a byte offset on. */
  readonly readRejects: (key: string, offset: number) => AsyncIterable<Uint8Array>
}
/** A step of the walk: a reject, or a chunk that has none (any more). `at` is where it begins. */
export interface Step {
  readonly at: Position
  readonly reject: Reject | undefined
}

/**
 * Goes through the rejects of a load in the order of the file, one line in memory at a time. The objects hold line numbers
 * counted within their chunk; adding the lines of all earlier chunks makes them the file's.
 */
export async function* walk(load: Load, from: Position, { chunksOf, readRejects }: WalkDeps): AsyncGenerator<Step, void, undefined> {
  let before = from.before ?? (await linesBefore(load.id, from, chunksOf))
  let expected: ChunkPlace = from
  for await (const chunk of chunksOf(load.id, from.chunk)) {
    const place = placeOf(chunk)
    if (isBefore(place, from)) continue
    if (!isAt(place, expected)) before = null
    const offset = isAt(place, from) ? from.offset : 0
    if (chunk.rejected === 0) yield { at: { ...place, offset: 0, before }, reject: undefined }
    else {
      for await (const { start, text } of linesOf(readRejects(rejectsKey(load, place.chunk, place.part), offset), offset)) {
        const stored = JSON.parse(text) as Reject
        const line = before === null || stored.line === null ? null : before + stored.line
        yield { at: { ...place, offset: start, before }, reject: { ...stored, line } }
      }
    }
    if (before !== null) before += chunk.lines
    expected = placeAfter(chunk)
  }
}

const isAt = (a: ChunkPlace, b: ChunkPlace): boolean => a.chunk === b.chunk && a.part === b.part
const isBefore = (a: ChunkPlace, b: ChunkPlace): boolean => a.chunk < b.chunk || (a.chunk === b.chunk && a.part < b.part)

async function linesBefore(id: string, from: ChunkPlace, chunksOf: WalkDeps['chunksOf']): Promise<number | null> {
  let lines = 0
  let expected: ChunkPlace = { chunk: 0, part: 0 }
  for await (const result of chunksOf(id, 0)) {
    const place = placeOf(result)
    if (!isBefore(place, from)) break
    if (!isAt(place, expected)) return null
    expected = placeAfter(result)
    lines += result.lines
  }
  return isAt(expected, from) ? lines : null
}

/** The lines of a byte stream, each with the offset at which it starts. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>, from: number): AsyncGenerator<{ start: number; text: string }> {
  let held: Buffer[] = []
  let heldBytes = 0
  let start = from
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    let begin = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, begin)) {
      const text = Buffer.concat([...held, bytes.subarray(begin, end)]).toString()
      yield { start, text }
      start += heldBytes + end - begin + 1
      held = []
      heldBytes = 0
      begin = end + 1
    }
    if (begin < bytes.length) {
      held.push(bytes.subarray(begin))
      heldBytes += bytes.length - begin
    }
  }
  if (heldBytes > 0) yield { start, text: Buffer.concat(held).toString() }
}
