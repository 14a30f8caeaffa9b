import { randomUUID } from 'node:crypto'
import type { BatchRecord, CutBatch } from '#core/batches/batch-cut.ts'
import type { BatchRows } from '#core/batches/batch-rows.ts'
import { RequestError } from '#core/errors.ts'
import type { BatchLoad, Load } from '#core/loads/load.ts'

/** What the sending of a batch needs of the world. */
export interface Sending {
  /** @returns the load that has the id already, when another request was first */
  readonly insertLoad: (load: BatchLoad) => Promise<Load | undefined>
  /** These two: @returns undefined when the load is no longer as it was */
  readonly takeBatch: (load: BatchLoad, lock: { lock: string; lockedUntil: number }, expiresAt: string) => Promise<BatchLoad | undefined>
  readonly acceptBatch: (load: BatchLoad, lock: string, startedAt: string) => Promise<BatchLoad | undefined>
  /** Gives the lock back, with the chunks that were acknowledged. */
  readonly releaseBatch: (load: BatchLoad, lock: string, sent: readonly number[]) => Promise<void>
  /** Stores the rejects of chunk 0. */
  readonly storeRefused: (load: BatchLoad, batch: BatchRows) => Promise<void>
  /** @returns the chunks that the stream has acknowledged within the time */
  readonly sendRecords: (records: readonly BatchRecord[], timeLeft: () => number) => Promise<ReadonlySet<number>>
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly now: () => number
}

/** The rows of a batch, and the records they make. */
interface Whole {
  readonly batch: BatchRows
  readonly cut: CutBatch
}
interface Batch extends Whole {
  /** As it is when nobody has sent it before. */
  readonly load: BatchLoad
  /** Reads and cuts the batch as a load wants it that was begun before. */
  readonly again: (begun: BatchLoad) => Promise<Whole>
  /** Milliseconds until the function is stopped. */
  readonly timeLeft: () => number
}
/** What became of it, and the rows as its load has them. */
interface Sent extends Whole {
  readonly load: Load
  /** True when it had been accepted before. */
  readonly replayed: boolean
}

/**
 * How far clocks of two functions may differ, milliseconds. A lock that is taken too early all the same costs records that are sent twice, and
 * nothing else: both requests send the same chunks, each lane's in the same order, and the ledger takes each once.
 * A lock that lasts longer than any function runs was written by a clock that was wrong, and is none.
 */
const clockSkew = 5000
const longestLock = 29_000 + 2 * clockSkew
/** What is kept of the time to note what was sent, and to answer, milliseconds. */
const noteTime = 3000
/** Seconds after which a request that met another one, or a stream that was too busy, is worth sending again. */
const [busyRetryAfter, streamRetryAfter] = [2, 2]
const day = 86_400_000

/**
 * Sends what is missing of a batch, under a lock that lasts as long as this function can: so nobody takes it while it may still send, and it does not
 * stay when the function dies.
 *
 *   no item                      → written with the lock  → send all
 *   item, another request's rows → 422
 *   item, no longer receiving    → accepted before        → its receipt
 *   item, locked                 → being sent             → 409
 *   item, lock over              → taken over             → send what is not noted as sent
 */
export async function send(deps: Sending, batch: Batch): Promise<Sent> {
  const lock = randomUUID()
  const lockedUntil = deps.now() + batch.timeLeft() + clockSkew
  const opened: BatchLoad = { ...batch.load, lock, lockedUntil }
  const met = await deps.insertLoad(opened)
  // An answer of DynamoDB that was lost, and the SDK asked again: the lock is then our own.
  if (!met || lockOf(met) === lock) return sendAll(deps, opened, lock, batch, batch.timeLeft)
  if (met.door !== 'batch' || met.fingerprint !== opened.fingerprint)
    throw new RequestError('idempotency-key-reused', `The key belongs to load ${met.id}, which has other rows; use a new key`)
  if (met.state !== 'receiving') return { ...batch, load: met, replayed: true }
  if (isLocked(met, deps.now())) throw inFlight()
  const whole = await batch.again(met)
  const { cut } = whole
  if (cut.crc32 !== met.uploadedCrc32 || cut.records.length !== met.planned)
    throw new RequestError(
      'idempotency-key-reused',
      `Load ${met.id} was begun when the dataset was declared otherwise, and cannot be gone on with; use a new key`,
    )
  const taken = await deps.takeBatch(met, { lock, lockedUntil }, new Date(deps.now() + day).toISOString())
  const load = taken ?? (await deps.findLoad(met.tenant, met.id))
  if (load && load.state !== 'receiving') return { ...batch, load, replayed: true }
  if (load?.door !== 'batch' || lockOf(load) !== lock) throw inFlight()
  return sendAll(deps, load, lock, whole, batch.timeLeft)
}

const lockOf = (load: Load): string | undefined => (load.door === 'batch' ? load.lock : undefined)
const isLocked = ({ lockedUntil = 0 }: BatchLoad, now: number): boolean => lockedUntil > now && lockedUntil <= now + longestLock

const inFlight = (): RequestError =>
  new RequestError('batch-in-flight', 'Another request is sending this batch; ask again in a moment', { retryAfter: busyRetryAfter })

/** Where this fails too, the lock ends by itself, and what was sent is sent again. */
async function giveBack({ releaseBatch }: Sending, load: BatchLoad, lock: string, sent: ReadonlySet<number>): Promise<void> {
  await releaseBatch(load, lock, [...sent]).catch(() => undefined)
}

async function sendAll(deps: Sending, load: BatchLoad, lock: string, whole: Whole, timeLeft: () => number): Promise<Sent> {
  const { batch, cut } = whole
  const sent = new Set(load.sent ?? [])
  const missing = cut.records.filter(({ chunk }) => !sent.has(chunk))
  try {
    // Before the record that counts them: what the receipt says is rejected can be read.
    if (batch.refused.length > 0 && !sent.has(0)) await deps.storeRefused(load, batch)
    for (const chunk of await deps.sendRecords(missing, () => timeLeft() - noteTime)) sent.add(chunk)
  } catch (error) {
    await giveBack(deps, load, lock, sent)
    throw error
  }
  if (sent.size < cut.records.length) {
    await giveBack(deps, load, lock, sent)
    const detail = `The stream took ${sent.size} of ${cut.records.length} records in time. Send the same request again: it goes on with the missing ones`
    throw new RequestError('stream-unavailable', detail, { retryAfter: streamRetryAfter })
  }
  const accepted = await deps.acceptBatch(load, lock, new Date(deps.now()).toISOString())
  return { ...whole, load: accepted ?? (await deps.findLoad(load.tenant, load.id)) ?? load, replayed: false }
}
