import { finalStates, type Receipt } from '../../functions/core/loads/receipt.ts'
import { rowLine } from './batch.ts'
import { type BatchLimits, type Cut, createBatcher, mostBatchBytes } from './batcher.ts'
import { SendError } from './errors.ts'
import { randomKey } from './keys.ts'
import type { Millrace } from './millrace.ts'
import type { Clock } from './retry.ts'
import type { CloseOptions, Piece, RowWriter, WriterOptions } from './row-writer.ts'
import { type AcceptedBatch, type Batch, batchKey, newState, type SendTotal, withAccepted, withCut, withSettled } from './send-state.ts'
import { createSettler } from './settling.ts'

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

  /** What the batches wait for that are looked at, the oldest first. */
  const looks = new Map<string, Receipt['waiting']>()

  const settler = createSettler({
    waitFor: (load) => client.waitFor(load, { signal, onReceipt: ({ waiting }) => void looks.set(load, waiting) }),
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
    looks.delete(batch.load)
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
    pending: () => ({
      inFlight: inFlight.size,
      held: batcher.rows(),
      waiting: [...looks.values()].find((waiting) => waiting !== null) ?? null,
    }),
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
