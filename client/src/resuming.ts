import { crc32 } from '../../functions/core/loads/crc32.ts'
import { createBatcher } from './batcher.ts'
import { SendError } from './errors.ts'
import { type Batch, beforeUnended, type SendState } from './send-state.ts'

/** What a stream is read from. */
export interface StreamInput {
  /** For messages. */
  readonly name: string
  /** True for a file, of which any part can be read again. False for a pipe, which must come again from its beginning. */
  readonly seekable: boolean
  /** The bytes from `offset` to the end. Of a pipe only 0 can be asked for, and once. */
  readonly from: (offset: number) => AsyncIterable<Uint8Array>
}
interface Resumed {
  /** What a writer resumes with. */
  readonly state: SendState
  /** The batches that were cut and perhaps not accepted, to be sent first. */
  readonly open: readonly { readonly batch: Batch; readonly body: Uint8Array<ArrayBuffer> }[]
  /** The stream from `state.next` on. */
  readonly rest: AsyncIterable<Uint8Array>
}

/**
 * Finds the place where a killed sender stopped. The bytes must be those that it had: of a file the open batches and the last one are compared, of a
 * pipe all that is passed over. A last line without newline was sent as far as it had come; when it has gone on since, all of it is sent once more.
 * @throws SendError `not-resumable`; nothing has been sent then
 */
export function resumeStream(input: StreamInput, state: SendState): Promise<Resumed> {
  return input.seekable ? resumeFile(input, state) : resumePipe(input, state)
}

async function resumeFile({ name, from }: StreamInput, state: SendState): Promise<Resumed> {
  async function again(batch: Batch): Promise<Uint8Array<ArrayBuffer>> {
    const recut = cutAgain(batch, name)
    for await (const bytes of createTaker(from(batch.start)).take(batch.end - batch.start)) recut.push(bytes)
    return recut.body()
  }
  const open: Resumed['open'][number][] = []
  for (const batch of state.open) open.push({ batch, body: await again(batch) })
  const { last } = state
  if (last && !state.open.some(({ number }) => number === last.number)) await again(last)
  const rest = createTaker(from(state.next.offset))
  if (!(await hasGoneOn(rest, state))) return { state, open, rest: rest.rest() }
  const before = beforeUnended(state)
  return { state: before, open, rest: from(before.next.offset) }
}

async function resumePipe({ name, from }: StreamInput, state: SendState): Promise<Resumed> {
  const { offset } = state.next
  const taker = createTaker(from(0))
  const open = state.open.map((batch) => ({ batch, recut: cutAgain(batch, name) }))
  // A batch that ended within a row reaches beyond the place where that row was begun once more.
  const end = Math.max(offset, ...state.open.map((batch) => batch.end))
  /** What may have to be read twice: from the last line without newline on. */
  const keepFrom = Math.min(offset, state.unended?.offset ?? offset)
  const kept: Uint8Array[] = []
  let crc = 0
  let at = 0
  for await (const bytes of taker.take(end)) {
    const within = (start: number, stop: number): Uint8Array => bytes.subarray(Math.max(0, start - at), Math.max(0, stop - at))
    for (const { batch, recut } of open) recut.push(within(batch.start, batch.end))
    crc = crc32(within(0, offset), crc)
    const keep = within(keepFrom, end)
    if (keep.length > 0) kept.push(keep.slice())
    at += bytes.length
  }
  if (at < end) throw new SendError('not-resumable', `${name} ended after ${at} bytes, but ${end} were sent before`)
  const bodies = open.map(({ batch, recut }) => ({ batch, body: recut.body() }))
  if (crc !== state.next.crc32)
    throw new SendError('not-resumable', `the first ${offset} bytes of ${name} are not those that were sent before`)
  const place = (await hasGoneOn(taker, state)) ? beforeUnended(state) : state
  return { state: place, open: bodies, rest: joined(kept, place.next.offset - keepFrom, taker.rest()) }
}

async function* joined(
  first: Iterable<Uint8Array>,
  skip: number,
  then: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = skip
  for (const bytes of first) {
    yield bytes.subarray(left)
    left = Math.max(0, left - bytes.length)
  }
  yield* then
}

/** Cuts a batch out once more, from the same bytes, and makes sure that it is the same. */
function cutAgain({ start, end, crc32 }: Batch, name: string): { push: (bytes: Uint8Array) => void; body: () => Uint8Array<ArrayBuffer> } {
  const batcher = createBatcher({ rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }, start)
  return {
    push: (bytes) => {
      for (const _ of batcher.push(bytes)) throw new Error('a batch without limits was cut')
    },
    body: () => {
      const cut = batcher.take(true)
      if (cut?.end === end && cut.crc32 === crc32) return cut.body
      throw new SendError('not-resumable', `bytes ${start} to ${end} of ${name} are not those that were sent before`)
    },
  }
}

/** True when a last line without newline is longer now. What only ends it is no more of it. */
async function hasGoneOn(taker: Taker, state: SendState): Promise<boolean> {
  if (!state.unended) return false
  const next = await taker.peek()
  return next !== undefined && next !== 10 && next !== 13
}

interface Taker {
  /** The next `bytes` bytes, or what there is of them. */
  readonly take: (bytes: number) => AsyncGenerator<Uint8Array, void, undefined>
  /** The next byte, which stays. */
  readonly peek: () => Promise<number | undefined>
  readonly rest: () => AsyncGenerator<Uint8Array, void, undefined>
}
function createTaker(pieces: AsyncIterable<Uint8Array>): Taker {
  const iterator = pieces[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)
  /** False at the end. */
  async function fill(): Promise<boolean> {
    while (held.length === 0) {
      const next = await iterator.next()
      if (next.done) return false
      held = next.value
    }
    return true
  }
  async function* take(bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = bytes; left > 0 && (await fill()); ) {
      const piece = held.subarray(0, left)
      held = held.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
  return { take, peek: async () => ((await fill()) ? held[0] : undefined), rest: () => take(Number.POSITIVE_INFINITY) }
}
