import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import { type ChunkResult, type Load, rejectsKey } from '#core/loads/load.ts'
import type { Problem } from '#core/problems.ts'
import type { Edge } from '#core/reading/csv-edges.ts'
import { chunkStore } from '#platform/postgres/chunk-store.ts'
import type { ReadObject } from '#platform/s3/objects.ts'
import { textOpener } from '#platform/s3/open-text.ts'
import { rejectFile } from '#platform/s3/reject-file.ts'
import { createLoadChunk } from '../../functions/load-chunk/load-chunk.ts'
import { alwaysThere } from './always-there.ts'
import { answerOrders } from './answering.ts'
import { readLarge } from './large-object.ts'

/**
 * One loader: load-chunk as it is deployed, from splitting bytes to the ledger, with three things of the world replaced. Objects are read
 * from a file, in the pieces that a socket gives; rejects are encoded and handed to an S3 client that lets them go; what would be projected
 * into DynamoDB is sent to the parent, which adds it up and checks it.
 */
export interface LoaderOrder {
  readonly job: ChunkJob
  readonly load: Load
  readonly dataset: Dataset
  /** A path, or undefined for the object that is made up while it is read. */
  readonly path: string | undefined
}
export interface LoaderAnswer {
  readonly results: readonly ChunkResult[]
  readonly jobs: readonly ChunkJob[]
  /** Where the rows of the chunk may begin, when that was the job. */
  readonly edges: readonly Edge[] | undefined
  readonly problem: Problem | undefined
}

/** What Node hands out of a plain socket at a time. */
const pieceBytes = 64 * 1024
/** Longer than any chunk takes: Lambda's limit. */
const invocation = 15 * 60_000

const readObject: ReadObject = (path, from, to) =>
  path === '' ? readLarge(from, to, pieceBytes) : createReadStream(path, { start: from, end: to - 1, highWaterMark: pieceBytes })

/** What S3 says of an upload that begins, and of one that ends. */
const stored = '<?xml version="1.0"?><Result><UploadId>none</UploadId><ETag>"none"</ETag></Result>'
const nowhere = new S3Client({
  region: 'local',
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  requestHandler: { handle: async () => ({ response: { statusCode: 200, headers: { etag: '"none"' }, body: Readable.from([stored]) } }) },
})

const url = process.argv[2]!
const connect = async () => {
  const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'bench loader' })
  await client.connect()
  return client
}
let first: Promise<pg.Client> | undefined = connect()
await first
const store = chunkStore(
  () => {
    const opened = first ?? connect()
    first = undefined
    return opened
  },
  alwaysThere,
  (load, chunk, part) => rejectFile(nowhere, 'rejects', rejectsKey(load, chunk, part)),
)
const openText = textOpener(readObject)
/** A deployed loader knows its datasets from the start: what it has compiled for one serves every chunk. */
const datasets = new Map<string, Dataset>()

answerOrders(async ({ job, load, dataset: sent, path }: LoaderOrder): Promise<LoaderAnswer> => {
  const dataset = datasets.get(sent.name) ?? sent
  datasets.set(sent.name, dataset)
  const results: ChunkResult[] = []
  const jobs: ChunkJob[] = []
  let problem: Problem | undefined
  let edges: readonly Edge[] | undefined
  const loadChunk = createLoadChunk({
    ...store,
    openParquet: async (of, dataset) =>
      (await import('#platform/s3/parquet.ts')).parquetOpener(readObject)({ ...of, objectKey: path ?? '' }, dataset),
    openText: (of, range) => openText({ ...of, objectKey: path ?? '' }, range),
    getLoad: async () => load,
    findDataset: () => dataset,
    projectChunk: async (_load, result) => void results.push(result),
    finishLoad: async () => undefined,
    failLoad: async (_load, error) => {
      problem = error.problem
    },
    sendChunks: async (next) => void jobs.push(...next),
    noteEdges: async (_load, _chunk, found) => {
      edges = found
      return false
    },
    notedEdges: async () => [],
    away: () => undefined,
    noteWaiting: async () => undefined,
    patience: 0,
    now: Date.now,
  })
  const began = performance.now()
  await loadChunk(job, () => invocation - (performance.now() - began))
  return { results, jobs, edges, problem }
})
