import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { rowKey } from '#core/rows/keyed-rows.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { copyMissing } from '#platform/postgres/copy-missing.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const wide = dataset('wide', { description: 'a test', columns: { id: bigint(), filler: text() }, primaryKey: ['id'], onConflict: 'ignore' })
const { db } = await scratchTables([wide])

test('rows of many looks: those that are there, or came before in this look or an earlier one, are left out by their numbers', async () => {
  await db.query("INSERT INTO wide SELECT n, 'before' FROM generate_series(0, 119, 40) AS n")
  const filler = 'x'.repeat(100_000)
  // Some forty rows are looked up at once. Every tenth has the key of the one before it, the last ten those of the first.
  const ids = Array.from({ length: 130 }, (_, i) => (i >= 120 ? i - 120 : i % 10 === 9 ? i - 1 : i))
  const told: number[] = []
  const copy = copyMissing(db, wide, rowKey(wide)!, (row) => told.push(row))
  for (const id of ids) {
    const out = new CopyWriter()
    out.fieldCount(2)
    out.int64(id)
    out.text(filler)
    await copy.write(out.written)
  }
  const copied = await copy.finish()
  const left = ids.flatMap((id, row) => (id % 40 === 0 || ids.indexOf(id) < row ? [row] : []))
  assert.deepEqual([told, copy.left, copied], [left, left.length, ids.length - left.length])
  assert.deepEqual((await db.query('SELECT count(*)::int AS rows FROM wide WHERE length(filler) = 100000')).rows, [{ rows: copied }])
})
