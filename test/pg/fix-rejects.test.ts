import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, integer, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { csvFixFile } from '#core/rejects/fix-csv.ts'
import { jsonFixFile } from '#core/rejects/fix-json.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import type { Format } from '#core/rows/encoding.ts'
import { Pipeline } from '../support/pipeline.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), name: text({ max: 8, nullable: true }), score: integer({ default: 0 }) }
const strict = dataset('strict', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' })
const lenient = dataset('lenient', {
  description: 'a test',
  columns,
  primaryKey: ['id'],
  onConflict: 'ignore',
  unknownColumns: 'ignore',
})

const { db, connect } = await scratchTables([strict, lenient], { stagingSlots: 2 })
for (const { name } of [strict, lenient]) await db.query(`ALTER TABLE ${name} ADD CHECK (score < 100)`)

async function load(d: typeof strict, content: string, format: Format) {
  const p = new Pipeline(d, connect)
  const { id } = p.open(Buffer.from(content), format, 'none', 1 << 20)
  await p.drain(1)
  assert.deepEqual(p.failures, [])
  const receipt = p.receipt(id)
  assert.equal(receipt.state, 'complete', JSON.stringify(receipt.problem))
  return { rows: receipt.rows, rejects: p.rejectsOf(id).sort((a, b) => a.line - b.line) }
}
const csvHead = ['id', 'name', 'score']

/** Rows that are refused, and what makes them right. */
const jsonFaults: readonly [string, (line: string) => string][] = [
  ['{"id":1,"name":"far too long","score":5}', (l) => l.replace('far too long', 'short')],
  ['{"id":12345678901234567890123,"score":5}', (l) => l.replace('12345678901234567890123', '2')],
  ['{"id":3,"score":500}', (l) => l.replace('500', '50')],
  ['{"id":4,"score":500,"name":"a \\"b\\" ü"}', (l) => l.replace('500', '50')],
  ['{"name":"x"}', (l) => l.replace('{', '{"id":5,')],
  ['{ }', (l) => l.replace('{', '{"id":6,')],
  ['{"id":7', (l) => l.replace(/^.*$/, '{"id":7}')],
  ['[8]', (l) => l.replace(/^.*$/, '{"id":8}')],
  ['not "json"', (l) => l.replace(/^.*$/, '{"id":9}')],
]
const csvFaults: readonly [string, (line: string) => string][] = [
  ['1,far too long,5', (l) => l.replace('far too long', 'short')],
  ['x,,5', (l) => l.replace('x', '2')],
  ['3,,500', (l) => l.replace('500', '50')],
  ['4,"a ""b""",500', (l) => l.replace('500', '50')],
  ['5,"a\nb",x', (l) => l.replace(',x,', ',7,')],
  ['6,1', (l) => l.replace('6,1', '6,a,1')],
  ['7,"open', (l) => l.replace('"open', 'open,1')],
  ['8,a"b,1', (l) => l.replace('a"b', 'ab')],
  ['9,"",x', (l) => l.replace(',x,', ',7,')],
]

for (const d of [strict, lenient])
  for (const [format, faults, file] of [
    ['ndjson', jsonFaults, jsonFixFile],
    ['csv', csvFaults, csvFixFile(standardCsv, csvHead)],
  ] as const)
    test(`${format}, ${d.name}: rejects sent back as they are refused again, the same and nothing else; corrected they load`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([...faults], { minLength: 1 }), fc.boolean(), async (some, twice) => {
          await db.query(`TRUNCATE ${d.name}`)
          const head = format === 'csv' ? `${csvHead.join(',')}\n` : ''
          const first = await load(d, `${head}${some.map(([line]) => `${line}\n`).join('')}`, format)
          assert.equal(first.rows.rejected, some.length)
          let sent = first.rejects.map((r) => file.row(r))
          const again = await load(d, file.head + sent.join(''), format)
          assert.deepEqual([again.rows.received, again.rows.rejected], [some.length, some.length])
          // The file of rejects of a file of rejects: the marks do not pile up.
          const second = format === 'csv' ? csvFixFile(standardCsv, [...csvHead, '_error', '_line']) : jsonFixFile
          if (twice) sent = again.rejects.map((r) => second.row(r))
          const fixed = file.head + sent.map((row, i) => `${some[i]![1](row.trimEnd())}\n`).join('')
          const last = await load(d, fixed, format)
          assert.deepEqual([last.rows.loaded, last.rows.rejected], [some.length, 0], `${fixed}\n${JSON.stringify(last.rejects)}`)
        }),
        { numRuns: 12 },
      )
    })
