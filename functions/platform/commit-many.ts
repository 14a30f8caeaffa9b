import type { Dataset } from '#core/dataset.ts'
import { AccountingError, LoadError } from '#core/errors.ts'
import type { ChunkResult, Load } from '#core/load.ts'
import { olderRowsDetail, orderMatters } from '#core/order.ts'
import type { RowSink } from '#core/read-rows.ts'
import { addSums, type RejectSum } from '#core/reject-sums.ts'
import { accountOf, type SourceRead } from './account.ts'
import type { Road } from './commit-chunk.ts'
import { copyInto } from './copy.ts'
import { type CountedRejects, countedRejects } from './counted-rejects.ts'
import type { Connection } from './database.ts'
import { gathered } from './gathered.ts'
import { type Merging, mergeAll, type Staged } from './merge.ts'
import { olderRows } from './order.ts'
import type { RejectFile } from './reject-file.ts'
import { isDeadlock, verdictOn } from './retry.ts'
import { chunkIdText, claimChunks, type StreamPlace } from './sql/claim-chunks.ts'
import { claimLane } from './sql/claim-lane.ts'
import { completeChunks } from './sql/complete-chunks.ts'
import { stagingColumns, stagingTable, targetTable } from './sql/identifier.ts'
import { insertMissingOfMany } from './sql/insert-missing-of-many.ts'
import { type ChunkCounts, mergeMany } from './sql/merge-many.ts'
import { readChunks } from './sql/read-chunks.ts'
import { updatePresentOfMany } from './sql/update-present-of-many.ts'

/** One of the chunks that are committed together. */
export interface OneOfMany {
  readonly load: Pick<Load, 'id' | 'tenant' | 'maxRejects'>
  readonly chunk: number
  readonly place: StreamPlace
  /** Of a chunk that is sent again: when it was first accepted. Nothing that came after it may be lost by it. It is then committed alone. */
  readonly orderedSince?: string | undefined
  /** Bytes of its text: it has fewer lines than that and one. */
  readonly size: number
  readonly openRejects: () => RejectFile
  /** Sends every good row of the chunk to the sink, its lines counted from `linesBefore` on. Called again when the rows must go another road. */
  readonly read: (sink: RowSink, lead: boolean, linesBefore: number) => Promise<SourceRead>
  /** Where a row of the text stands in what the client sent. */
  readonly placeOf: (line: number, offset: number) => { readonly line: number; readonly offset: number }
  /** Rows that were refused before: their rejects are stored, and only counted here. */
  readonly refused?: { readonly rows: number; readonly sums: readonly RejectSum[] } | undefined
}

export type ManyCommitted =
  /** In the order of the chunks. `before`: the ledger had it already. */
  | { readonly kind: 'committed'; readonly results: readonly { readonly result: ChunkResult; readonly before: boolean }[] }
  /** Nothing is committed: the chunk at this index can never be. */
  | { readonly kind: 'at-fault'; readonly at: number; readonly error: LoadError | AccountingError }
  /** Nothing is committed: one of them can never be, and only alone will it show which. */
  | { readonly kind: 'one-by-one' }

/**
 * Commits chunks of one dataset in one transaction, in their order, each exactly once and with counts of its own: all ledger rows, all rows in one COPY,
 * all counts. A chunk that is in the ledger already is left out, and what was counted then is the result.
 * @param road as for one chunk: a direct COPY that Postgres refuses because of a row goes the staged road after all
 */
export async function commitMany(db: Connection, dataset: Dataset, chunks: readonly OneOfMany[], road: Road): Promise<ManyCommitted> {
  const ids = chunks.map(({ load, chunk, place }) => ({ load: load.id, chunk, tenant: load.tenant, ...place }))
  await db.query('BEGIN')
  try {
    const claimed = await claimChunks(db, dataset.name, ids)
    const isNew = (i: number): boolean => claimed.has(chunkIdText(ids[i]!))
    const known =
      claimed.size < ids.length
        ? await readChunks(
            db,
            ids.filter((_, i) => !isNew(i)),
          )
        : new Map<string, ChunkResult>()
    const fresh = chunks.filter((_, i) => isNew(i))
    const made =
      fresh.length === 0
        ? []
        : ((road === 'direct' ? await goDirect(db, dataset, fresh) : undefined) ?? (await goStaged(db, dataset, fresh)))
    const results = new Map(fresh.map(({ load, chunk }, i) => [chunkIdText({ load: load.id, chunk }), made[i]!]))
    if (made.length > 0)
      await completeChunks(
        db,
        fresh.map(({ load }, i) => [load.id, made[i]!]),
      )
    await db.query(made.length > 0 ? 'COMMIT' : 'ROLLBACK')
    return {
      kind: 'committed',
      results: ids.map((id, i) => ({ result: (isNew(i) ? results : known).get(chunkIdText(id))!, before: !isNew(i) })),
    }
  } catch (error) {
    await db.query('ROLLBACK').catch(() => undefined)
    if (error instanceof AtFault) return { kind: 'at-fault', at: chunks.indexOf(error.chunk), error: error.cause }
    const fault = faultIn(error)
    if (!fault) throw error
    return chunks.length === 1 ? { kind: 'at-fault', at: 0, error: fault } : { kind: 'one-by-one' }
  }
}

