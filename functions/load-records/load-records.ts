import { EnvelopeError, type EnvelopeHeader, readEnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { Waiting } from '#core/loads/load.ts'
import { park } from '#core/records/park.ts'
import type { Parking } from '#core/records/parking.ts'
import type { Announced, RecordPorts } from '#core/records/ports.ts'
import { putAside } from '#core/records/put-aside.ts'
import { loadTogether } from '#core/records/together.ts'
import { transactionsOf } from '#core/records/transactions.ts'
import { type MetTrouble, Troubles } from '#core/records/trouble.ts'
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

/**
 * Loads what one shard handed over: dataset by dataset, many chunks in one transaction. Records of a dataset are committed in their order, and none
 * after one that must come again. One that can never be loaded is set aside whole, and those behind it go on.
 */
export function createLoadRecords(deps: LoadRecordsDeps): LoadRecords {
  return async (records, timeLeft) => {
    const places = new Map(records.map((record, i) => [record, i]))
    let first = records.length
    const comesAgain = (record: StreamRecord, error: unknown): void => {
      deps.delayed(record, error)
      first = Math.min(first, places.get(record)!)
    }
    const groups = await groupsOf(deps, records, comesAgain)
    const waiting = groups.entries()
    const work = async (): Promise<void> => {
      for (const [dataset, group] of waiting) await loadGroup(deps, dataset, group, timeLeft, comesAgain)
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return records[first]
  }
}

/** What can be read, by dataset. When a record can neither be read nor set aside, nothing behind it is touched: nobody knows what it would overtake. */
async function groupsOf(
  deps: LoadRecordsDeps,
  records: readonly StreamRecord[],
  comesAgain: (record: StreamRecord, error: unknown) => void,
): Promise<ReadonlyMap<Dataset, Announced[]>> {
  const groups = new Map<Dataset, Announced[]>()
  for (const record of records) {
    const header = headerOf(record)
    const dataset = header instanceof LoadError ? undefined : deps.findDataset(header.dataset)
    if (header instanceof LoadError || !dataset) {
      const known = header instanceof LoadError ? undefined : header
      const reason = header instanceof LoadError ? header : new LoadError('dataset-not-found', `There is no dataset "${header.dataset}".`)
      try {
        await putAside(deps, record, known, reason)
      } catch (error) {
        comesAgain(record, error)
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

/**
 * One transaction after the other; the time left is looked at before each but the first, or a short one would only pass the records on. While the
 * dataset's table takes no rows its records are parked, and hold up nobody.
 */
async function loadGroup(
  deps: LoadRecordsDeps,
  dataset: Dataset,
  group: readonly Announced[],
  timeLeft: () => number,
  comesAgain: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  try {
    const mark = await deps.parking.find(dataset.name)
    if (mark && (await park(deps, mark, group))) return
  } catch (error) {
    return comesAgain(group[0]!.record, error)
  }
  let slowest = 0
  for (const [n, part] of transactionsOf(group).entries()) {
    if (n > 0 && timeLeft() < reserve + 2 * slowest) return comesAgain(part[0]!.record, new Error('the time of the invocation is over'))
    const began = timeLeft()
    const troubles = new Troubles(comesAgain)
    const whole = await loadTogether(deps, dataset, part, () => timeLeft() - reserve, troubles.take)
    if (troubles.first) return parkFrom(deps, dataset, group, troubles.first, comesAgain)
    if (!whole) return
    slowest = Math.max(slowest, began - timeLeft())
  }
}

/** Parks the record that met the trouble and all behind it: those before it are committed, or set aside. */
async function parkFrom(
  deps: LoadRecordsDeps,
  { name }: Dataset,
  group: readonly Announced[],
  { record, trouble }: MetTrouble,
  comesAgain: (record: StreamRecord, error: unknown) => void,
): Promise<void> {
  try {
    const mark = await deps.parking.open(name, trouble)
    if (await park(deps, mark, group.slice(group.findIndex((one) => one.record === record)))) return
    comesAgain(record, new Error('the table took rows again before the records were parked'))
  } catch (error) {
    comesAgain(record, error)
  }
}
