import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { type ChunkResult, type Load, receiptOf } from '#core/loads/load.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { recordStore } from '#platform/postgres/record-store.ts'
import { createDrainParked, type DrainMessage } from '../../functions/drain-parked/drain-parked.ts'
import { createLoadRecords, type LoadRecordsDeps } from '../../functions/load-records/load-records.ts'
import { acceptedBatch, type BatchOptions } from './accepted-batch.ts'
import { MemoryBreaker } from './memory-breaker.ts'
import { MemoryLoads } from './memory-loads.ts'
import { MemoryParking } from './memory-parking.ts'
import { memoryRejects, type StoredReject } from './memory-rejects.ts'

/** The real consumer on a real Postgres; stream, projection, rejects and dead letters are in memory, so that a test can cut in anywhere. */
export class Consumer {
  readonly #loads = new MemoryLoads<Load>()
  readonly loads = this.#loads.items
  readonly projected = this.#loads.projected
  readonly rejects = new Map<string, readonly StoredReject[]>()
  readonly setAside: { readonly record: StreamRecord; readonly header: EnvelopeHeader | undefined; readonly reason: string }[] = []
  readonly delayed: unknown[] = []
  readonly parking = new MemoryParking()
  readonly sentAgain: DrainMessage[] = []
  readonly #datasets: ReadonlyMap<string, Dataset>
  readonly #connect: () => Promise<Connection>
  #sequence = 0

  constructor(datasets: readonly Dataset[], connect: () => Promise<Connection>) {
    this.#datasets = new Map(datasets.map((d) => [d.name, d]))
    this.#connect = connect
  }

  /** A load and its records, one for each text, as the door makes them. */
  batch(dataset: Dataset, texts: readonly string[], options: BatchOptions = {}): StreamRecord[] {
    const { load, envelopes } = acceptedBatch('acme', dataset.name, texts, options)
    this.loads.set(load.id, load)
    return envelopes.map((envelope) => this.record(envelope))
  }

  record(data: Buffer): StreamRecord {
    const sequenceNumber = String(49_000_000_000_000_000_000_000n + BigInt(this.#sequence++))
    return { sequenceNumber, partitionKey: 'a', shard: 'shardId-000000000000', arrivedAt: new Date().toISOString(), data }
  }

  #deps(connections: Connection[]): LoadRecordsDeps {
    const connect = async (): Promise<Connection> => {
      const connection = await this.#connect()
      connections.push(connection)
      return connection
    }
    return {
      ...recordStore(connect, new MemoryBreaker(), ({ load, chunk }) =>
        memoryRejects((rows) => void this.rejects.set(`${load}/${chunk}`, rows)),
      ),
      findDataset: (name) => this.#datasets.get(name),
      projectChunk: async ({ id }, result) => this.#loads.project(id, result),
      finishLoad: (id) => this.#loads.finish(id),
      getLoad: async (id) => this.loads.get(id),
      failLoad: async (id, error) => this.#loads.fail(id, error),
      setAside: async (record, header, { problem }) => void this.setAside.push({ record, header, reason: problem.code }),
      parking: this.parking,
      noteWaiting: async (id, waiting) => this.#loads.update(id, { waiting }),
      delayed: (_record, error) => void this.delayed.push(error),
    }
  }

  /** One invocation. @returns the index of the record that must come again, -1 when none must */
  async deliver(
    records: readonly StreamRecord[],
    change: (deps: LoadRecordsDeps) => Partial<LoadRecordsDeps> = () => ({}),
    timeLeft: () => number = () => 60_000,
  ): Promise<number> {
    const connections: Connection[] = []
    const deps = this.#deps(connections)
    const again = await createLoadRecords({ ...deps, ...change(deps) })(records, timeLeft)
    await Promise.all(connections.map((connection) => connection.end().catch(() => undefined)))
    return again === undefined ? -1 : records.indexOf(again)
  }

  /** One invocation of the drainer. */
  async drain(
    dataset: string,
    patience = 60_000,
    change: (deps: LoadRecordsDeps) => Partial<LoadRecordsDeps> = () => ({}),
    failures = 0,
  ): Promise<void> {
    const connections: Connection[] = []
    const { parking, sentAgain } = this
    const deps = this.#deps(connections)
    const drain = createDrainParked({
      failed: () => undefined,
      ...deps,
      ...parking,
      lease: async () => true,
      renew: async () => undefined,
      release: async () => undefined,
      sendAgain: async (message) => void sentAgain.push(message),
      patience,
      now: Date.now,
      ...change(deps),
    })
    await drain({ dataset, failures }, () => 60_000)
    await Promise.all(connections.map((connection) => connection.end().catch(() => undefined)))
  }

  receiptOf = (record: StreamRecord) => receiptOf(this.loads.get(this.loadOf(record))!, Date.now())
  /** Envelopes are read here as a test would: the header is JSON behind 11 bytes. */
  loadOf = ({ data }: StreamRecord): string => (JSON.parse(data.toString('utf8', 11, 11 + data.readUInt32BE(3))) as EnvelopeHeader).load
  /** The counts of each chunk of a record's load. */
  countsOf = (record: StreamRecord): number[][] =>
    [...(this.projected.get(this.loadOf(record)) ?? new Map<number, ChunkResult>()).values()]
      .sort((a, b) => a.chunk - b.chunk)
      .map(({ received, loaded, updated, duplicate, rejected }) => [received, loaded, updated, duplicate, rejected])
  rejectsOf = (record: StreamRecord): StoredReject[] =>
    [...this.rejects].flatMap(([key, rows]) => (key.startsWith(this.loadOf(record)) ? rows : [])).sort((a, b) => a.line - b.line)
}
