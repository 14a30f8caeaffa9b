import type { Reject } from '../../functions/core/contract.ts'
import { finalStates, type Receipt } from '../../functions/core/receipt.ts'
import { rowLine } from './batch.ts'
import { type BatchLimits, type Cut, createBatcher, mostBatchBytes } from './batcher.ts'
import type { Millrace } from './client.ts'
import { SendError } from './errors.ts'
import { randomKey } from './keys.ts'
import type { Clock } from './retry.ts'
import {
  type AcceptedBatch,
  type Batch,
  batchKey,
  newState,
  type SendState,
  type SendTotal,
  withAccepted,
  withCut,
  withSettled,
} from './send-state.ts'
import { createSettler } from './settling.ts'

export interface WriterOptions {
  readonly dataset: string
  /** Rows of a batch at most. Default 20,000; the server takes 100,000. */
  readonly batchRows?: number
  /** Bytes of a batch at most, before compression; a longer row makes a batch by itself. Default and most 4,000,000: such a batch always fits into a request. */
  readonly batchBytes?: number
  /** Milliseconds a row waits at most for others to fill its batch, when a request may be sent. Default 1,000. */
  readonly batchMs?: number
  /** Batches in flight at most. Default 4; always 1 where the order of acceptance decides which row stays. */
  readonly parallel?: number
  /** Follow every batch until it is committed. Default true. */
  readonly wait?: boolean
  readonly onBatch?: ((event: BatchEvent) => void) | undefined
  /** Called, and waited for, before a batch is sent: with what is saved here another writer can go on where this one was killed. */
  readonly save?: ((state: SendState) => Promise<void>) | undefined
  /** What a killed writer has saved, as `resumeStream` gives it back. Its open batches must be given to `resend` first, then the stream from `next.offset` on. */
  readonly resume?: SendState | undefined
  /** Ends requests at once. What may have been sent is then unknown, but saved. */
  readonly signal?: AbortSignal | undefined
}

/** What has just become known of a batch. `ms` of a settled one is from accepted to committed, by the server's clock. */
export type BatchEvent =
  | { readonly kind: 'accepted'; readonly batch: Batch; readonly receipt: Receipt; readonly rejects: readonly Reject[] }
  | { readonly kind: 'settled'; readonly batch: AcceptedBatch; readonly receipt: Receipt; readonly ms: number | undefined }

/** A row, or NDJSON as it is: text or bytes, cut anywhere. */
export type Piece = object | string | Uint8Array

export interface RowWriter {
  /** Resolves when there is room for more. Await it: what is not awaited is held in memory. */
  readonly write: (piece: Piece) => Promise<void>
  /** Sends what is held, and resolves when all of it is accepted. A line that has begun stays. */
  readonly flush: () => Promise<void>
  /** Sends the rest, and resolves when everything is accepted and, unless `wait` is false, committed. */
  readonly close: (options?: CloseOptions) => Promise<SendTotal>
  /** Sends a batch that a killed writer had cut. */
  readonly resend: (batch: Batch, body: Uint8Array<ArrayBuffer>) => Promise<void>
  readonly state: () => SendState
  /** Batches and rows that are cut and not yet accepted, and rows that are held. */
  readonly pending: () => { readonly inFlight: number; readonly held: number }
  /** The same as a stream: `rows.pipeTo(writer.writable)`; in Node also `pipeline(rows, Writable.fromWeb(writer.writable, { objectMode: true }))`. Closing it closes the writer. */
  readonly writable: WritableStream<Piece>
}
export interface CloseOptions {
  /** False: a line without its newline is not sent; the stream goes on elsewhere. Default true. */
  readonly final?: boolean
  /** Milliseconds to wait for receipts; what is not known then stays pending. Default: as long as it takes. */
  readonly settleMs?: number
}
interface Deps {
  readonly client: Pick<Millrace, 'getDataset' | 'sendBatch' | 'waitFor'>
  readonly clock: Clock
}

/** Accepted batches whose outcome is not known: more are not sent until the receipts catch up. Bounds memory and the saved state. */
const mostUnsettled = 1000

