import type { LoadError } from '#core/errors.ts'
import { type ChunkJob, parseChunkJob } from '#core/loads/chunk.ts'
import { sendChunks } from '#platform/chunk-queue.ts'
import { DatabaseAway } from '#platform/postgres/breaker.ts'
import { type ChunkStore, chunkStore } from '#platform/postgres/chunk-store.ts'
import { textOpener } from '#platform/s3/open-text.ts'
import { parquetOpener } from '#platform/s3/parquet.ts'
import { queueHandler } from '#platform/worker.ts'
import { createLoadChunk } from '../../../../functions/load-chunk/load-chunk.ts'
import { breakerOf } from './breaker.ts'
import { before, fallibleConnections } from './connection.ts'
import { Process } from './process.ts'
import { readerOf, sqsOf } from './services.ts'
import { fileDatasets } from './tables.ts'
import type { World } from './world.ts'

/** Seconds that a loader says it hides its message for. */
const lease = 45
/** Milliseconds for which a load waits for the database: outages are shorter and longer. */
const patience = 180_000
/** Real milliseconds of an invocation whose table is locked or slow. */
const shortTime = 600

/** A process of load-chunk, wired as its handler is. @param rowsOfChunk about as many a chunk has */
export function createLoader(world: World, rowsOfChunk: number) {
  const process = new Process(world, 'load-chunk')
  const { loads, chunkQueue } = world
  const sqs = sqsOf(process, chunkQueue, chunkQueue)
  const readObject = readerOf(process)
  const store = chunkStore(
    fallibleConnections(process),
    breakerOf(process),
    (load, chunk, part) => world.rejects.open(process, load.id, { chunk, part }),
    process.pause,
  )
  const loadChunk = createLoadChunk({
    committedParts: store.committedParts,
    commitChunk: watched(process, store),
    getLoad: (id) => process.step('read load', () => loads.items.get(id)),
    findDataset: (name) => fileDatasets.get(name),
    openText: textOpener(readObject),
    openParquet: async (load, dataset) => parquetOpener(readObject)(load, dataset),
    projectChunk: (load, result) => process.step('project', () => loads.project(load.id, result)),
    finishLoad: (id) => process.step('finish load', () => loads.finish(id)),
    failLoad: (id, error) => process.step('fail load', () => failLoad(world, id, error)),
    sendChunks: (jobs, traceparent, delay) => sendChunks(sqs, 'queue', jobs, traceparent, delay),
    away: (error) => (error instanceof DatabaseAway ? error : undefined),
    noteWaiting: (id, waiting) => process.step('note waiting', () => loads.noteWaiting(id, waiting)),
    patience,
    now: process.now,
    noteEdges: (load, chunk, edges) => process.step('note edges', () => loads.noteEdges(load.id, chunk, edges)),
    notedEdges: (id) => process.step('read edges', () => loads.edgesOf(id)),
  })
  const handler = queueHandler(sqs, { lease }, async (record, timeLeft) => {
    const job = parseChunkJob(record.body)!
    let mend: (() => Promise<void>) | undefined
    try {
      mend = await troubleTable(process, job, rowsOfChunk)
      await loadChunk(job, timeLeft, Number(record.attributes.ApproximateReceiveCount))
    } catch (error) {
      process.invocation.error = error
      throw error
    } finally {
      await mend?.()
    }
  })
  return { process, handler }
}

/** Ends a load, if what it ends with is explained by what was done to it. */
export function failLoad(world: World, id: string, error: LoadError): void {
  const { dataset, state } = world.loads.items.get(id)!
  const { code, detail } = error.problem
  const explained = code === 'database-unavailable' ? world.away > 0 : code === 'dead-letter' || world.tables.explains(dataset, code)
  if (!explained && state === 'loading') world.broken.push(`load ${id} ended with ${code}, and nothing explains it: ${detail}`)
  world.loads.fail(id, error)
}

/** The commit of a chunk, with a step at which all rows are sent and none is committed. */
const watched =
  (process: Process, { commitChunk }: ChunkStore): ChunkStore['commitChunk'] =>
  (load, dataset, place, read, ...more) =>
    commitChunk(
      load,
      dataset,
      place,
      async (sink, lead) => {
        const facts = await read(sink, lead)
        process.alive()
        before(process, process.fault('rows sent'))
        if (process.invocation.faults === 0 && canTrouble(process.world, dataset.name)) {
          const fault = process.world.trouble.at('table', 'load', load.id, process.invocation, ['altered', 'renamed', 'locked', 'slow'])
          if (fault === 'altered during copy') process.world.tables.alterSoon(dataset.name)
        }
        return facts
      },
      ...more,
    )

/** Altering a column writes the whole table anew: rows after which that takes too long. */
const alterable = 200_000

const canTrouble = (world: World, table: string): boolean => !world.tables.isTroubled(table) && world.rowsOf(table) < alterable

/** What people do to the table while a chunk is loaded. @returns how what is only for this one is undone */
async function troubleTable(process: Process, { load }: ChunkJob, rowsOfChunk: number): Promise<(() => Promise<void>) | undefined> {
  const { world, invocation } = process
  const table = world.loads.items.get(load)?.dataset
  if (table === undefined || world.tables.isTroubled(table)) return undefined
  const barred = ['altered during copy', ...(canTrouble(world, table) ? [] : ['altered', 'renamed'])]
  const fault = world.trouble.at('table', 'load', load, invocation, barred)
  if (fault === 'altered') await world.tables.alter(table)
  if (fault === 'renamed') await world.tables.rename(table)
  if (fault !== 'locked' && fault !== 'slow') return undefined
  invocation.timeLimit = performance.now() - invocation.began + shortTime
  return fault === 'locked' ? world.tables.lock(table) : world.tables.slow(table, rowsOfChunk)
}