/** What a chunk is to blame for, though nobody can tell which: counts differ, or Postgres refuses more than a row (what a header says, a rule that is deferred). */
function faultIn(error: unknown): LoadError | AccountingError | undefined {
  if (error instanceof AccountingError) return error
  if (verdictOn(error) !== 'reject') return undefined
  const { code, message } = error as Error & { code: string }
  return new LoadError('chunk-refused', `Postgres refused it with SQLSTATE ${code}: ${message}.`, { cause: error })
}

/** Takes an error that is one chunk's own to the end of the transaction. */
class AtFault extends Error {
  readonly chunk: OneOfMany
  override readonly cause: LoadError | AccountingError
  constructor(chunk: OneOfMany, cause: LoadError | AccountingError) {
    super(cause.message)
    this.chunk = chunk
    this.cause = cause
  }
}

/** What `work` throws about the chunk itself is the chunk's fault; everything else (Postgres, S3, a bug) goes through. */
async function blaming<T>(chunk: OneOfMany, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof LoadError || error instanceof AccountingError ? new AtFault(chunk, error) : error
  }
}

/** @returns undefined when Postgres refuses a row: a key that is there already, or a rule */
async function goDirect(db: Connection, dataset: Dataset, chunks: readonly OneOfMany[]): Promise<ChunkResult[] | undefined> {
  const rejects = openRejects(dataset, chunks, startsOf(chunks))
  await db.query('SAVEPOINT direct')
  try {
    const reads = await copyAll(db, dataset, chunks, targetTable(dataset.name), rejects, false)
    await finishAll(rejects)
    return accountFor(dataset, chunks, reads, rejects, (i) => ({ inserted: reads[i]!.encoded, updated: 0, refused: 0 }))
  } catch (error) {
    await abortAll(rejects)
    if (verdictOn(error) !== 'reject' && !isDeadlock(error)) throw error
    await db.query('ROLLBACK TO SAVEPOINT direct')
    return undefined
  }
}

/** One staging table and one merge for all chunks: a row's line tells whose it is. */
async function goStaged(db: Connection, dataset: Dataset, chunks: readonly OneOfMany[]): Promise<ChunkResult[]> {
  const starts = startsOf(chunks)
  const rejects = openRejects(dataset, chunks, starts)
  try {
    const lane = await claimLane(db, dataset.name)
    const table = stagingTable(dataset.name, lane)
    await db.query(`TRUNCATE ${table}`)
    const reads = await copyAll(db, dataset, chunks, table, rejects, true)
    for (const chunk of chunks) await keepOrder(db, dataset, lane, chunk)
    const before = rejects.map(({ count }) => count)
    const lines = starts.at(-1)! + chunks.at(-1)!.size
    const rows = reads.reduce((sum, { encoded }) => sum + encoded, 0)
    const counts = await mergeAll(
      db,
      dataset,
      lane,
      lines,
      ofMany(db, dataset, lane, { lines, rows }, starts),
      async ({ refusal, line, offset, json }) => {
        const i = starts.findLastIndex((start) => start <= line)
        await blaming(chunks[i]!, () => rejects[i]!.add(refusal, { line, offset, bytes: Buffer.from(json) }))
        await rejects[i]!.flush()
      },
    )
    await finishAll(rejects)
    return accountFor(dataset, chunks, reads, rejects, (i) => ({ ...counts[i]!, refused: rejects[i]!.count - before[i]! }))
  } catch (error) {
    await abortAll(rejects)
    throw error
  }
}

