import type { Reject } from '#core/api/contract.ts'
import { type ChunkResult, type Load, rejectsKey } from '#core/loads/load.ts'

/** Where in a load's rejects to go on. */
export interface Position {
  readonly chunk: number
  /** Byte offset in the chunk's rejects object. */
  readonly offset: number
  /** Lines of the file before the chunk; null when an earlier chunk is not committed yet. */
  readonly before: number | null
}
export const beginning: Position = { chunk: 0, offset: 0, before: 0 }

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
  let before = from.before ?? (await linesBefore(load.id, from.chunk, chunksOf))
  let expected = from.chunk
  for await (const chunk of chunksOf(load.id, from.chunk)) {
    if (chunk.chunk !== expected) before = null
    const offset = chunk.chunk === from.chunk ? from.offset : 0
    if (chunk.rejected === 0) yield { at: { chunk: chunk.chunk, offset: 0, before }, reject: undefined }
    else {
      for await (const { start, text } of linesOf(readRejects(rejectsKey(load, chunk.chunk), offset), offset)) {
        const stored = JSON.parse(text) as Reject
        const line = before === null || stored.line === null ? null : before + stored.line
        yield { at: { chunk: chunk.chunk, offset: start, before }, reject: { ...stored, line } }
      }
    }
    if (before !== null) before += chunk.lines
    expected = chunk.chunk + 1
  }
}

async function linesBefore(id: string, chunk: number, chunksOf: WalkDeps['chunksOf']): Promise<number | null> {
  let lines = 0
  let expected = 0
  for await (const result of chunksOf(id, 0)) {
    if (result.chunk >= chunk) break
    if (result.chunk !== expected++) return null
    lines += result.lines
  }
  return expected === chunk ? lines : null
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
