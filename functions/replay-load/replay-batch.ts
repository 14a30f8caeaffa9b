import type { ReplayOrder } from '#core/api/replay-contract.ts'
import type { BatchRecord } from '#core/batches/batch-cut.ts'
import { type DeadLetter, type DeadRecord, inOrder, isEarlier, recordIn, type StoredLetters } from '#core/batches/dead-letter.ts'
import { replayed } from '#core/batches/envelope.ts'
import { type OrderAnswer, type OrderQuestion, orderMatters } from '#core/batches/order.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import { type BatchLoad, type ChunkResult, effectiveState } from '#core/loads/load.ts'
import { finalStates, type LoadState } from '#core/loads/receipt.ts'
import { missingChunks, named } from './missing-chunks.ts'
import type { NoReplay, ReplayPlan } from './plan.ts'
import { harmless } from './replay-file.ts'

export interface ReplayBatchDeps {
  readonly datasets: ReadonlyMap<string, Dataset>
  readonly chunksOf: (id: string, from: number) => AsyncIterable<ChunkResult>
  readonly lettersOf: (id: string) => AsyncIterable<DeadLetter>
  /** What is set aside of a tenant's batches into a dataset, newest first. */
  readonly listLetters: (
    tenant: string,
    filter: { dataset: string },
    limit: number,
    after: undefined,
  ) => Promise<{ deadLetters: readonly DeadLetter[] }>
  readonly readLetters: (key: string) => Promise<StoredLetters | undefined>
  readonly checkOrder: (question: OrderQuestion) => Promise<OrderAnswer>
  /** failed → loading, or receiving when it is not known that all of its chunks were sent. */
  readonly reopenBatch: (load: BatchLoad, allSent: boolean) => Promise<LoadState | undefined>
  /** Sends records, those of one partition key one after the other. @returns the chunks that were acknowledged */
  readonly sendRecords: (records: readonly BatchRecord[], timeLeft: () => number) => Promise<ReadonlySet<number>>
  readonly noteSentAgain: (deadLetter: DeadLetter) => Promise<void>
  /** Ends the load when all of its chunks are shown: nothing may have been missing but the end. */
  readonly finishLoad: (id: string) => Promise<void>
  readonly now: () => number
}

/** What is kept of the time to note what was sent, and to answer, milliseconds. */
const noteTime = 3000
/** Dead letters that are noted at once. */
const notesAtOnce = 16

/** What was set aside is put into the stream again, behind all that is there: load-records does with it what it does with every record. */
export async function planBatch(load: BatchLoad, deps: ReplayBatchDeps): Promise<ReplayPlan | NoReplay> {
  const deadLetters: DeadLetter[] = []
  for await (const deadLetter of deps.lettersOf(load.id)) deadLetters.push(deadLetter)
  const { missing, missingCount, committed } = await missingChunks(load, deps, new Set(deadLetters.map(({ chunk }) => chunk)))
  const dead = inOrder(deadLetters.filter(({ chunk }) => !committed.has(chunk)))
  const chunks = {
    planned: load.planned,
    committed: load.committed,
    missing,
    missingCount,
    dead: named(dead.map(({ chunk }) => chunk).sort((a, b) => a - b)),
    deadCount: dead.length,
  }
  const refusal = refusalOf(load, dead.length, missingCount, deps.now())
  if (refusal !== undefined) return { would: 'nothing', reason: refusal, chunks, into: null }
  return {
    would: 'send',
    reason: `${whatGoes(dead.length)}; send {"dryRun": false} to do it`,
    chunks,
    into: null,
    order: () => orderOf(load, dead, deps),
    act: (allowOlderRows, timeLeft) => send({ load, dead, allowOlderRows, allSent: missingCount === 0 }, timeLeft, deps),
  }
}

function whatGoes(dead: number): string {
  if (dead === 0) return 'All chunks are committed: the load is ended anew'
  return `${dead} ${dead === 1 ? 'chunk goes' : 'chunks go'} into the stream again`
}

/** Why there is nothing to do, or undefined. A load whose chunks came after all, once it had failed, need only be ended anew. */
function refusalOf(load: BatchLoad, dead: number, missing: number | null, now: number): string | undefined {
  const state = effectiveState(load, now)
  if (state === 'complete') return 'The load is complete: every row is accounted for, and nothing is missing'
  if (dead > 0 && (state === 'failed' || !finalStates.has(state))) return undefined
  if (state === 'failed' && missing === 0) return undefined
  if (state === 'receiving' || state === 'expired')
    return `The load is ${state}: not all of the batch was accepted. Send it again with the same Idempotency-Key`
  return 'Nothing of the batch is set aside. Chunks that are missing are still in the stream'
}

