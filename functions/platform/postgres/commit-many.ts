import { olderRowsDetail, orderMatters } from '#core/batches/order.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError, LoadError } from '#core/errors.ts'
import type { ChunkResult } from '#core/loads/load.ts'
import type { ChunkRead } from '#core/reading/chunk-read.ts'
import type { ManyCommitted } from '#core/records/ports.ts'
import { addSums } from '#core/rejects/reject-sums.ts'
import { rowKey } from '#core/rows/keyed-rows.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import { accountOf } from './account.ts'
import { allowsAnotherStrategy } from './attempt.ts'
import { canProbe, type Strategy } from './commit-chunk.ts'
import { copyInto } from './copy.ts'
import { AtFault, blaming, type ChunkInput, copyAll, openRejects, startsOf } from './copy-many.ts'
import { copyMissing } from './copy-missing.ts'
import type { CountedRejects } from './counted-rejects.ts'
import type { Connection } from './database.ts'
import { endOf, isOfTable } from './end-of.ts'
import { knowsInserted, mergeAll, whileTaken } from './merge.ts'
import type { Merging } from './merging.ts'
import { olderRows } from './order.ts'
import { isKeyTaken } from './retry.ts'
import { beginTransaction } from './sql/begin-transaction.ts'
import type { Transaction } from './sql/claim-chunk.ts'
import { chunkIdText, claimChunks } from './sql/claim-chunks.ts'
import { completeChunks } from './sql/complete-chunks.ts'
import { stagingColumns, stagingTable, targetTable } from './sql/identifier.ts'
import { insertMissingOfMany } from './sql/insert-missing-of-many.ts'
import { type ChunkCounts, mergeMany } from './sql/merge-many.ts'
import { readChunks } from './sql/read-chunks.ts'
import type { StagedPart } from './sql/staged-once.ts'
import { updatePresentOfMany } from './sql/update-present-of-many.ts'
import { demandFit } from './table-check.ts'
import { takeStaging } from './take-staging.ts'

/**
 * Commits chunks of one dataset in one transaction, in their order, each exactly once and with counts of its own: all ledger rows, all rows in one COPY,
 * all counts. A chunk that is in the ledger already is left out, and what was counted then is the result.
 * @param strategy to try first, as for one chunk
 * @param begun is told which transaction it is, once there is something to end
 * @throws LoadError table-changed, table-missing, table-refused: the table's fault, and no chunk's
 */
export async function commitMany(
  db: Connection,
  dataset: Dataset,
  chunks: readonly ChunkInput[],
  strategy: Strategy,
  begun: (transaction: Transaction) => void,
): Promise<ManyCommitted> {
  const ids = chunks.map(({ load, chunk, place }) => ({ load: load.id, chunk, tenant: load.tenant, ...place }))
  try {
    const version = await beginTransaction(db, dataset, 'NOWAIT')
    const { claimed, transaction } = await claimChunks(db, dataset.name, ids)
    if (transaction) begun(transaction)
    const isNew = (i: number): boolean => claimed.has(chunkIdText(ids[i]!))
    const known =
      claimed.size < ids.length
        ? await readChunks(
            db,
            ids.filter((_, i) => !isNew(i)),
          )
        : new Map<string, ChunkResult>()
    const fresh = chunks.filter((_, i) => isNew(i))
    if (fresh.length > 0) await demandFit(db, dataset, version)
    const made = fresh.length === 0 ? [] : await goOn(db, dataset, fresh, strategy)
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
    const end = error instanceof AccountingError ? error : endOf(error, dataset)
    // What is wrong with the table is no chunk's fault.
    if (!end || isOfTable(end)) throw end ?? error
    return chunks.length === 1 ? { kind: 'at-fault', at: 0, error: end } : { kind: 'one-by-one' }
  }
}

/** As one chunk goes: straight, or straight but for the rows whose keys are there, or staged. */
async function goOn(db: Connection, dataset: Dataset, chunks: readonly ChunkInput[], first: Strategy): Promise<ChunkResult[]> {
  let strategy = first === 'probed' && !canProbe(dataset) ? 'staged' : first
  while (strategy !== 'staged') {
    const outcome = await goStraight(db, dataset, chunks, strategy)
    if (!(outcome instanceof Error)) return outcome
    strategy = strategy === 'direct' && isKeyTaken(outcome) && canProbe(dataset) ? 'probed' : 'staged'
  }
  return goStaged(db, dataset, chunks)
}

