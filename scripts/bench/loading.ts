import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { ChunkJob } from '#core/loads/chunk.ts'
import { crc32ToHex } from '#core/loads/crc32.ts'
import { endingOf } from '#core/loads/ending.ts'
import type { ChunkResult, FileLoad, Load } from '#core/loads/load.ts'
import { type Edge, joinEdges } from '#core/reading/csv-edges.ts'
import type { Format } from '#core/rows/encoding.ts'
import { createPlanLoad } from '../../functions/plan-load/plan-load.ts'
import { exampleLoad } from '../../test/support/example-load.ts'
import { startCrew } from './crew.ts'
import type { Run } from './figures.ts'
import type { DataFile } from './file-rows.ts'
import type { LoaderAnswer, LoaderOrder } from './loader-process.ts'

/** What is loaded: a file, or (without a path) the large object that is nowhere. */
export interface Source {
  readonly dataset: Dataset
  readonly format: Format
  readonly file: Omit<DataFile, 'path'> & { readonly path: string | undefined }
}
/** How many rows must come out how; a bench of a loader that is wrong would be worth nothing. */
export type Expected = Partial<Pick<Load, 'loaded' | 'updated' | 'duplicate' | 'rejected'>>

export interface LoadOptions {
  readonly url: string
  readonly workers: number
  readonly expected: Expected
  readonly id?: string | undefined
  /** Flags for the workers' Node. */
  readonly flags?: readonly string[]
}

export const newLoadId = (): string => `ld_${randomBytes(8).toString('hex')}`

/** Loads a file as the deployed functions would: planned by plan-load, its chunks worked off by so many loaders. */
export async function loadFile(source: Source, options: LoadOptions): Promise<Run> {
  const { load, jobs } = await plan(source, options.id ?? newLoadId())
  await using crew = await startCrew<LoaderOrder, LoaderAnswer>('loader-process', options.workers, options.url, options.flags)
  const results: ChunkResult[] = []
  const began = performance.now()
  const edges: (readonly Edge[])[] = []
  const work = (): Promise<unknown> =>
    Promise.all(
      crew.members.map(async (member) => {
        for (let job = jobs.shift(); job; job = jobs.shift()) {
          const answer = await member.ask({ job, load, dataset: source.dataset, path: source.file.path })
          if (answer.problem) throw new Error(`the load failed: ${answer.problem.detail}`)
          results.push(...answer.results)
          jobs.push(...answer.jobs)
          if (answer.edges) edges[job.chunk] = answer.edges
        }
      }),
    )
  await work()
  if (edges.length > 0) {
    const starts = joinEdges(edges, load.chunkSize!)
    if (!starts) throw new Error('the edges of the chunks cannot be joined')
    jobs.push(...starts.map((from, chunk) => ({ tenant: load.tenant, load: load.id, chunk, mode: 'range' as const, from })))
    await work()
  }
  const seconds = (performance.now() - began) / 1000
  const peakMiB = await crew.end()
  await check(load, results, options.expected)
  return { seconds, peakMiB }
}

async function plan({ dataset, format, file }: Source, id: string): Promise<{ load: FileLoad; jobs: ChunkJob[] }> {
  let load = exampleLoad({
    ...{ id, objectKey: `acme/${dataset.name}/${id}`, dataset: dataset.name, format, size: file.size },
    ...{ uploadedCrc32: crc32ToHex(file.crc32), expectedRows: file.rows },
  })
  const jobs: ChunkJob[] = []
  const planLoad = createPlanLoad({
    getLoad: async () => load,
    findDataset: () => dataset,
    findObject: async () => ({ size: file.size, load: id }),
    sniff: (_key, bytes) => headOf(file.path, bytes),
    sniffText: () => headOf(file.path, 64 * 1024),
    startLoad: async (_id, plan) => {
      load = {
        ...load,
        format: plan.format,
        compression: plan.compression,
        state: 'loading',
        chunkSize: plan.chunkSize,
        ...(plan.planned === undefined ? {} : { planned: plan.planned }),
      }
      return load
    },
    reopenLoad: async () => load,
    failLoad: async (_id, error) => {
      throw error
    },
    sendChunks: async (sent) => void jobs.push(...sent),
    noteOrphan: async (_key, reason) => {
      throw new Error(reason)
    },
  })
  await planLoad({ kind: 'object', key: load.objectKey, size: load.size })
  return { load, jobs }
}

async function headOf(path: string | undefined, bytes: number): Promise<Buffer> {
  if (path === undefined) return Buffer.from('{"'.slice(0, bytes))
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
  return buffer.subarray(0, bytesRead)
}

/** The chain of checksums and the counts, as for any load: what was timed must have been right. */
async function check(load: Load, results: readonly ChunkResult[], expected: Expected): Promise<void> {
  const chunks = results.toSorted((a, b) => a.chunk - b.chunk)
  const ending = await endingOf(
    load,
    (async function* () {
      yield* chunks
    })(),
  )
  if (ending.problem) throw new Error(`the load ended as failed: ${ending.problem.detail}`)
  for (const outcome of ['loaded', 'updated', 'duplicate', 'rejected'] as const) {
    const counted = chunks.reduce((sum, c) => sum + c[outcome], 0)
    if (counted !== (expected[outcome] ?? 0)) throw new Error(`${counted} rows are ${outcome}; it must be ${expected[outcome] ?? 0}`)
  }
}
