import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Dataset } from '#core/dataset/dataset.ts'
import { type ChunkJob, chunkMode } from '#core/loads/chunk.ts'
import { crc32ToHex } from '#core/loads/crc32.ts'
import type { FileLoad } from '#core/loads/load.ts'
import { type ChunkResult, chunkKey, receiptOf } from '#core/loads/load.ts'
import { reconciles } from '#core/loads/receipt.ts'
import type { Edge } from '#core/reading/csv-edges.ts'
import type { Compression, Format } from '#core/rows/encoding.ts'
import { DatabaseAway } from '#platform/postgres/breaker.ts'
import { commitChunk, type Strategy } from '#platform/postgres/commit-chunk.ts'
import { type Connection, keptConnections } from '#platform/postgres/database.ts'
import { inTime } from '#platform/postgres/in-time.ts'
import { readParts } from '#platform/postgres/sql/read-chunk.ts'
import { StrategyMemory } from '#platform/postgres/strategy-memory.ts'
import { textOpener } from '#platform/s3/open-text.ts'
import { parquetOpener } from '#platform/s3/parquet.ts'
import { createLoadChunk } from '../../functions/load-chunk/load-chunk.ts'
import type { LoadChunkDeps } from '../../functions/load-chunk/ports.ts'
import { exampleLoad } from './example-load.ts'
import { MemoryLoads } from './memory-loads.ts'
import { memoryRejects, type StoredReject } from './memory-rejects.ts'

/** The real loader on a real Postgres; objects, projection and queue are in memory, so that a test can cut in anywhere. */
export class Pipeline {
  readonly objects = new Map<string, Buffer>()
  readonly #loads = new MemoryLoads<FileLoad>()
  readonly loads = this.#loads.items
  readonly projected = this.#loads.projected
  readonly edges = new Map<string, Map<number, Edge[]>>()
  readonly rejects = new Map<string, readonly StoredReject[]>()
  readonly queue: ChunkJob[] = []
  /** The strategy every chunk tries first; undefined: what the chunks before it taught, as in a deployed loader. */
  strategy: Strategy | undefined = 'direct'
  readonly #strategies = new StrategyMemory()
  /** Deliveries that may fail before a test gives up. */
  mostFailures = 50
  /** Begins the clock of one invocation, where `drain` is not told the time: milliseconds that are left of it. */
  invocation: () => () => number = () => () => 900_000
  /** Bytes of a piece as S3 would deliver them. */
  pieceBytes = 64 * 1024
  readonly #dataset: Dataset
  readonly #connect: () => Promise<Connection>

  constructor(dataset: Dataset, connect: () => Promise<Connection>) {
    this.#dataset = dataset
    this.#connect = connect
  }

