import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError, LoadError } from '#core/errors.ts'
import type { Load } from '#core/loads/load.ts'
import type { ChunkRead } from '#core/reading/chunk-read.ts'
import type { RowSink } from '#core/reading/read-rows.ts'
import type { RejectSum } from '#core/rejects/reject-sums.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import type { Copy } from './copy.ts'
import { type CountedRejects, countedRejects } from './counted-rejects.ts'
import { gathered } from './gathered.ts'
import type { StreamPlace } from './sql/claim-chunks.ts'
import { DroppedRow } from './sql/dropped-rows.ts'

/** One of the chunks that are committed together. */
export interface ChunkInput {
  readonly load: Pick<Load, 'id' | 'tenant' | 'maxRejects'>
  readonly chunk: number
  readonly place: StreamPlace
  /** Of a chunk that is sent again: when it was first accepted. Nothing that came after it may be lost by it. It is then committed alone. */
  readonly orderedSince?: string | undefined
  /** Bytes of its text: it has fewer lines than that and one. */
  readonly size: number
  readonly openRejects: () => RejectFile
  /** Sends every good row of the chunk to the sink, its lines counted from `linesBefore` on. Called again when the rows are loaded by another strategy. */
  readonly read: (sink: RowSink, lead: boolean, linesBefore: number) => Promise<ChunkRead>
  /** Where a row of the text stands in what the client sent. */
  readonly placeOf: (line: number, offset: number) => { readonly line: number; readonly offset: number }
  /** Rows that were refused before: their rejects are stored, and only counted here. */
  readonly refused?: { readonly rows: number; readonly sums: readonly RejectSum[] } | undefined
}

/** Takes an error that is one chunk's own to the end of the transaction. */
export class AtFault extends Error {
  readonly chunk: ChunkInput
  override readonly cause: LoadError | AccountingError
  constructor(chunk: ChunkInput, cause: LoadError | AccountingError) {
    super(cause.message)
    this.chunk = chunk
    this.cause = cause
  }
}

/** What `work` throws about the chunk itself is the chunk's fault; everything else (Postgres, S3, a bug) goes through. */
export async function blaming<T>(chunk: ChunkInput, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof LoadError || error instanceof AccountingError ? new AtFault(chunk, error) : error
  }
}

/** The line at which each chunk begins, counted through all of them: a text of n bytes has at most n + 1 lines. */
export function startsOf(chunks: readonly ChunkInput[]): number[] {
  let next = 1
  return chunks.map(({ size }) => {
    const start = next
    next += size + 1
    return start
  })
}

/** Each chunk's rejects, their lines and offsets as the client counts them. */
export const openRejects = (dataset: Dataset, chunks: readonly ChunkInput[], starts: readonly number[]): CountedRejects[] =>
  chunks.map(({ openRejects, load, chunk, placeOf }, i) => {
    const rejects = countedRejects(openRejects(), load, dataset, chunk)
    return {
      get count() {
        return rejects.count
      },
      get sums() {
        return rejects.sums
      },
      add: (refusal, row) => rejects.add(refusal, { ...row, ...placeOf(row.line - starts[i]! + 1, row.offset) }),
      flush: rejects.flush,
      finish: rejects.finish,
      abort: rejects.abort,
    }
  })

/** Sends the rows of all chunks to one COPY. @param taken how many rows it has dealt with, at its end */
export async function copyAll(
  copy: Copy,
  chunks: readonly ChunkInput[],
  rejects: readonly CountedRejects[],
  lead: boolean,
  taken: (copied: number) => number = (copied) => copied,
): Promise<ChunkRead[]> {
  const starts = startsOf(chunks)
  const rows = gathered(copy.write)
  const writer = new CopyWriter()
  const reads: ChunkRead[] = []
  try {
    for (const [i, chunk] of chunks.entries()) {
      const { add: refuse, flush } = rejects[i]!
      const before = starts[i]! - 1
      const read = await blaming(chunk, () => chunk.read({ write: rows.write, refuse, flush, writer }, lead, before))
      reads.push({ ...read, lines: read.lines - before })
    }
    await rows.flush()
    const dealtWith = taken(await copy.finish())
    const encoded = reads.reduce((sum, read) => sum + read.encoded, 0)
    if (dealtWith < encoded && !lead) throw new DroppedRow()
    if (dealtWith !== encoded) throw new AccountingError(`${chunks.length} chunks: ${encoded} rows sent, ${dealtWith} copied or left out`)
    return reads
  } catch (error) {
    await copy.abort()
    throw error
  }
}
