import type { Dataset } from '#core/dataset/dataset.ts'
import type { CommitTicket } from '#core/loads/commit-tickets.ts'
import type { ChunkResult, Load } from '#core/loads/load.ts'
import type { ReadChunk } from '#core/reading/chunk-read.ts'
import { rowKey } from '#core/rows/keyed-rows.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import { accountOf, type Loaded } from './account.ts'
import { allowsAnotherStrategy } from './attempt.ts'
import { type Copy, copyInto } from './copy.ts'
import { type CopyMissing, copyMissing } from './copy-missing.ts'
import { type CountedRejects, countedRejects } from './counted-rejects.ts'
import type { Connection } from './database.ts'
import { endOf } from './end-of.ts'
import { mergeStaged } from './merge.ts'
import { isKeyTaken } from './retry.ts'
import { beginTransaction } from './sql/begin-transaction.ts'
import { claimChunk, type Transaction } from './sql/claim-chunk.ts'
import { completeChunk } from './sql/complete-chunk.ts'
import { DroppedRow } from './sql/dropped-rows.ts'
import { stagingColumns, stagingTable, targetTable } from './sql/identifier.ts'
import { stagedKeys } from './sql/staged-keys.ts'
import { demandFit } from './table-check.ts'
import { takeStaging } from './take-staging.ts'

export interface ChunkWork {
  readonly load: Pick<Load, 'id' | 'tenant' | 'maxRejects'>
  readonly dataset: Dataset
  readonly chunk: number
  /** Which part of the chunk: `read` begins where the one before it ended. */
  readonly part: number
  /** Told which transaction it is, as soon as there is something that may last. */
  readonly begun: (transaction: Transaction) => void
  readonly openRejects: () => RejectFile
  /** Sends every good row of the chunk to the sink, each led by its line and offset or not. Called again when the rows are loaded by another strategy. */
  readonly read: ReadChunk
  readonly strategy: Strategy
  /** When the rows may be written, where earlier chunks of the load are still being committed. */
  readonly ticket: CommitTicket
}

/**
 * The strategy to try first. `direct`: COPY straight into the table; right when every row is new, and the cheapest by far. `probed`: the same, of the rows whose
 * keys a look into the table did not find. `staged`: COPY into a staging table and merge. A COPY that Postgres refuses is followed by the next strategy.
 */
export type Strategy = 'direct' | 'probed' | 'staged'

/** True when a look can tell which rows of the dataset need not be written at all. */
export const canProbe = (dataset: Dataset): boolean => dataset.onConflict === 'ignore' && rowKey(dataset) !== undefined

/**
 * Commits one chunk, or a part of it, exactly once: ledger row, rows and counts in one transaction, its rejects stored before the commit.
 * Killed anywhere before the commit it leaves nothing; after it, the ledger refuses it.
 * @returns undefined when the chunk was committed before
 * @throws AccountingError when two counts of the same rows differ; nothing is committed then
 * @throws LoadError table-changed, table-missing, table-refused, chunk-refused: waiting would not help
 */
export async function commitChunk(db: Connection, work: ChunkWork): Promise<ChunkResult | undefined> {
  const { load, dataset, chunk, part } = work
  try {
    const version = await beginTransaction(db, dataset)
    const claimed = await claimChunk(db, load.id, { chunk, part }, load.tenant, dataset.name)
    if (!claimed) {
      await db.query('ROLLBACK')
      return undefined
    }
    work.begun(claimed)
    await demandFit(db, dataset, version)
    const result = { ...accountOf(dataset, chunk, await loadRows(db, work)), ...(part > 0 && { part }) }
    await completeChunk(db, load.id, result)
    await db.query('COMMIT')
    return result
  } catch (error) {
    await db.query('ROLLBACK').catch(() => undefined)
    throw endOf(error, dataset) ?? error
  }
}

/** Tries the strategies in their order, until the rows are in the table. */
async function loadRows(db: Connection, work: ChunkWork): Promise<Loaded> {
  let strategy = work.strategy === 'probed' && !canProbe(work.dataset) ? 'staged' : work.strategy
  while (strategy !== 'staged') {
    const outcome = await (strategy === 'direct' ? goDirect(db, work) : goProbed(db, work))
    if (!(outcome instanceof Error)) return outcome
    strategy = strategy === 'direct' && isKeyTaken(outcome) && canProbe(work.dataset) ? 'probed' : 'staged'
  }
  return goStaged(db, work)
}

const goDirect = (db: Connection, work: ChunkWork): Promise<Loaded | Error> =>
  goStraight(db, work, () => ({ left: 0, ...copyInto(db, targetTable(work.dataset.name), Object.keys(work.dataset.columns)) }))

const goProbed = (db: Connection, work: ChunkWork): Promise<Loaded | Error> =>
  goStraight(db, work, () => copyMissing(db, work.dataset, rowKey(work.dataset)!))

/** @returns the error when Postgres refuses a row: a key that is there already, or a rule */
async function goStraight(db: Connection, work: ChunkWork, begin: () => CopyMissing): Promise<Loaded | Error> {
  await work.ticket.alone()
  const rejects = openRejects(work)
  await db.query('SAVEPOINT straight')
  try {
    const copy = begin()
    const { read, copied } = await copyRows(copy, work, rejects, false)
    if (copied + copy.left < read.encoded) throw new DroppedRow()
    await rejects.finish()
    return { read, copied: copied + copy.left, inserted: copied, updated: 0, refused: 0, rejects }
  } catch (error) {
    await rejects.abort()
    if (!allowsAnotherStrategy(error)) throw error
    await db.query('ROLLBACK TO SAVEPOINT straight')
    return error
  }
}

async function goStaged(db: Connection, work: ChunkWork): Promise<Loaded> {
  const { dataset } = work
  const rejects = openRejects(work)
  try {
    const slot = await takeStaging(db, dataset)
    const table = stagingTable(dataset.name, slot)
    const { read, copied } = await copyRows(copyInto(db, table, [...stagingColumns, ...Object.keys(dataset.columns)]), work, rejects, true)
    if (!work.ticket.free) await work.ticket.among(await stagedKeys(db, dataset, slot))
    const before = rejects.count
    const merged = await mergeStaged(db, dataset, slot, { end: read.nextRow, rows: copied }, async ({ refusal, line, offset, json }) => {
      rejects.add(refusal, { line, offset, bytes: Buffer.from(json) })
      await rejects.flush()
    })
    await rejects.finish()
    return { read, copied, ...merged, refused: rejects.count - before, rejects }
  } catch (error) {
    await rejects.abort()
    throw error
  }
}

const openRejects = ({ openRejects, load, dataset, chunk }: ChunkWork): CountedRejects =>
  countedRejects(openRejects(), load, dataset, chunk)

async function copyRows(copy: Copy, { read }: ChunkWork, rejects: RejectFile, lead: boolean) {
  try {
    const facts = await read({ write: copy.write, refuse: rejects.add, flush: rejects.flush }, lead)
    return { read: facts, copied: await copy.finish() }
  } catch (error) {
    await copy.abort()
    throw error
  }
}