/** A direct COPY needs no such look: all its keys are new. */
async function keepOrder(db: Connection, dataset: Dataset, lane: number, chunk: OneOfMany): Promise<void> {
  const { load, chunk: number, place, orderedSince: arrivedAt } = chunk
  if (arrivedAt === undefined || !orderMatters(dataset)) return
  const { rows, keys } = await olderRows(db, dataset, lane, { ...place, load: load.id, chunk: number, arrivedAt })
  if (rows > 0) throw new AtFault(chunk, new LoadError('older-rows', olderRowsDetail(rows, keys)))
}

const ofMany = (
  db: Connection,
  dataset: Dataset,
  lane: number,
  { lines, rows }: Staged,
  starts: readonly number[],
): Merging<ChunkCounts> => ({
  plain: async () => {
    if (dataset.onConflict === 'ignore') return insertMissingOfMany(db, dataset, lane, lines, starts)
    const changed = await updatePresentOfMany(db, dataset, lane, lines, starts)
    if (changed.reduce((sum, { updated }) => sum + updated, 0) === rows) return changed
    return added(changed, await insertMissingOfMany(db, dataset, lane, lines, starts))
  },
  rows: (from, to) => mergeMany(db, dataset, lane, from, to, starts),
  none: starts.map(() => ({ inserted: 0, updated: 0 })),
  sum: added,
})

const added = (a: ChunkCounts, b: ChunkCounts): ChunkCounts =>
  a.map(({ inserted, updated }, i) => ({ inserted: inserted + b[i]!.inserted, updated: updated + b[i]!.updated }))

/** The line at which each chunk begins, counted through all of them: a text of n bytes has at most n + 1 lines. */
function startsOf(chunks: readonly OneOfMany[]): number[] {
  let next = 1
  return chunks.map(({ size }) => {
    const start = next
    next += size + 1
    return start
  })
}

/** Each chunk's rejects, their lines and offsets as the client counts them. */
const openRejects = (dataset: Dataset, chunks: readonly OneOfMany[], starts: readonly number[]): CountedRejects[] =>
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

/** Sends the rows of all chunks in one COPY. */
async function copyAll(
  db: Connection,
  dataset: Dataset,
  chunks: readonly OneOfMany[],
  table: string,
  rejects: readonly CountedRejects[],
  lead: boolean,
): Promise<SourceRead[]> {
  const starts = startsOf(chunks)
  const copy = copyInto(db, table, [...(lead ? stagingColumns : []), ...Object.keys(dataset.columns)])
  const rows = gathered(copy.write)
  const reads: SourceRead[] = []
  try {
    for (const [i, chunk] of chunks.entries()) {
      const { add: refuse, flush } = rejects[i]!
      const before = starts[i]! - 1
      const read = await blaming(chunk, () => chunk.read({ write: rows.write, refuse, flush }, lead, before))
      reads.push({ ...read, lines: read.lines - before })
    }
    await rows.flush()
    const copied = await copy.finish()
    const encoded = reads.reduce((sum, read) => sum + read.encoded, 0)
    if (copied !== encoded) throw new AccountingError(`${chunks.length} chunks: ${encoded} rows sent, ${copied} copied`)
    return reads
  } catch (error) {
    await copy.abort()
    throw error
  }
}

type Merged = { readonly inserted: number; readonly updated: number; readonly refused: number }

const accountFor = (
  dataset: Dataset,
  chunks: readonly OneOfMany[],
  reads: readonly SourceRead[],
  rejects: readonly CountedRejects[],
  mergedOf: (i: number) => Merged,
): ChunkResult[] =>
  chunks.map((chunk, i) => {
    const read = reads[i]!
    try {
      return withRefused(accountOf(dataset, chunk.chunk, { read, copied: read.encoded, ...mergedOf(i), rejects: rejects[i]! }), chunk)
    } catch (error) {
      throw error instanceof AccountingError ? new AtFault(chunk, error) : error
    }
  })

/** Rejects carry the client's own lines, so a chunk adds none to those of later chunks. */
function withRefused(result: ChunkResult, { refused }: OneOfMany): ChunkResult {
  if (!refused) return { ...result, lines: 0 }
  return {
    ...result,
    lines: 0,
    received: result.received + refused.rows,
    rejected: result.rejected + refused.rows,
    rejects: addSums(result.rejects, refused.sums),
  }
}

const finishAll = (rejects: readonly RejectFile[]): Promise<unknown> => Promise.all(rejects.map((file) => file.finish()))
const abortAll = (rejects: readonly RejectFile[]): Promise<unknown> => Promise.all(rejects.map((file) => file.abort()))
