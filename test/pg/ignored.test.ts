import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { bigint, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import type { Compression, Format } from '#core/rows/encoding.ts'
import type { Ignored } from '#core/rows/ignored.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { Consumer } from '../support/consumer.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), name: text({ max: 12, nullable: true }) }
const shape = { description: 'a test', columns, primaryKey: ['id'], unknownColumns: 'ignore' } as const
const lenient = dataset('lenient', { ...shape, onConflict: 'ignore' })
const newest = dataset('newest', { ...shape, onConflict: 'update', orderingKey: 'id' })
const { db, connect } = await scratchTables([lenient, newest])
for (const { name } of [lenient, newest]) await db.query(`ALTER TABLE ${name} ADD CONSTRAINT not_13 CHECK (id <> 13)`)

const n = 200
const ids = Array.from({ length: n }, (_, i) => i)
/** Every row has a gate, every tenth a note; the one whose id is no number is rejected, and what it has does not count. */
const objects = ids.map((id) => ({ id: id === 20 ? 'x' : id, name: `n${id}`, gate: 1, ...(id % 10 === 0 && { note: null }) }))
const asJson = () => Buffer.from(JSON.stringify(objects))
const asNdjson = () => Buffer.from(objects.map((row) => `${JSON.stringify(row)}\n`).join(''))
const asCsv = () => Buffer.from(['gate,id,note,name', ...objects.map(({ id, name }) => `1,${id},,${name}`)].join('\n'))
const asParquet = () =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'gate', data: ids, type: 'INT32' },
        { name: 'id', data: ids.map(BigInt), type: 'INT64' },
        { name: 'name', data: ids.map((id) => (id === 20 ? 'far too long a name' : `n${id}`)), type: 'STRING' },
        { name: 'note', data: ids, type: 'INT32' },
      ],
      rowGroupSize: 50,
    }),
  )
const inRows = (gate: number, note: number): Ignored => ({
  byName: [
    { name: 'gate', rows: gate },
    { name: 'note', rows: note },
  ],
  others: 0,
})

const files: readonly [what: string, Format, Compression, () => Buffer, Ignored][] = [
  ['NDJSON', 'ndjson', 'none', asNdjson, inRows(n - 1, n / 10 - 1)],
  ['NDJSON in gzip', 'ndjson', 'gzip', () => gzipSync(asNdjson()), inRows(n - 1, n / 10 - 1)],
  ['a JSON array', 'json', 'none', asJson, inRows(n - 1, n / 10 - 1)],
  ['CSV', 'csv', 'none', asCsv, inRows(n - 1, n - 1)],
  ['Parquet', 'parquet', 'none', asParquet, inRows(n - 1, n - 1)],
]

for (const [what, format, compression, body, expected] of files)
  for (const [target, strategy] of [
    [lenient, 'direct'],
    [newest, 'staged'],
  ] as readonly [Dataset, Strategy][])
    test(`${what}, ${strategy}: the receipt says what was passed over, chunk by chunk, in parts, and as the ledger has it`, async () => {
      const content = body()
      for (const rows of [undefined, 7]) {
        await db.query(`TRUNCATE ${target.name}`)
        const p = new Pipeline(target, connect)
        p.strategy = strategy
        const load = p.open(content, format, compression, compression === 'none' ? Math.ceil(content.length / 3) : 2000)
        p.queue.splice(0, p.queue.length, ...p.queue.map((job) => ({ ...job, ...(rows && { rows }) })))
        const messages = [...p.queue]
        await p.drain(2)
        const receipt = p.receipt(load.id)
        // Only Postgres refuses the one with 13: what it had besides was passed over.
        assert.deepEqual([receipt.state, receipt.rows.loaded, receipt.rows.rejected, receipt.reconciles], ['complete', n - 2, 2, true])
        assert.deepEqual(receipt.ignored, expected)
        if (rows) assert.ok(p.partsOf(load.id).some(({ more }) => more))
        // The same messages again, where nothing of it was shown: the ledger has it all.
        const again = new Pipeline(target, connect)
        again.objects.set(load.id, content)
        again.loads.set(load.id, load)
        again.queue.push(...messages)
        await again.drain(2)
        await again.drain(1)
        assert.deepEqual(again.receipt(load.id).ignored, expected)
      }
    })

test('chunks of batches, committed together and shown again', async () => {
  const c = new Consumer([lenient], connect)
  const ndjson = ['{"id":1,"gate":1}\n{"id":2}\n', '{"id":3,"gate":1,"note":2}\n', '{"id":4}\n']
  const csv = { ...standardCsv, header: false, columns: ['gate', 'id'] }
  const records = [...c.batch(lenient, ndjson), ...c.batch(lenient, ['1,13\n2,5\n'], { header: { format: 'csv', csv } })]
  assert.equal(await c.deliver(records), -1)
  assert.equal(await c.deliver(records), -1)
  assert.deepEqual(c.receiptOf(records[0]!).ignored, inRows(2, 1))
  assert.deepEqual(c.receiptOf(records[3]!).ignored, { byName: [{ name: 'gate', rows: 2 }], others: 0 })
  const { rows } = await db.query('SELECT ignored FROM millrace.ledger WHERE load = $1 ORDER BY chunk', [c.loadOf(records[0]!)])
  assert.deepEqual(
    rows.map(({ ignored }) => ignored?.byName.length ?? null),
    [1, 2, null],
  )
})

test('names that no jsonb would take, and more of them than are kept: the chunk is committed, and all are counted', async () => {
  const names = ['a\0b', 'half \ud83d', ...Array.from({ length: 3000 }, (_, i) => `k${i}`)]
  const p = new Pipeline(lenient, connect)
  const rows = names.map((name, id) => `${JSON.stringify({ id: id + 100, [name]: 1 })}\n`)
  const load = p.open(Buffer.from(rows.join('')), 'ndjson', 'none', 20_000)
  await p.drain(1)
  const { state, ignored, chunks } = p.receipt(load.id)
  assert.ok(chunks.committed > 2)
  assert.deepEqual([state, ignored.byName.length], ['complete', 50])
  assert.equal(
    ignored.byName.reduce((sum, each) => sum + each.rows, ignored.others),
    names.length,
  )
})