/** @returns the error when Postgres refuses a row: a key that is there already, or a rule */
async function goStraight(
  db: Connection,
  dataset: Dataset,
  chunks: readonly ChunkInput[],
  strategy: 'direct' | 'probed',
): Promise<ChunkResult[] | Error> {
  const rejects = openRejects(dataset, chunks, startsOf(chunks))
  await db.query('SAVEPOINT straight')
  try {
    const left: number[] = []
    const copy =
      strategy === 'direct'
        ? copyInto(db, targetTable(dataset.name), Object.keys(dataset.columns))
        : copyMissing(db, dataset, rowKey(dataset)!, (row) => left.push(row))
    const reads = await copyAll(copy, chunks, rejects, false, (copied) => copied + left.length)
    await finishAll(rejects)
    const leftOf = countedBy(reads, left)
    return accountFor(dataset, chunks, reads, rejects, (i) => ({ inserted: reads[i]!.encoded - leftOf[i]!, updated: 0, refused: 0 }))
  } catch (error) {
    await abortAll(rejects)
    if (!allowsAnotherStrategy(error)) throw error
    await db.query('ROLLBACK TO SAVEPOINT straight')
    return error
  }
}

/** How many of the rows, given by their numbers among all that were sent, are each chunk's. */
function countedBy(reads: readonly ChunkRead[], rows: readonly number[]): number[] {
  const counts = reads.map(() => 0)
  let [chunk, end] = [0, reads[0]!.encoded]
  for (const row of rows) {
    while (row >= end) end += reads[++chunk]!.encoded
    counts[chunk]!++
  }
  return counts
}

/** One staging table and one merge for all chunks: a row's line tells whose it is. */
async function goStaged(db: Connection, dataset: Dataset, chunks: readonly ChunkInput[]): Promise<ChunkResult[]> {
  const starts = startsOf(chunks)
  const rejects = openRejects(dataset, chunks, starts)
  try {
    const slot = await takeStaging(db, dataset)
    const table = stagingTable(dataset.name, slot)
    const reads = await copyAll(copyInto(db, table, [...stagingColumns, ...Object.keys(dataset.columns)]), chunks, rejects, true)
    for (const chunk of chunks) await keepOrder(db, dataset, slot, chunk)
    const before = rejects.map(({ count }) => count)
    const lines = starts.at(-1)! + chunks.at(-1)!.size
    const rows = reads.reduce((sum, { encoded }) => sum + encoded, 0)
    const counts = await mergeAll(
      db,
      dataset,
      slot,
      ofMany(db, dataset, slot, { lines, rows }, starts),
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

/** Rows that go straight need no such look: they take the place of none. */
async function keepOrder(db: Connection, dataset: Dataset, slot: number, chunk: ChunkInput): Promise<void> {
  const { load, chunk: number, place, orderedSince: arrivedAt } = chunk
  if (arrivedAt === undefined || !orderMatters(dataset)) return
  const { rows, keys } = await olderRows(db, dataset, slot, { ...place, load: load.id, chunk: number, arrivedAt })
  if (rows > 0) throw new AtFault(chunk, new LoadError('older-rows', olderRowsDetail(rows, keys)))
}

function ofMany(
  db: Connection,
  dataset: Dataset,
  slot: number,
  { lines, rows }: { readonly lines: number; readonly rows: number },
  starts: readonly number[],
): Merging<ChunkCounts> {
  const whole = { from: 1, to: lines + 1 }
  /** As `updateAndInsert` does for one chunk. */
  const updateAndInsert = async (part: StagedPart, rows: number): Promise<ChunkCounts> => {
    if (dataset.onConflict === 'ignore') return insertMissingOfMany(db, dataset, slot, part, starts)
    const changed = await updatePresentOfMany(db, dataset, slot, part, starts)
    if (written(changed) === rows) return changed
    const fresh = added(changed, await insertMissingOfMany(db, dataset, slot, part, starts))
    return dataset.version === undefined ? fresh : added(fresh, await updatePresentOfMany(db, dataset, slot, part, starts))
  }
  return {
    plain: () => updateAndInsert(whole, rows),
    place: '_line',
    whole,
    rows: (part) =>
      knowsInserted(dataset)
        ? mergeMany(db, dataset, slot, part, starts)
        : whileTaken(db, () => updateAndInsert(part, Number.POSITIVE_INFINITY)),
    none: starts.map(() => ({ inserted: 0, updated: 0 })),
    sum: added,
    written,
  }
}

const written = (counts: ChunkCounts): number => counts.reduce((sum, { inserted, updated }) => sum + inserted + updated, 0)
const added = (a: ChunkCounts, b: ChunkCounts): ChunkCounts =>
  a.map(({ inserted, updated }, i) => ({ inserted: inserted + b[i]!.inserted, updated: updated + b[i]!.updated }))

type Merged = { readonly inserted: number; readonly updated: number; readonly refused: number }

const accountFor = (
  dataset: Dataset,
  chunks: readonly ChunkInput[],
  reads: readonly ChunkRead[],
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
function withRefused(result: ChunkResult, { refused }: ChunkInput): ChunkResult {
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