async function orderOf(load: BatchLoad, dead: readonly DeadLetter[], deps: ReplayBatchDeps): Promise<ReplayOrder> {
  const dataset = deps.datasets.get(load.dataset)
  if (!dataset || !orderMatters(dataset)) return { verdict: 'harmless', detail: harmless(dataset), older: [], first: [] }
  const first = await acceptedBefore(load, dead, deps)
  const { older } = await deps.checkOrder({
    kind: 'deadLetters',
    dataset: dataset.name,
    deadLetters: dead.map(({ load: id, chunk, sequenceNumber, arrivedAt, lane, lanes, object, record }) => {
      return { load: id, chunk, position: sequenceNumber, arrivedAt, lane, lanes, object, record }
    }),
  })
  if (older.length === 0) return { verdict: 'safe', detail: 'No newer row of the same keys is in the table.', older: [], first }
  const rows = older.reduce((sum, chunk) => sum + chunk.rows, 0)
  const detail = `${rows} ${rows === 1 ? 'row' : 'rows'} may take the place of newer ones: later batches of the same keys are in the table.`
  return { verdict: 'older-rows', detail, older: named(older), first }
}

/** Dead letters that are looked at for others of the same lanes. */
const mostLetters = 200

/** Other loads of which chunks of the same lanes came before: replayed after this one, their rows would be the older ones. In their order. */
async function acceptedBefore(
  { id, tenant, dataset }: BatchLoad,
  dead: readonly DeadLetter[],
  { listLetters }: ReplayBatchDeps,
): Promise<string[]> {
  const { deadLetters } = await listLetters(tenant, { dataset }, mostLetters, undefined)
  const before = deadLetters.filter(
    (other) =>
      other.load !== id && dead.some(({ lane, sequenceNumber }) => lane === other.lane && isEarlier(other.sequenceNumber, sequenceNumber)),
  )
  return [...new Set(inOrder(before).map(({ load }) => load))]
}

interface Sending {
  readonly load: BatchLoad
  /** In the order in which they were accepted. */
  readonly dead: readonly DeadLetter[]
  readonly allowOlderRows: boolean
  /** True when each chunk is in the table, or was set aside: all have been in the stream. */
  readonly allSent: boolean
}

/** First the state: what is sent may be committed at once. Should the sending fail, what is left is still set aside. */
async function send({ load, dead, allowOlderRows, allSent }: Sending, timeLeft: () => number, deps: ReplayBatchDeps): Promise<string> {
  const records = await recordsOf(load, dead, allowOlderRows, deps)
  if (load.state === 'failed') await deps.reopenBatch(load, allSent)
  const acknowledged = await deps.sendRecords(records, () => timeLeft() - noteTime)
  const sent = dead.filter(({ chunk }) => acknowledged.has(chunk))
  for (let i = 0; i < sent.length; i += notesAtOnce) await Promise.all(sent.slice(i, i + notesAtOnce).map(deps.noteSentAgain))
  if (sent.length < dead.length) {
    const detail = `The stream took ${sent.length} of ${dead.length} chunks; replay the load again for the others`
    throw new RequestError('stream-unavailable', detail, { retryAfter: 2 })
  }
  await deps.finishLoad(load.id)
  return load.id
}

/** In the order in which they were accepted, each object read once. */
async function recordsOf(
  load: BatchLoad,
  dead: readonly DeadLetter[],
  allowOlderRows: boolean,
  { datasets, readLetters }: ReplayBatchDeps,
): Promise<BatchRecord[]> {
  const dataset = datasets.get(load.dataset)
  const ordered = dataset !== undefined && orderMatters(dataset)
  const found = new Map<number, BatchRecord>()
  for (const [key, deadLetters] of Map.groupBy(dead, ({ object }) => object)) {
    const object = await readLetters(key)
    for (const deadLetter of deadLetters) {
      const record = object && recordIn(object, deadLetter)
      if (!record)
        throw new RequestError(
          'dead-letter-expired',
          `${key} is no longer kept, and with it chunk ${deadLetter.chunk}; send the batch again`,
        )
      const { chunk, partitionKey } = deadLetter
      found.set(chunk, { chunk, partitionKey, data: ordered ? placed(record, deadLetter, allowOlderRows) : record.data })
    }
  }
  return dead.map(({ chunk }) => found.get(chunk)!)
}

/** With the place that it had, so that load-records holds it against what came after. */
function placed({ data }: DeadRecord, { sequenceNumber: position, arrivedAt }: DeadLetter, allowOlderRows: boolean): Buffer {
  try {
    return replayed(data, { position, arrivedAt, allowOlderRows })
  } catch (error) {
    // It cannot be read, and will be set aside again: as it is.
    if (error instanceof LoadError) return data
    throw error
  }
}
