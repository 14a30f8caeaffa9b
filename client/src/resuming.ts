import { crc32 } from '../../functions/core/crc32.ts'
import { createBatcher } from './batcher.ts'
import { SendError } from './errors.ts'
import type { Batch, SendState } from './send-state.ts'

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
  /** The batches that were cut and perhaps not accepted, to be sent first. */
  readonly open: readonly { readonly batch: Batch; readonly body: Uint8Array<ArrayBuffer> }[]
  /** The stream behind all that was cut. */
  readonly rest: AsyncIterable<Uint8Array>
}

/**
 * Finds the place where a killed sender stopped. The bytes must be those that it had: of a file the open batches and the last one are compared, of a
 * pipe all that is passed over.
 * @throws SendError `not-resumable`; nothing has been sent then
 */
export async function resumeStream(input: StreamInput, state: SendState): Promise<Resumed> {
  const { name } = input
  const { offset } = state.next
  const open: Resumed['open'][number][] = []
  if (input.seekable) {
    for (const batch of state.open) open.push({ batch, body: await sameBatch(createTaker(input.from(batch.start)), batch, name) })
    const { last } = state
    if (last && !state.open.some(({ number }) => number === last.number)) await sameBatch(createTaker(input.from(last.start)), last, name)
    const rest = createTaker(input.from(offset))
    await checkSeam(rest, state, name)
    return { open, rest: rest.rest() }
  }
  const taker = createTaker(input.from(0))
  let crc = 0
  let at = 0
  const pass = (bytes: Uint8Array): void => {
    crc = crc32(bytes, crc)
    at += bytes.length
  }
  for (const batch of state.open) {
    for await (const bytes of taker.take(batch.start - at)) pass(bytes)
    open.push({ batch, body: await sameBatch(taker, batch, name, pass) })
  }
  for await (const bytes of taker.take(offset - at)) pass(bytes)
  if (at < offset) throw new SendError('not-resumable', `${name} ended after ${at} bytes, but ${offset} were sent before`)
  if (crc !== state.next.crc32)
    throw new SendError('not-resumable', `the first ${offset} bytes of ${name} are not those that were sent before`)
  await checkSeam(taker, state, name)
  return { open, rest: taker.rest() }
}

/** Cuts a batch out once more, and makes sure that it is the same. */
async function sameBatch(
  taker: Taker,
  batch: Batch,
  name: string,
  onBytes?: (bytes: Uint8Array) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { start, end } = batch
  const batcher = createBatcher({ rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }, start)
  for await (const bytes of taker.take(end - start)) {
    onBytes?.(bytes)
    for (const _ of batcher.push(bytes)) throw new Error('a batch without limits was cut')
  }
  const cut = batcher.take(true)
  if (cut?.end !== end || cut.crc32 !== batch.crc32)
    throw new SendError('not-resumable', `bytes ${start} to ${end} of ${name} are not those that were sent before`)
  return cut.body
}

/** A last row without a newline was sent as far as it had come: if it has gone on since, its rest must not become a row. */
async function checkSeam(taker: Taker, state: SendState, name: string): Promise<void> {
  if (!state.unended) return
  const next = await taker.peek()
  if (next !== undefined && next !== 10 && next !== 13)
    throw new SendError(
      'not-resumable',
      `${name} ended at byte ${state.next.offset} within a row that has grown since: it was sent as far as it had come`,
    )
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
