import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { combineCrc32, crc32ToHex } from '#core/crc32.ts'
import type { Dataset } from '#core/dataset.ts'
import { endingOf } from '#core/ending.ts'
import { type EnvelopeHeader, encodeEnvelope } from '#core/envelope.ts'
import { type BatchLoad, type ChunkResult, type Load, receiptOf } from '#core/load.ts'
import { loadIdFor } from '#core/load-id.ts'
import type { Places } from '#core/places.ts'
import { finalStates } from '#core/receipt.ts'
import { attributeOf } from '#core/reject-sums.ts'
import type { Connection } from '#platform/database.ts'
import { recordStore } from '#platform/record-store.ts'
import type { RejectFile } from '#platform/reject-file.ts'
import { createLoadRecords, type LoadRecordsDeps } from '../../functions/load-records/load-records.ts'
import type { StreamRecord } from '../../functions/load-records/record-chunk.ts'
import { exampleBatch } from './example-load.ts'
import type { StoredReject } from './pipeline.ts'

/** What a test says of a batch beyond its texts. */
interface BatchOptions {
  readonly header?: Partial<EnvelopeHeader>
  readonly places?: (chunk: number) => Places
  readonly load?: Partial<BatchLoad>
}

/** The real consumer on a real Postgres; stream, projection, rejects and dead letters are in memory, so that a test can cut in anywhere. */
export class Consumer {
  readonly loads = new Map<string, Load>()
  readonly projected = new Map<string, Map<number, ChunkResult>>()
  readonly rejects = new Map<string, StoredReject[]>()
  readonly setAside: { readonly record: StreamRecord; readonly header: EnvelopeHeader | undefined; readonly reason: string }[] = []
  readonly delayed: unknown[] = []
  readonly #datasets: ReadonlyMap<string, Dataset>
  readonly #connect: () => Promise<Connection>
  #sequence = 0

  constructor(datasets: readonly Dataset[], connect: () => Promise<Connection>) {
    this.#datasets = new Map(datasets.map((d) => [d.name, d]))
    this.#connect = connect
  }

  /** A load and its records, one for each text, as the door makes them. */
  batch(dataset: Dataset, texts: readonly string[], { header = {}, places = () => [], load = {} }: BatchOptions = {}): StreamRecord[] {
    const id = loadIdFor('acme', dataset.name, randomBytes(8).toString('hex'))
    const bodies = texts.map((text) => Buffer.from(text))
    const size = bodies.reduce((sum, body) => sum + body.length, 0)
    const crc = bodies.reduce((sum, body) => combineCrc32(sum, crc32(body), body.length), 0)
    this.loads.set(
      id,
      exampleBatch({
        ...{ id, dataset: dataset.name, state: 'loading', size, planned: texts.length, uploadedCrc32: crc32ToHex(crc) },
        expectedRows: bodies.reduce((sum, body) => sum + rowsIn(body), 0) + (header.refused?.rows ?? 0),
        createdAt: new Date().toISOString(),
        ...load,
      }),
    )
    let start = 0
    return bodies.map((text, chunk) => {
      const envelope: EnvelopeHeader = {
        ...{
          tenant: 'acme',
          dataset: dataset.name,
          load: id,
          chunk,
          last: chunk === texts.length - 1,
          traceparent: exampleBatch().traceparent,
        },
        ...{ createdAt: new Date().toISOString(), ttl: 4_000_000_000, format: 'ndjson' as const },
        ...{ start, size: text.length, crc32: crc32(text), rows: rowsIn(text) },
        ...header,
      }
      start += text.length
      return this.record(encodeEnvelope({ header: envelope, text, places: places(chunk) }))
    })
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
      ...recordStore(connect, ({ load, chunk }) => this.#rejectFile(`${load}/${chunk}`)),
      findDataset: (name) => this.#datasets.get(name),
      projectChunk: async ({ id }, result) => this.#project(id, result),
      finishLoad: (id) => this.#finish(id),
      findLoad: async (id) => this.loads.get(id),
      failLoad: async (id, { problem }) => {
        if (!finalStates.has(this.loads.get(id)?.state ?? 'complete')) this.#update(id, { state: 'failed', problem })
      },
      setAside: async (record, header, { problem }) => void this.setAside.push({ record, header, reason: problem.code }),
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

  #rejectFile(key: string): RejectFile {
    const rows: StoredReject[] = []
    return {
      get count() {
        return rows.length
      },
      add: ({ code, column, message }, { line, offset, bytes, oversized = false }) =>
        void rows.push({ line, offset, column, code, message, raw: bytes.toString(), truncated: oversized }),
      flush: async () => undefined,
      finish: async () => void (rows.length > 0 && this.rejects.set(key, rows)),
      abort: async () => undefined,
    }
  }

  #project(id: string, result: ChunkResult): void {
    const chunks = this.projected.get(id) ?? new Map<number, ChunkResult>()
    this.projected.set(id, chunks)
    if (chunks.has(result.chunk)) return
    chunks.set(result.chunk, result)
    const load = this.loads.get(id)!
    this.#update(id, {
      committed: load.committed + 1,
      bytesRead: load.bytesRead + result.sourceEnd - result.sourceStart,
      received: load.received + result.received,
      loaded: load.loaded + result.loaded,
      updated: load.updated + result.updated,
      duplicate: load.duplicate + result.duplicate,
      rejected: load.rejected + result.rejected,
      ...Object.fromEntries(result.rejects.map((sum) => [attributeOf(sum), (load[attributeOf(sum)] ?? 0) + sum.rows])),
    })
  }

  async #finish(id: string): Promise<void> {
    const load = this.loads.get(id)!
    if (finalStates.has(load.state) || load.committed < load.planned!) return
    const chunks = [...this.projected.get(id)!.values()].sort((a, b) => a.chunk - b.chunk)
    const ending = await endingOf(
      load,
      (async function* () {
        yield* chunks
      })(),
    )
    this.#update(id, { ...ending })
  }

  #update(id: string, change: Partial<BatchLoad>): void {
    this.loads.set(id, { ...(this.loads.get(id) as BatchLoad), ...change })
  }
}

const rowsIn = (text: Buffer): number => text.toString().split('\n').filter(Boolean).length
