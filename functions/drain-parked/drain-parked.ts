import { readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { Mark } from '#core/records/parking.ts'
import type { Announced, RecordPorts } from '#core/records/ports.ts'
import { putAside } from '#core/records/put-aside.ts'
import { loadTogether } from '#core/records/together.ts'
import { transactionsOf } from '#core/records/transactions.ts'
import { Troubles } from '#core/records/trouble.ts'
import type { StreamRecord } from '#core/stream-record.ts'

/** A message of the queue: which dataset, and how often in a row its table took nothing. */
export interface DrainMessage {
  readonly dataset: string
  readonly failures: number
}

/** What the function needs of the world. */
export interface DrainParkedDeps extends RecordPorts {
  readonly findDataset: (name: string) => Dataset | undefined
  readonly find: (dataset: string) => Promise<Mark | undefined>
  /** Takes the dataset for this invocation. @returns false when another one has it */
  readonly lease: (dataset: string, milliseconds: number) => Promise<boolean>
  readonly release: (dataset: string) => Promise<void>
  /** Keys of the dataset's objects, the earliest first; a page of them. Empty only when there is none. */
  readonly list: (dataset: string) => Promise<readonly string[]>
  /** Undefined when the object is gone. */
  readonly read: (key: string) => Promise<readonly StreamRecord[] | undefined>
  readonly remove: (key: string) => Promise<void>
  /** Takes the mark away, unless something was parked since it was read. */
  readonly close: (mark: Mark) => Promise<boolean>
  /** @param delay seconds */
  readonly sendAgain: (message: DrainMessage, delay: number) => Promise<void>
  readonly delayed: (record: StreamRecord, error: unknown) => void
  /** Tells of what went wrong with a dataset otherwise. */
  readonly failed: (dataset: string, error: unknown) => void
  /** Milliseconds after which parked records are set aside. */
  readonly patience: number
  readonly now: () => number
}

export type DrainParked = (message: DrainMessage, timeLeft: () => number) => Promise<void>

/** Milliseconds kept for showing what was committed, and for the answer. */
const reserve = 10_000
/** Seconds until the next look at a table that takes no rows: the first, and the longest. */
const [firstDelay, longestDelay] = [2, 30]

/**
 * Commits what is parked of a dataset, in order, for as long as there is time and the table takes it, and takes the mark away when nothing is left. It may
 * die anywhere: an object goes only once all of it is committed, and the ledger takes a chunk once.
 */
export function createDrainParked(deps: DrainParkedDeps): DrainParked {
  return async ({ dataset: name, failures }, timeLeft) => {
    if (!(await deps.find(name))) return
    if (!(await deps.lease(name, timeLeft() + reserve))) return deps.sendAgain({ dataset: name, failures }, longestDelay)
    const outcome = await drain(deps, name, timeLeft).catch((error: unknown) => {
      // A message that used up its receives would be the last one: nobody else sends for a drainer of a dataset that gets no more records.
      deps.failed(name, error)
      return 'stuck' as const
    })
    if (outcome === 'empty') return
    await deps.release(name)
    if (outcome === 'more') return deps.sendAgain({ dataset: name, failures: 0 }, 0)
    await deps.sendAgain({ dataset: name, failures: failures + 1 }, Math.min(longestDelay, firstDelay * 2 ** failures))
  }
}

async function drain(deps: DrainParkedDeps, name: string, timeLeft: () => number): Promise<'empty' | 'more' | 'stuck'> {
  for (;;) {
    // Before the list: what is counted after this is not in it for certain.
    const mark = await deps.find(name)
    if (!mark) return 'empty'
    const keys = await deps.list(name)
    if (keys.length === 0 && (await deps.close(mark))) return 'empty'
    for (const key of keys) {
      if (timeLeft() < 3 * reserve) return 'more'
      if (!(await drainObject(deps, mark, key, timeLeft))) return 'stuck'
      await deps.remove(key)
    }
    if (timeLeft() < 3 * reserve) return 'more'
  }
}

/** @returns false when not all of it is committed or set aside */
async function drainObject(deps: DrainParkedDeps, mark: Mark, key: string, timeLeft: () => number): Promise<boolean> {
  const group: Announced[] = ((await deps.read(key)) ?? []).map((record) => ({ record, header: readEnvelopeHeader(record.data) }))
  const dataset = deps.findDataset(mark.dataset)
  if (!dataset) return setAsideAll(deps, group, new LoadError('dataset-not-found', `There is no dataset "${mark.dataset}".`))
  for (const part of transactionsOf(group)) {
    const troubles = new Troubles(deps.delayed)
    if (await loadTogether(deps, dataset, part, () => timeLeft() - reserve, troubles.take)) continue
    const met = troubles.first
    if (!met || deps.now() - Date.parse(mark.since) < deps.patience) return false
    const rest = group.slice(group.findIndex(({ record }) => record === met.record))
    const { code, detail } = met.trouble
    return setAsideAll(deps, rest, new LoadError(code === 'table-changed' || code === 'table-missing' ? code : 'table-refused', detail))
  }
  return true
}

async function setAsideAll(deps: DrainParkedDeps, records: readonly Announced[], reason: LoadError): Promise<true> {
  for (const { record, header } of records) await putAside(deps, record, header, reason)
  return true
}
