import type { Waiting } from '#core/loads/waiting.ts'
import type { Mark, Parking } from './parking.ts'
import type { Announced } from './ports.ts'

interface ParkDeps {
  readonly parking: Parking
  readonly noteWaiting: (load: string, waiting: Waiting) => Promise<void>
}

/** Loads that are told at once. */
const atOnce = 8

/**
 * Parks records behind a mark, in their order. First the object, then the count: the mark is taken away only while no count comes and no object is there, so what
 * was counted is drained. Cut off anywhere, the records come again: parked twice, the ledger takes them once.
 * @returns false when the mark was gone: nothing is parked any more, and the records may be committed
 */
export async function park({ parking, noteWaiting }: ParkDeps, mark: Mark, records: readonly Announced[]): Promise<boolean> {
  const { dataset, code, detail, since } = mark
  const key = await parking.put(
    dataset,
    records.map(({ record }) => record),
  )
  if (!(await parking.count(dataset))) {
    await parking.remove(key)
    return false
  }
  await parking.wake(mark)
  const loads = new Set(records.map(({ header }) => header.load)).values()
  const tell = async (): Promise<void> => {
    for (const load of loads) await noteWaiting(load, { code, detail, since })
  }
  await Promise.all(Array.from({ length: atOnce }, tell))
  return true
}
