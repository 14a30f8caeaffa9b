import { readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { loadAtPace, type Paces, type Time } from '#core/records/at-pace.ts'
import type { Mark } from '#core/records/parking.ts'
import type { Announced, RecordPorts } from '#core/records/ports.ts'
import { setAsideAndFail } from '#core/records/set-aside-and-fail.ts'
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
  /** Says that the invocation still has it. */
  readonly renew: (dataset: string, milliseconds: number) => Promise<void>
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
  /** Milliseconds after which records are set aside, from their arrival on, if the table has taken none of its dataset for some minutes. */
  readonly patience: number
  readonly now: () => number
}

export type DrainParked = (message: DrainMessage, timeLeft: () => number) => Promise<void>

/** Milliseconds kept for showing what was committed, and for the answer. */
const reserve = 10_000
/** Milliseconds of a drainer's turn: then other datasets have theirs. Only a single record that takes longer may use up its time. */
const turn = 45_000
/** Share of the turn that a transaction may take, so that smaller ones have time after it. */
const share = 1 / 3
/** Seconds until the next look at a table that takes no rows: the first, and the longest. */
const [firstDelay, longestDelay] = [2, 30]
/** Milliseconds after which another drainer may have the dataset of one that died, and how often a living one says that it has it. */
const [leaseTime, beat] = [30_000, 10_000]

/** Looks in vain, one after the other, after which a trouble is none of a moment: with the waits between them nine minutes. */
const lastingFailures = 20

type Outcome = 'done' | 'more' | 'stuck'

/**
 * Commits what is parked of a dataset, in order, for a while and as fast as the table takes it, and takes the mark away when nothing is left. It may
 * die anywhere: an object goes only once all of it is committed, and the ledger takes a chunk once.
 */
export function createDrainParked(deps: DrainParkedDeps): DrainParked {
  const paces: Paces = new Map()
  return async ({ dataset: name, failures }, timeLeft) => {
    const outcome = await leased(deps, name, () => drain(deps, name, failures, timeLeft, paces)).catch((error: unknown) => {
      // A message that used up its receives would be the last one: nobody else sends for a drainer of a dataset that gets no more records.
      deps.failed(name, error)
      return 'stuck' as const
    })
    if (outcome === 'done') return
    if (outcome === 'taken') return deps.sendAgain({ dataset: name, failures }, longestDelay)
    if (outcome === 'more') return deps.sendAgain({ dataset: name, failures: 0 }, 0)
    await deps.sendAgain({ dataset: name, failures: failures + 1 }, Math.min(longestDelay, firstDelay * 2 ** failures))
  }
}

/** @returns `taken` when another drainer has the dataset */
async function leased(deps: DrainParkedDeps, name: string, work: () => Promise<Outcome>): Promise<Outcome | 'taken'> {
  if (!(await deps.find(name))) return 'done'
  if (!(await deps.lease(name, leaseTime))) return 'taken'
  const renewing = setInterval(() => void deps.renew(name, leaseTime).catch(() => undefined), beat)
  try {
    return await work()
  } finally {
    clearInterval(renewing)
    await deps.release(name)
  }
}

async function drain(deps: DrainParkedDeps, name: string, failures: number, timeLeft: () => number, paces: Paces): Promise<Outcome> {
  const end = timeLeft() - Math.min(turn, timeLeft() - reserve)
  const left = (): number => timeLeft() - end
  const time = { left, ofTry: (records: number) => (records > 1 ? left() * share : timeLeft() - reserve) }
  const enough = left() * share
  for (;;) {
    // Before the list: what is counted after this is not in it for certain.
    const mark = await deps.find(name)
    if (!mark) return 'done'
    const keys = await deps.list(name)
    if (keys.length === 0 && (await deps.close(mark))) return 'done'
    for (const key of keys) {
      if (left() < enough) return 'more'
      const outcome = await drainObject(deps, name, key, failures, time, paces)
      if (outcome !== 'done') return outcome
      await deps.remove(key)
    }
    if (left() < enough) return 'more'
  }
}

/** @returns `done` when all of it is committed or set aside */
async function drainObject(deps: DrainParkedDeps, name: string, key: string, failures: number, time: Time, paces: Paces): Promise<Outcome> {
  const group: Announced[] = ((await deps.read(key)) ?? []).map((record) => ({ record, header: readEnvelopeHeader(record.data) }))
  const dataset = deps.findDataset(name)
  if (!dataset) {
    await setAsideAll(deps, group, new LoadError('dataset-not-found', `There is no dataset "${name}".`))
    return 'done'
  }
  const progress = await loadAtPace(deps, dataset, group, time, paces, deps.delayed)
  switch (progress.kind) {
    case 'done':
      return 'done'
    case 'no-time':
      return 'more'
    case 'redelivered':
      return 'stuck'
    case 'trouble': {
      const { rest, trouble } = progress
      const isOld = ({ record }: Announced): boolean => deps.now() - Date.parse(record.arrivedAt) >= deps.patience
      // All or none: what is set aside of an object that stays would be committed later, under a load that has failed.
      if (failures < lastingFailures || !rest.every(isOld)) return 'stuck'
      const { code, detail } = trouble
      const reason = new LoadError(code === 'table-changed' || code === 'table-missing' ? code : 'table-refused', detail)
      await setAsideAll(deps, rest, reason)
      return 'done'
    }
  }
}

async function setAsideAll(deps: DrainParkedDeps, records: readonly Announced[], reason: LoadError): Promise<void> {
  for (const { record, header } of records) await setAsideAndFail(deps, record, header, reason)
}
