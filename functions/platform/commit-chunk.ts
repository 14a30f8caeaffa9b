import type { Dataset } from '#core/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { ChunkResult, Load } from '#core/load.ts'
import type { RowSink, RowsRead } from '#core/read-rows.ts'
import { copyInto } from './copy.ts'
import type { Connection } from './database.ts'
import { mergeStaged } from './merge.ts'
import type { RejectFile } from './reject-file.ts'
import { claimChunk } from './sql/claim-chunk.ts'
import { claimLane } from './sql/claim-lane.ts'
import { completeChunk } from './sql/complete-chunk.ts'
import { stagingColumns, stagingTable } from './sql/identifier.ts'

/** What reading a chunk found out about its source. */
export interface SourceRead extends RowsRead {
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly crc32: number
  readonly last: boolean
}

export interface ChunkWork {
  readonly load: Pick<Load, 'id' | 'tenant'>
  readonly dataset: Dataset
  readonly chunk: number
  readonly rejects: RejectFile
  /** Sends every good row of the chunk to the sink. */
  readonly read: (sink: RowSink) => Promise<SourceRead>
}

/**
 * Commits one chunk exactly once: ledger row, rows and counts in one transaction, its rejects stored before the commit.
 * Killed anywhere before the commit it leaves nothing; after it, the ledger refuses it.
 * @returns undefined when the chunk was committed before
 * @throws AccountingError when two counts of the same rows differ; nothing is committed then
 */
export async function commitChunk(db: Connection, work: ChunkWork): Promise<ChunkResult | undefined> {
  const { load, dataset, chunk, rejects } = work
  await db.query('BEGIN')
  try {
    if (!(await claimChunk(db, load.id, chunk, load.tenant, dataset.name))) {
      await db.query('ROLLBACK')
      return undefined
    }
    const lane = await claimLane(db, dataset.name)
    const { read, staged } = await stage(db, work, lane)
    const refusedBefore = rejects.count
    const inserted = await mergeStaged(db, dataset, lane, read.lines, ({ refusal, line, offset, json }) =>
      rejects.add(refusal, { line, offset, bytes: Buffer.from(json) }),
    )
    await rejects.finish()
    const result = account(work, read, { staged, inserted, refusedByDatabase: rejects.count - refusedBefore })
    await completeChunk(db, load.id, result)
    await db.query('COMMIT')
    return result
  } catch (error) {
    await rejects.abort()
    await db.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function stage(db: Connection, { dataset, rejects, read }: ChunkWork, lane: number): Promise<{ read: SourceRead; staged: number }> {
  const table = stagingTable(dataset.name, lane)
  await db.query(`TRUNCATE ${table}`)
  const copy = copyInto(db, table, [...stagingColumns, ...Object.keys(dataset.columns)])
  try {
    const facts = await read({ write: copy.write, refuse: rejects.add, flush: rejects.flush })
    return { read: facts, staged: await copy.finish() }
  } catch (error) {
    await copy.abort()
    throw error
  }
}

function account(
  { dataset, chunk, rejects }: ChunkWork,
  read: SourceRead,
  { staged, inserted, refusedByDatabase }: { staged: number; inserted: number; refusedByDatabase: number },
): ChunkResult {
  const present = staged - inserted - refusedByDatabase
  const result: ChunkResult = {
    chunk,
    sourceStart: read.sourceStart,
    sourceEnd: read.sourceEnd,
    crc32: read.crc32,
    nextRow: read.nextRow,
    lines: read.lines,
    last: read.last,
    received: read.received,
    loaded: inserted,
    updated: dataset.onConflict === 'update' ? present : 0,
    duplicate: dataset.onConflict === 'update' ? 0 : present,
    rejected: rejects.count,
    committedAt: new Date().toISOString(),
  }
  const outcomes = result.loaded + result.updated + result.duplicate + result.rejected
  if (staged !== read.encoded || outcomes !== read.received)
    throw new AccountingError(
      `chunk ${chunk}: ${read.received} rows received, ${read.encoded} sent, ${staged} staged, ${outcomes} accounted for`,
    )
  return result
}