/** A writer for rows without end, with bounded memory: one batch being filled, and those in flight. */
export async function openWriter(options: WriterOptions, { client, clock }: Deps): Promise<RowWriter> {
  const { dataset, onBatch, resume, signal } = options
  if (resume && resume.dataset !== dataset) throw new SendError('not-resumable', `what was saved is a stream into ${resume.dataset}`)
  const { orderingKey, version } = await client.getDataset(dataset, { signal })
  const ordered = orderingKey !== null && version === null
  const parallel = ordered ? 1 : (options.parallel ?? 4)
  const follow = options.wait !== false
  const limits: BatchLimits = { rows: options.batchRows ?? 20_000, bytes: Math.min(options.batchBytes ?? mostBatchBytes, mostBatchBytes) }

  let state = resume ?? newState(dataset, randomKey())
  const batcher = createBatcher(limits, state.next.offset)
  const inFlight = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  /** Wakes who waits for room. There is one at most: writes come one after the other. */
  let wake: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()
  let busy = false
  /** Ends the wait of the batch that is being filled. */
  let timer: AbortController | undefined
  let due = false

  const settler = createSettler({
    waitFor: (load) => client.waitFor(load, { signal }),
    onSettled: settled,
    onFailed: fail,
  })
  if (follow) for (const batch of state.accepted) settler.add(batch)

  const hasRoom = (): boolean => inFlight.size < parallel && state.accepted.length < mostUnsettled
  async function room(): Promise<void> {
    while (!failure && !hasRoom())
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    if (failure) throw failure.error
  }
  function changed(): void {
    wake?.()
    wake = undefined
    sendDue()
  }
  function fail(error: unknown): void {
    failure ??= { error }
    changed()
  }

  function launch(cut: Cut): void {
    timer?.abort()
    timer = undefined
    due = false
    state = withCut(state, cut)
    if (cut.rows > 0) deliver(state.last!, cut.body)
  }
  function deliver(batch: Batch, body: Uint8Array<ArrayBuffer>): void {
    const delivery = send(batch, body)
      .catch(fail)
      .finally(() => {
        inFlight.delete(delivery)
        changed()
      })
    inFlight.add(delivery)
  }
  async function send(batch: Batch, body: Uint8Array<ArrayBuffer>): Promise<void> {
    await options.save?.(state)
    const { receipt, rejects } = await client.sendBatch(dataset, body, {
      key: batchKey(state.stream, batch.number),
      rows: batch.rows,
      signal,
    })
    const followed = follow && !finalStates.has(receipt.state)
    state = withAccepted(state, batch, receipt, followed)
    onBatch?.({ kind: 'accepted', batch, receipt, rejects })
    const accepted = { number: batch.number, load: receipt.id, rows: batch.rows }
    if (followed) settler.add(accepted)
    else if (finalStates.has(receipt.state)) settled(accepted, receipt)
    await options.save?.(state)
  }
  function settled(batch: AcceptedBatch, receipt: Receipt): void {
    if (receipt.state === 'complete' && receipt.rows.received !== batch.rows)
      throw new SendError(
        'row-count-mismatch',
        `batch ${batch.number} had ${batch.rows} rows when it was sent, but its load ${receipt.id} has received ${receipt.rows.received}`,
      )
    state = withSettled(state, batch, receipt)
    onBatch?.({ kind: 'settled', batch, receipt, ms: commitMs(receipt) })
    changed()
  }

  /** A batch that has waited long enough goes as soon as there is room for it; until then it may still grow. */
  function sendDue(): void {
    if (!due || busy || failure || !hasRoom()) return
    const cut = batcher.take(false)
    if (cut) launch(cut)
  }
  function startTimer(): void {
    if (timer || batcher.rows() === 0) return
    const stop = new AbortController()
    timer = stop
    clock.sleep(options.batchMs ?? 1000, stop.signal).then(
      () => {
        due = true
        sendDue()
      },
      () => undefined,
    )
  }

  /** One after the other: the order of writes is the order of rows. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = writing.then(async () => {
      if (failure) throw failure.error
      busy = true
      try {
        await work()
      } finally {
        busy = false
      }
      startTimer()
      sendDue()
    })
    // The next one looks at `failure` itself.
    writing = turn.catch(fail)
    return turn
  }
  async function launchAll(cuts: Iterable<Cut>): Promise<void> {
    for (const cut of cuts) {
      await room()
      launch(cut)
    }
  }
  async function landed(): Promise<void> {
    while (inFlight.size > 0) await Promise.allSettled(inFlight)
    if (failure) throw failure.error
  }

  async function close({ final = true, settleMs }: CloseOptions = {}): Promise<SendTotal> {
    try {
      await inTurn(async () => {
        const cut = batcher.take(final)
        if (cut) await launchAll([cut])
      })
    } finally {
      timer?.abort()
      await landed().finally(() => options.save?.(state))
    }
    if (follow) await settledWithin(settleMs)
    await options.save?.(state)
    if (failure) throw failure.error
    return state.total
  }
  async function settledWithin(ms: number | undefined): Promise<void> {
    const stop = new AbortController()
    const over = ms === undefined ? [] : [clock.sleep(ms, stop.signal).catch(() => undefined)]
    await Promise.race([settler.idle(), ...over])
    stop.abort()
  }

  const writer: RowWriter = {
    write: (piece) => inTurn(() => launchAll(batcher.push(bytesOf(piece)))),
    flush: async () => {
      await inTurn(async () => {
        const cut = batcher.take(false)
        if (cut) await launchAll([cut])
      })
      await landed()
    },
    close,
    resend: (batch, body) =>
      inTurn(async () => {
        await room()
        deliver(batch, body)
      }),
    state: () => state,
    pending: () => ({ inFlight: inFlight.size, held: batcher.rows() }),
    writable: new WritableStream<Piece>(
      { write: (piece) => writer.write(piece), close: async () => void (await close()), abort: (reason) => fail(reason) },
      { highWaterMark: 1 },
    ),
  }
  return writer
}

/** All of some rows, as they come. When they end with an error, what came before it is sent. */
export async function sendRows(rows: AsyncIterable<Piece> | Iterable<Piece>, options: WriterOptions, deps: Deps): Promise<SendTotal> {
  const writer = await openWriter(options, deps)
  try {
    for await (const row of rows) await writer.write(row)
  } catch (error) {
    await writer.close({ final: false }).catch(() => undefined)
    throw error
  }
  return writer.close()
}

const encoder = new TextEncoder()
function bytesOf(piece: Piece): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  return encoder.encode(typeof piece === 'string' ? piece : rowLine(piece))
}

/** The consumer can be done before the door has written down that it is. */
const commitMs = ({ startedAt, committedAt }: Receipt): number | undefined =>
  startedAt === null || committedAt === null ? undefined : Math.max(0, Date.parse(committedAt) - Date.parse(startedAt))
