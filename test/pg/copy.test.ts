import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { copyInto } from '#platform/postgres/copy.ts'
import { verdictOn } from '#platform/postgres/retry.ts'
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts'

let scratch: ScratchDatabase
before(async () => {
  scratch = await scratchDatabase()
  const db = await scratch.connect()
  await db.query('CREATE TABLE n (n bigint PRIMARY KEY, filler text NOT NULL)')
})
after(() => scratch[Symbol.asyncDispose]())

const filler = 'x'.repeat(1000)
/** Rows n, n + 1, … in one buffer that is used again and again. */
function rowsInto(out: CopyWriter, n: number, rows: number): Uint8Array {
  out.truncate(0)
  for (let i = 0; i < rows; i++) {
    out.fieldCount(2)
    out.int64(n + i)
    out.text(filler)
  }
  return out.written
}

test('bytes may be overwritten as soon as they are written, however much is on its way', async () => {
  const db = await scratch.connect()
  const copy = copyInto(db, 'n', ['n', 'filler'])
  const out = new CopyWriter()
  for (let n = 0; n < 30_000; n += 100) await copy.write(rowsInto(out, n, 100))
  assert.equal(await copy.finish(), 30_000)
  const { rows } = await db.query('SELECT count(*)::int AS rows, sum(n)::int AS sum FROM n')
  assert.deepEqual(rows, [{ rows: 30_000, sum: (30_000 * 29_999) / 2 }])
})

test('a COPY of no rows is one, and one that is given up leaves its connection as it was', async () => {
  const db = await scratch.connect()
  assert.equal(await copyInto(db, 'n', ['n', 'filler']).finish(), 0)
  const unbegun = copyInto(db, 'n', ['n', 'filler'])
  await unbegun.abort()
  const begun = copyInto(db, 'n', ['n', 'filler'])
  await begun.write(rowsInto(new CopyWriter(), 100_000, 10))
  await begun.abort()
  assert.deepEqual((await db.query('SELECT count(*)::int AS rows FROM n WHERE n >= 100000')).rows, [{ rows: 0 }])
})

test('when Postgres refuses a row whoever writes hears of it, and the connection goes on', async () => {
  const db = await scratch.connect()
  await db.query('INSERT INTO n VALUES (200000, $1) ON CONFLICT DO NOTHING', [filler])
  const copy = copyInto(db, 'n', ['n', 'filler'])
  const out = new CopyWriter()
  await assert.rejects(
    async () => {
      for (let n = 200_000; ; n += 100) await copy.write(rowsInto(out, n, 100))
    },
    { code: '23505' },
  )
  await assert.rejects(copy.write(rowsInto(out, 1, 1)), { code: '23505' })
  await assert.rejects(copy.finish(), { code: '23505' })
  await copy.abort()
  assert.deepEqual((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

test('a table that is not there is told by the first write', async () => {
  const db = await scratch.connect()
  await assert.rejects(copyInto(db, 'nowhere', ['n']).write(new Uint8Array(1)), { code: '42P01' })
})

test('a connection that breaks ends the COPY with an error that is worth another try', async () => {
  const db = await scratch.connect()
  const other = await scratch.connect()
  const { rows } = await db.query('SELECT pg_backend_pid() AS pid')
  const copy = copyInto(db, 'n', ['n', 'filler'])
  const out = new CopyWriter()
  await copy.write(rowsInto(out, 300_000, 100))
  await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
  const failure = await (async () => {
    for (let n = 300_100; ; n += 100) await copy.write(rowsInto(out, n, 100))
  })().catch((error) => error)
  assert.equal(verdictOn(failure), 'wait', String(failure))
  await copy.abort()
})
