import type { Mark, Parking } from '#core/records/parking.ts'
import type { Trouble } from '#core/records/trouble.ts'
import type { StreamRecord } from '#core/stream-record.ts'

/** Marks and parked records in memory, by the rules of DynamoDB's conditions and of S3's keys. */
export class MemoryParking implements Parking {
  readonly marks = new Map<string, Mark>()
  readonly objects = new Map<string, readonly StreamRecord[]>()
  readonly woken: string[] = []

  find = async (dataset: string): Promise<Mark | undefined> => this.marks.get(dataset)
  open = async (dataset: string, { code, detail }: Trouble): Promise<Mark> => {
    const mark = this.marks.get(dataset) ?? { dataset, code, detail, since: new Date().toISOString(), parked: 0, wokenAt: 0 }
    this.marks.set(dataset, mark)
    return mark
  }
  put = async (dataset: string, records: readonly StreamRecord[]): Promise<string> => {
    const [first, last] = [records[0]!, records.at(-1)!].map(({ sequenceNumber }) => sequenceNumber.padStart(56, '0'))
    const key = `parked/${dataset}/${first}-${last}`
    this.objects.set(key, [...records])
    return key
  }
  count = async (dataset: string): Promise<boolean> => {
    const mark = this.marks.get(dataset)
    if (!mark) return false
    this.marks.set(dataset, { ...mark, parked: mark.parked + 1 })
    return true
  }
  remove = async (key: string): Promise<void> => void this.objects.delete(key)
  wake = async ({ dataset }: Mark): Promise<void> => void this.woken.push(dataset)
  list = async (dataset: string): Promise<string[]> => [...this.objects.keys()].filter((key) => key.startsWith(`parked/${dataset}/`)).sort()
  read = async (key: string): Promise<readonly StreamRecord[] | undefined> => this.objects.get(key)
  close = async ({ dataset, since, parked }: Mark): Promise<boolean> => {
    const mark = this.marks.get(dataset)
    if (mark && (mark.since !== since || mark.parked !== parked)) return false
    this.marks.delete(dataset)
    return true
  }
}
