import { EnvelopeError, type EnvelopeHeader, readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import { loadAtPace, type Paces } from '#core/records/at-pace.ts'
import { park } from '#core/records/park.ts'
import type { Parking } from '#core/records/parking.ts'
import type { Announced, RecordPorts } from '#core/records/ports.ts'
import { setAsideAndFail } from '#core/records/set-aside-and-fail.ts'
import type { Trouble } from '#core/records/trouble.ts'
import type { StreamRecord } from '#core/stream-record.ts'

/** What the function needs of the world. */
export interface LoadRecordsDeps extends RecordPorts {
  readonly findDataset: (name: string) => Dataset | undefined
  /** Where records wait whose table takes none. */
  readonly parking: Parking
  /** Says in a load what it waits for. */
  readonly noteWaiting: (load: string, waiting: Waiting) => Promise<void>
  /** Tells of a record that will come again. */
  readonly delayed: (record: StreamRecord, error: unknown) => void
}

/**
 * @param timeLeft milliseconds until the function is stopped
 * @returns the earliest record that must come again, and with it all behind it; undefined when none must
 */
export type LoadRecords = (records: readonly StreamRecord[], timeLeft: () => number) => Promise<StreamRecord | undefined>

/** Milliseconds kept for showing what was committed, and for the answer. */
const reserve = 5_000
/** Datasets that are loaded at once, each over a connection of its own: one that waits for its table holds up no more than one other. */
const atOnce = 2
/** Share of the time left that a transaction may take, so that smaller ones have time after it. One record that needs more is parked: the drainer has it. */
const share = 1 / 3

/**
 * Loads what one shard handed over: dataset by dataset, many chunks in one transaction. Records of a dataset are committed in their order, and none
 * after one that must come again. One that can never be loaded is set aside whole, and those behind it go on.
 */
export function createLoadRecords(deps: LoadRecordsDeps): LoadRecords {
  const paces: Paces = new Map()
  return async (records, timeLeft) => {
    const places = new Map(records.map((record, i) => [record, i]))
    let first = records.length
    const redeliver = (record: StreamRecord, error: unknown): void => {
      deps.delayed(record, error)
      first = Math.min(first, places.get(record)!)
    }
    const groups = await groupsOf(deps, records, redeliver)
    const waiting = groups.entries()
    const work = async (): Promise<void> => {
      for (const [dataset, group] of waiting) await loadGroup(deps, dataset, group, () => timeLeft() - reserve, paces, redeliver)
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return records[first]
  }
}

/** What can be read, by dataset. When a record can neither be read nor set aside, nothing behind it is touched: nobody knows what it would overtake. */
async function groupsOf(
  deps: LoadRecordsDeps,
  records: readonly StreamRecord[],
  redeliver: (record: StreamRecord, error: unknown) => void,
): Promise<ReadonlyMap<Dataset, Announced[]>> {
  const groups = new Map<Dataset, Announced[]>()
  for (const record of records) {
    const header = headerOf(record)
    const dataset = header instanceof LoadError ? undefined : deps.findDataset(header.dataset)
    if (header instanceof LoadError || !dataset) {
      const known = header instanceof LoadError ? undefined : header
      const reason = header instanceof LoadError ? header : new LoadError('dataset-not-found', `There is no dataset "${header.dataset}".`)
      try {
        await setAsideAndFail(deps, record, known, reason)
      } catch (error) {
        redeliver(record, error)
        break
      }
      continue
    }
    const group = groups.get(dataset)
    if (group) group.push({ record, header })
    else groups.set(dataset, [{ record, header }])
  }
  return groups
}

function headerOf({ data }: StreamRecord): EnvelopeHeader | LoadError {
  try {
    return readEnvelopeHeader(data)
  } catch (error) {
    if (error instanceof EnvelopeError) return error
    throw error
  }
}

/** While the dataset's table takes no rows, or too slowly, its records are parked, and hold up nobody. */
async function loadGroup(
  deps: LoadRecordsDeps,
  dataset: Dataset,
  group: readonly Announced[],
  left: () => number,
  paces: Paces,
  redeliver: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  try {
    const mark = await deps.parking.find(dataset.name)
    if (mark && (await park(deps, mark, group))) return
  } catch (error) {
    return redeliver(group[0]!.record, error)
  }
  const progress = await loadAtPace(deps, dataset, group, { left, ofTry: () => left() * share }, paces, redeliver)
  if ('rest' in progress) await parkAll(deps, dataset, progress.rest, progress.trouble, redeliver)
}

async function parkAll(
  deps: LoadRecordsDeps,
  { name }: Dataset,
  records: readonly Announced[],
  trouble: Trouble,
  redeliver: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  const { record } = records[0]!
  try {
    const mark = await deps.parking.open(name, trouble)
    if (await park(deps, mark, records)) return
    redeliver(record, new Error('the table took rows again before the records were parked'))
  } catch (error) {
    redeliver(record, error)
  }
}
