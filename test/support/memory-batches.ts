import { setImmediate } from 'node:timers/promises'
import type { BatchRecord } from '#core/batches/batch-cut.ts'
import type { BatchRows } from '#core/batches/batch-rows.ts'
import { decodeEnvelope } from '#core/batches/envelope.ts'
import type { BatchLoad, Load } from '#core/loads/load.ts'
import { datasets } from '#datasets'
import { inflatedBody } from '#platform/s3/inflate.ts'

/** The ports of the batch door over loads, rejects and a stream in memory, with DynamoDB's rules; time goes by only when somebody sleeps. */
export class MemoryBatches {
  readonly datasets = datasets
  readonly lanes = 8
  readonly inflate = inflatedBody
  readonly loads = new Map<string, Load>()
  readonly stream: BatchRecord[] = []
  readonly refused = new Map<string, BatchRows['refused']>()
  clock: number
  /** Chunks that the stream does not take; `later` is what happens instead of sending. */
  refuses: (chunk: number) => boolean = () => false
  beforeSend: () => Promise<void> = async () => undefined
  /** Called at every look at a load that is waited for. */
  onLook: () => void = () => undefined

  constructor(clock: number) {
    this.clock = clock
  }

  readonly now = () => this.clock
  readonly sleep = async (ms: number) => {
    this.clock += ms
  }
  readonly findLoad = async (tenant: string, id: string) => {
    await setImmediate()
    this.onLook()
    const load = this.loads.get(id)
    return load?.tenant === tenant ? { ...load } : undefined
  }
  readonly insertLoad = async (load: BatchLoad) => {
    await setImmediate()
    const there = this.loads.get(load.id)
    if (there) return { ...there }
    this.loads.set(load.id, load)
    return undefined
  }
  readonly takeBatch = (load: BatchLoad, lock: { lock: string; lockedUntil: number }, expiresAt: string) =>
    this.#move(load, load.lock, { ...lock, expiresAt })
  readonly acceptBatch = (load: BatchLoad, lock: string, startedAt: string) =>
    this.#move(load, lock, { state: 'loading', startedAt }, 'lock', 'lockedUntil', 'sent')
  readonly releaseBatch = async (load: BatchLoad, lock: string, sent: readonly number[]) => {
    await this.#move(load, lock, { sent }, 'lock', 'lockedUntil')
  }
  readonly storeRefused = async (load: BatchLoad, { refused }: BatchRows) => {
    this.refused.set(load.id, refused)
  }
  readonly sendRecords = async (records: readonly BatchRecord[]) => {
    await this.beforeSend()
    const taken = records.filter(({ chunk }) => !this.refuses(chunk))
    this.stream.push(...taken)
    return new Set(taken.map(({ chunk }) => chunk))
  }

  /** Headers of the records in the stream. */
  get sent() {
    return this.stream.map(({ data }) => decodeEnvelope(data).header)
  }

  async #move(
    { id }: BatchLoad,
    lock: string | undefined,
    set: Partial<BatchLoad>,
    ...remove: (keyof BatchLoad)[]
  ): Promise<BatchLoad | undefined> {
    await setImmediate()
    const load = this.loads.get(id) as BatchLoad
    if (load.state !== 'receiving' || load.lock !== lock) return undefined
    const moved = Object.fromEntries(
      Object.entries({ ...load, ...set }).filter(([name]) => !remove.some((r) => r === name)),
    ) as unknown as BatchLoad
    this.loads.set(id, moved)
    return moved
  }
}
