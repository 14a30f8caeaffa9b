import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, integer, jsonb, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { readRows } from '#core/reading/read-rows.ts'
import { csvFixFile } from '#core/rejects/fix-csv.ts'
import type { FixFile } from '#core/rejects/fix-file.ts'
import { jsonFixFile } from '#core/rejects/fix-json.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { rejectOf } from '#core/rejects/reject-row.ts'
import { parseCsvRow } from '#core/rows/csv.ts'
import { type CsvDialect, csvDialectFault, standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { day, everything, mutate, mutation, values } from '../../support/plain-rows.ts'

const columns = { id: bigint(), name: text({ max: 8, nullable: true }), score: integer({ default: 0 }), doc: jsonb({ nullable: true }) }
const options = { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' } as const
const strict = dataset('strict', options)
const lenient = dataset('lenient', { ...options, unknownColumns: 'ignore' })

type Form = { readonly format: 'ndjson' | 'json' | 'csv'; readonly csv?: CsvDialect }
const json: Form = { format: 'ndjson' }
const csvOf = (csv: CsvDialect): Form => ({ format: 'csv', csv })

/** What becomes of a text's rows, without a database. */
async function read(d: Dataset, form: Form, content: string | Buffer) {
  const { boundaries, hasHeader, reader } = rowFormatOf(form)
  const splitter = new RowSplitter({
    boundaries: boundaries(0),
    rowBytes: d.limits.rowBytes,
    offset: 0,
    skipToNewline: false,
    ranged: false,
  })
  splitter.push(Buffer.from(content))
  const header = hasHeader ? Buffer.from(splitter.first(true)?.bytes ?? '') : Buffer.alloc(0)
  const rejects: Reject[] = []
  const sink = {
    write: async () => undefined,
    refuse: (...[refusal, row]: Parameters<typeof rejectOf>) => void rejects.push(rejectOf(refusal, row)),
    flush: async () => undefined,
  }
  const { received, encoded } = await readRows(
    { splitter, more: async () => false },
    Number.POSITIVE_INFINITY,
    reader(d, { day, lead: true }, header),
    sink,
    splitter.lines,
  )
  return { received, encoded, rejects }
}
const written = (file: FixFile, rejects: readonly Reject[]) => file.head + rejects.map(file.row).join('')

/** Sends a file of rejects as it is, again and again: each time each of its rows is refused, and the marks do not pile up. */
async function assertRefusedAgain(d: Dataset, form: Form, rejects: readonly Reject[], fileOf: (generation: number) => FixFile) {
  const fix: Form = form.csv ? csvOf({ ...form.csv, header: true, columns: undefined }) : json
  let sent = written(fileOf(0), rejects)
  for (let generation = 1; generation <= 3; generation++) {
    const again = await read(d, fix, sent)
    const seen = () => `generation ${generation}: ${JSON.stringify(sent)} ${JSON.stringify(again.rejects)}`
    assert.deepEqual([again.received, again.rejects.length], [rejects.length, rejects.length], seen())
    for (const [i, reject] of rejects.entries()) {
      const { code, column, truncated } = again.rejects[i]!
      if (truncated || reject.truncated || reject.code === 'invalid-utf8' || (code === 'unknown-column' && column === '_raw')) continue
      assert.deepEqual([code, column], [reject.code, reject.column], seen())
    }
    const next = written(fileOf(generation), again.rejects)
    if (!again.rejects.some(({ truncated }) => truncated)) assert.ok(next.length <= sent.length + 100 * rejects.length + 100, seen())
    sent = next
  }
}

const tricky = [
  '{"id":1,"id":2}',
  '{"_error":"x","_line":1,"id":1,"id":2}',
  '{"id":1,"_error":"a","_line":1,"_error":"b","_line":2}',
  '{"_line":4,"id":"x","_error":"y"}',
  '{"id":"x","doc":{"_error":"e","_line":3}}',
  '{"_line":3,"id":"x","doc":{"_error":"e","_line":3}}',
  '{"id":"x","_error":"says \\"_error\\":\\"z\\"" , "_line":null }',
  '\u00a0{"id":1}',
  '\ufeff{"id":1}',
  '{"id":1}\u00a0',
  '{"id":1}{"id":2}',
  '{"id":1,"_raw":1}',
  '{"id":1,"name":"\\ud800"}',
  '{"id":1,"name":"nine code"}',
  '{"id":9007199254740993}',
  '{"id":"x","score":1e0,"doc":[1.50,-0,1e400,{"__proto__":1}]}',
  '{"id":"x","_error":1,"score":1e0,"doc":[1.50,-0,1e400,{"__proto__":1}]}',
  `{"id":1,"doc":${'['.repeat(3000)}${']'.repeat(3000)}}`,
  `{"id":1,"_error":"x","doc":${'{"\\u0061":'.repeat(700)}1${'}'.repeat(700)}}`,
  `{"id":"x"}${' '.repeat(9000)}`,
  `{"id":"x","name":"${'y'.repeat(9000)}"}`,
  '[1]',
  '"',
  '\u0000',
  '{',
].map((line) => Buffer.from(line))
const notUtf8 = [Buffer.from('{"id":1,"name":"caf\xe9"}', 'latin1'), Buffer.from('{"id":1,"_raw":"\xe9"}', 'latin1')]

const plainRow = fc.record(values).map((row) =>
  Buffer.from(
    `{${Object.entries(row)
      .map(([name, value]) => `"${name}":${value}`)
      .join(',')}}`,
  ),
)
const hurtRow = fc.tuple(plainRow, fc.array(mutation, { maxLength: 3 })).map(([row, hurts]) => hurts.reduce(mutate, row))
const noLineEnd = (line: Buffer) => !line.includes(10)

for (const d of [strict, lenient, everything])
  test(`NDJSON, ${d.name}: a file of rejects that is sent as it is loads nothing`, async () => {
    const lines = fc.array(fc.oneof(fc.constantFrom(...tricky, ...notUtf8), hurtRow).filter(noLineEnd), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(lines, async (some) => {
        const { rejects } = await read(d, json, Buffer.concat(some.flatMap((line) => [line, Buffer.from('\n')])))
        await assertRefusedAgain(d, json, rejects, () => jsonFixFile)
      }),
      { numRuns: 100 },
    )
    const all = await read(d, json, Buffer.concat([...tricky, ...notUtf8].flatMap((line) => [line, Buffer.from('\n')])))
    assert.equal(all.rejects.length, all.received - all.encoded)
    await assertRefusedAgain(d, json, all.rejects, () => jsonFixFile)
  })

test('a JSON array over many lines: its rows come on one line each, and load once they are corrected', async () => {
  const rows = [
    '{\n  "id": "x",\r\n  "doc": {\n "a": "b\\nc" }\n}',
    '[2]',
    '{"id": 3, "id": 4}',
    '{"id": 5, "name": "unclosed,\n  "score": 1\n}',
  ]
  const { received, rejects } = await read(strict, { format: 'json' }, `[\n${rows.join(',\n')},\n{"id": 6}\n]`)
  assert.deepEqual([received, rejects.length], [5, 4])
  await assertRefusedAgain(strict, { format: 'json' }, rejects, () => jsonFixFile)
  const sent = written(jsonFixFile, rejects).trimEnd().split('\n')
  assert.equal(sent.length, 4)
  const fixed = [
    sent[0]!.replace('"x"', '1'),
    '{"id":2}',
    sent[2]!.replace(', "id": 4', ''),
    ...(JSON.parse(sent[3]!) as { _raw: string })._raw.replace('unclosed', 'closed"').replaceAll('\n', ' ').split('\n'),
  ]
  const last = await read(strict, json, fixed.join('\n'))
  assert.deepEqual([last.encoded, last.rejects], [4, []])
})

const byte = fc.oneof(
  fc.constantFrom(',', ';', '\t', '|', '"', "'"),
  fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
)
const dialects = fc
  .record({
    delimiter: byte,
    quote: byte,
    null: fc.constantFrom('', 'NULL', '\\N', '1', 'id', '_line', ' '),
    header: fc.boolean(),
  })
  .filter((dialect) => csvDialectFault(dialect) === undefined)

test('CSV in every dialect: a file of rejects that is sent as it is loads nothing', async () => {
  const names = ['id', 'name', 'score', 'doc']
  const lines = ({ delimiter, quote, null: nullText }: CsvDialect) => {
    const part = fc.constantFrom(delimiter, quote, '1', '2', 'abc', nullText, '', '\r', 'é', `${quote}\n${quote}`, quote + quote)
    return fc.array(fc.array(part, { maxLength: 12 }), { minLength: 1, maxLength: 8 }).map((each) => each.map((parts) => parts.join('')))
  }
  let refused = 0
  await fc.assert(
    fc.asyncProperty(
      dialects.chain((csv) => fc.tuple(fc.constant(csv), lines(csv))),
      fc.constantFrom(strict, lenient),
      async ([csv, some], d) => {
        const quoted = names.map((name) => csv.quote + name.replaceAll(csv.quote, csv.quote + csv.quote) + csv.quote)
        const header = csv.header ? `${quoted.join(csv.delimiter)}\n` : ''
        const { rejects } = await read(d, csvOf({ ...csv, ...(!csv.header && { columns: names }) }), `${header}${some.join('\n')}`)
        refused += rejects.length
        await assertRefusedAgain(d, csvOf(csv), rejects, (generation) =>
          csvFixFile(csv, generation === 0 ? names : [...names, '_error', '_line'], columns),
        )
      },
    ),
    { numRuns: 2000 },
  )
  assert.ok(refused > 1000, `${refused} refused`)
})

test('any character may quote CSV, also one that means something to a pattern', () => {
  for (const quote of ['$', '^', '\\', '.', '&', '`']) {
    const file = csvFixFile({ ...standardCsv, quote }, ['id', 'name'], columns)
    const raw = JSON.stringify({ id: 1, name: `a${quote}b` })
    const row = file.row(rejectOf({ code: 'sqlstate-23514', column: null, message: 'no' }, { line: 1, offset: 0, bytes: Buffer.from(raw) }))
    assert.deepEqual(parseCsvRow(row.trimEnd(), { ...standardCsv, quote })?.slice(0, 2), ['1', `a${quote}b`])
  }
})

test('CSV that is no UTF-8, or kept in part: one field, so that it cannot pass for a row', async () => {
  const rows = [Buffer.from('1,caf\xe9,1,\n', 'latin1'), Buffer.from(`x,"${'"'.repeat(10_000)}",1,\n`)]
  for (const d of [strict, lenient]) {
    const { rejects } = await read(d, csvOf(standardCsv), Buffer.concat([Buffer.from('id,name,score,doc\n'), ...rows]))
    assert.equal(rejects.length, 2)
    await assertRefusedAgain(d, csvOf(standardCsv), rejects, () => csvFixFile(standardCsv, ['id', 'name', 'score', 'doc'], columns))
  }
})

test('a row that Postgres refused, of a CSV file with columns that the dataset has not, whatever these are called', () => {
  const reject: Reject = {
    ...{ line: 2, offset: 9, column: null, code: 'sqlstate-23514', message: 'no', truncated: false },
    raw: '{"id":1,"name":null,"doc":"null","score":0}',
  }
  const file = csvFixFile(standardCsv, ['constructor', 'doc', '__proto__', 'id', 'a,b', ''], columns)
  assert.equal(file.head, 'constructor,doc,__proto__,id,"a,b","",_error,_line\n')
  assert.equal(file.row(reject), ',"""null""",,1,,,"sqlstate-23514: no",2\n')
  // One that the table dropped came back from there too.
  assert.equal(file.row({ ...reject, code: 'dropped-by-table' }), ',"""null""",,1,,,"dropped-by-table: no",2\n')
})