  deps(): LoadChunkDeps {
    const onDatabase = keptConnections(async () => {
      const db = await this.#connect()
      this.#connections.push(db)
      return db
    })
    return {
      getLoad: async (id) => this.loads.get(id),
      findDataset: () => this.#dataset,
      openText: textOpener((key, from, to) => this.#read(key, from, to)),
      openParquet: async (load, dataset) => parquetOpener((key, from, to) => this.#read(key, from, to))(load, dataset),
      committedParts: (load, chunk, from) => onDatabase((db) => readParts(db, load, chunk, from)),
      commitChunk: (load, dataset, { chunk, part }, read, ticket, timeLeft) =>
        inTime(onDatabase, timeLeft(), async (db, begun) => {
          this.backends.set(`${load.id}/${chunk}`, await backendOf(db))
          const key = chunkKey(load.id, chunk, part).sk
          const openRejects = () => memoryRejects((rows) => void this.rejects.set(`${load.id}/${key}`, rows))
          const strategy = this.strategy ?? this.#strategies.first(dataset, load.id)
          const result = await commitChunk(db, { load, dataset, chunk, part, begun, read, openRejects, strategy, ticket })
          if (result) this.#strategies.learn(dataset, load.id, result)
          return result
        }),
      projectChunk: async (load, result) => this.#loads.project(load.id, result),
      finishLoad: (load) => this.#loads.finish(load),
      failLoad: async (load, error) => this.#loads.fail(load, error),
      sendChunks: async (jobs) => void this.queue.push(...jobs),
      away: (error) => (error instanceof DatabaseAway ? error : undefined),
      noteWaiting: async () => undefined,
      patience: 60_000,
      now: Date.now,
      noteEdges: async (load, chunk, edges) => {
        const noted = this.edges.get(load.id) ?? new Map<number, Edge[]>()
        this.edges.set(load.id, noted.set(chunk, [...edges]))
        return noted.size === load.planned
      },
      notedEdges: async (load) => [...this.edges.get(load)!].sort(([a], [b]) => a - b).map(([, edges]) => edges),
    }
  }

  /** Uploads and plans, as the functions before load-chunk do. */
  open(content: Buffer, format: Format, compression: Compression, chunkSize: number, more: Partial<FileLoad> = {}): FileLoad {
    const id = `ld_${randomBytes(8).toString('hex')}`
    const load = exampleLoad({
      ...{ id, objectKey: id, dataset: this.#dataset.name, state: 'loading', format, compression, size: content.length, chunkSize },
      uploadedCrc32: crc32ToHex(crc32(content)),
      ...(compression === 'none' ? { planned: Math.ceil(content.length / chunkSize) } : {}),
      ...more,
    })
    this.objects.set(id, content)
    this.loads.set(id, load)
    const mode = chunkMode(this.#dataset, { format }, load.planned)
    const messages = mode === 'sequence' ? 1 : load.planned!
    for (let chunk = 0; chunk < messages; chunk++) this.queue.push({ tenant: load.tenant, load: id, chunk, mode })
    return load
  }

  /** Works the queue off with so many workers, each with connections of its own. A message that fails comes again. */
  async drain(
    workers = 2,
    timeLeft: (() => number) | undefined = undefined,
    change: (deps: LoadChunkDeps) => LoadChunkDeps = (d) => d,
  ): Promise<void> {
    const received = new Map<ChunkJob, number>()
    const work = async (): Promise<void> => {
      const loadChunk = createLoadChunk(change(this.deps()))
      for (let job = this.queue.shift(); job; job = this.queue.shift()) {
        try {
          await loadChunk(job, timeLeft ?? this.invocation(), (received.get(job) ?? 0) + 1)
        } catch (error) {
          received.set(job, (received.get(job) ?? 0) + 1)
          this.queue.push(job)
          this.failures.push(error)
          if (this.failures.length > this.mostFailures) throw error
        }
      }
    }
    await Promise.all(Array.from({ length: workers }, work))
    await Promise.all(this.#connections.splice(0).map((c) => c.end().catch(() => undefined)))
  }
  /** A loader whose backend is killed when a chunk's rows are sent and nothing is committed, if it `dies`: asked at every attempt. */
  killed(db: Connection, dies: () => boolean): (deps: LoadChunkDeps) => LoadChunkDeps {
    return (deps) => ({
      ...deps,
      commitChunk: (load, dataset, place, read, ...more) =>
        deps.commitChunk(
          load,
          dataset,
          place,
          async (sink, lead) => {
            const facts = await read(sink, lead)
            if (dies()) await db.query('SELECT pg_terminate_backend($1)', [this.backends.get(`${load.id}/${place.chunk}`)])
            return facts
          },
          ...more,
        ),
    })
  }
  readonly #connections: Connection[] = []
  /** The process of Postgres that a chunk (`load/number`) was last committed by: what a test kills. */
  readonly backends = new Map<string, number>()
  /** What made a message come again. */
  readonly failures: unknown[] = []

  receipt(id: string) {
    const receipt = receiptOf(this.loads.get(id)!, Date.now())
    return { ...receipt, reconciles: reconciles(receipt.rows) }
  }

  /** What is committed of a load, in the order of its text. */
  partsOf(id: string): ChunkResult[] {
    return this.#loads.inOrder(id)
  }

  /** Rejects of a load by absolute line. */
  rejectsOf(id: string): StoredReject[] {
    let before = 0
    const all: StoredReject[] = []
    for (const result of this.#loads.inOrder(id)) {
      const lines = before
      // What a try left that was cut off, under the key of a part without rejects, is nobody's.
      const stored = result.rejected === 0 ? [] : (this.rejects.get(`${id}/${chunkKey(id, result.chunk, result.part).sk}`) ?? [])
      all.push(...stored.map((r) => ({ ...r, line: r.line + lines })))
      before += result.lines
    }
    return all
  }

  async *#read(key: string, from: number, to: number): AsyncGenerator<Buffer> {
    const object = this.objects.get(key)!
    for (let at = from; at < Math.min(to, object.length); at += this.pieceBytes)
      yield object.subarray(at, Math.min(at + this.pieceBytes, to))
  }
}

const backendOf = async (db: Connection): Promise<number> => (await db.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
