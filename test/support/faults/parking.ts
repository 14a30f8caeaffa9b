import type { Mark, Parking } from '#core/records/parking.ts'
import type { Stage } from './stage.ts'

/** A drainer that was sent for is on its way for so long, milliseconds: as in `platform/dynamodb/parking-marks.ts`. */
const onItsWay = 120_000

/** Where records are parked, as the consumer sees it. */
export function parkingOf(stage: Stage): Parking {
  const { parking, parkedQueue } = stage
  return {
    find: (dataset) => alive(stage, () => parking.find(dataset)),
    open: (dataset, trouble) => alive(stage, () => parking.open(dataset, trouble)),
    put: (dataset, records) => alive(stage, () => parking.put(dataset, records)),
    async count(dataset) {
      stage.die('the consumer dies before it counts what it parked')
      return parking.count(dataset)
    },
    remove: (key) => alive(stage, () => parking.remove(key)),
    async wake({ dataset, wokenAt }) {
      stage.die('the consumer dies before it sends for a drainer')
      if (stage.now() - wokenAt < onItsWay) return
      parkedQueue.send(JSON.stringify({ dataset, failures: 0 }), 2)
      changeMark(stage, dataset, { wokenAt: stage.now() })
    },
  }
}

/** A mark with who has it: both go with the mark, and the next one has neither. */
type HeldMark = Mark & { readonly leaseUntil?: number }

/** @returns false when there is no such mark */
export function changeMark({ parking: { marks } }: Stage, dataset: string, change: Partial<HeldMark>): boolean {
  const mark = marks.get(dataset)
  if (mark) marks.set(dataset, { ...mark, ...change })
  return mark !== undefined
}
export const leaseOf = ({ parking: { marks } }: Stage, dataset: string): number =>
  (marks.get(dataset) as HeldMark | undefined)?.leaseUntil ?? 0

export function alive<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  stage.alive()
  return work()
}
