import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { csvColumns, csvRowEncoder } from '#core/rows/csv.ts'
import { type CsvDialect, standardCsv } from '#core/rows/csv-dialect.ts'
import { jsonRowEncoder } from '#core/rows/row.ts'
import { csvScanner } from '#core/scanner/csv-scanner.ts'
import { jsonScanner } from '#core/scanner/json-scanner.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { comparison, day, everything, mutate, mutation, values } from '../../support/plain-rows.ts'

type Name = keyof typeof everything.columns
const names = Object.keys(everything.columns) as Name[]
/** JSON texts of a row's values; undefined for a column that it leaves out. */
const row = fc.record(
  Object.fromEntries(
    names.map((name) => {
      const { nullable, optional } = everything.columns[name]
      const others = [...(nullable ? [fc.constant('null')] : []), ...(optional ? [fc.constant(undefined)] : [])]
      return [name, fc.oneof({ weight: 9, arbitrary: values[name] }, ...others.map((arbitrary) => ({ weight: 1, arbitrary })))]
    }),
  ) as Record<Name, fc.Arbitrary<string | undefined>>,
)
const shuffled = [...names].sort((a, b) => (a.slice(-1) + a < b.slice(-1) + b ? -1 : 1))

for (const [what, lead, order] of [
  ['rows in the dataset’s order', false, names],
  ['rows led by line and offset', true, names],
  ['rows in another order', true, shuffled],
] as const)
  test(`NDJSON, ${what}: what the scanner takes is, byte for byte, what the general parser makes of it`, () => {
    const { counts, compare } = comparison(() => jsonScanner(everything, day, lead), jsonRowEncoder(everything, { day, lead }))
    fc.assert(
      fc.property(row, fc.boolean(), mutation, fc.boolean(), (texts, spaces, change, crlf) => {
        const [colon, comma] = spaces ? [': ', ', '] : [':', ',']
        const members = order.flatMap((name) => (texts[name] === undefined ? [] : [`"${name}"${colon}${texts[name]}`]))
        compare(mutate(Buffer.from(`{${members.join(comma)}}`), change), crlf)
      }),
      { numRuns: 8_000 },
    )
    assert.ok(counts.taken > 2000 && counts.left > 1000, `${counts.taken} taken, ${counts.left} left to the general parser`)
  })

for (const [what, dialect, lead, order] of [
  ['columns in the dataset’s order', standardCsv, false, names],
  ['columns in another order', standardCsv, true, shuffled],
  ['a column list without optional columns', { ...standardCsv, header: false }, false, names.filter((n) => n !== 'share' && n !== 'price')],
  ['semicolons, single quotes and \\N', { ...standardCsv, delimiter: ';', quote: "'", null: '\\N' }, false, names],
  ['quotes that are tabs', { ...standardCsv, quote: '\t' }, false, names],
  ['tabs', { ...standardCsv, delimiter: '\t', null: 'NULL' }, true, names],
] as readonly (readonly [string, CsvDialect, boolean, readonly Name[]])[])
  test(`CSV, ${what}: what the scanner takes is, byte for byte, what the general parser makes of it`, () => {
    const given = dialect.header ? dialect : { ...dialect, columns: order }
    const columns = csvColumns(everything, given, Buffer.from(order.join(dialect.delimiter)))
    const options = { day, lead }
    const { counts, compare } = comparison(
      () => csvScanner(everything, options, given, columns)!,
      csvRowEncoder(everything, options, given, columns),
    )
    const needsQuotes = new RegExp(`[\\r\\n${dialect.delimiter}${dialect.quote}]`)
    fc.assert(
      fc.property(row, fc.constantFrom('never', 'texts', 'all'), mutation, fc.boolean(), (texts, quoted, change, crlf) => {
        const field = (name: Name): string => {
          const json = texts[name]
          if (json === undefined || json === 'null') return dialect.null
          const text = json.startsWith('"') ? (JSON.parse(json) as string) : json
          const inQuotes = needsQuotes.test(text) || quoted === 'all' || (quoted === 'texts' && json.startsWith('"'))
          return inQuotes ? dialect.quote + text.replaceAll(dialect.quote, dialect.quote.repeat(2)) + dialect.quote : text
        }
        compare(mutate(Buffer.from(order.map(field).join(dialect.delimiter)), change), crlf)
      }),
      { numRuns: 5_000 },
    )
    assert.ok(counts.taken > 700 && counts.left > 700, `${counts.taken} taken, ${counts.left} left to the general parser`)
  })

/** So many columns that equal ones share the code that reads their values. */
const broad = dataset('broad', {
  ...everything,
  columns: { ...everything.columns, ...Object.fromEntries(names.map((name) => [`${name}_2`, everything.columns[name]])) },
} as unknown as Parameters<typeof dataset>[1])

for (const [format, lead] of [
  ['NDJSON', false],
  ['NDJSON', true],
  ['CSV', false],
] as const)
  test(`${format}, a table of many columns${lead ? ', led by line and offset' : ''}: the same, where columns share their code`, () => {
    const columns = Object.keys(broad.columns)
    const { counts, compare } = comparison(
      () => (format === 'CSV' ? csvScanner(broad, { day, lead }, standardCsv, columns)! : jsonScanner(broad, day, lead)),
      format === 'CSV' ? csvRowEncoder(broad, { day, lead }, standardCsv, columns) : jsonRowEncoder(broad, { day, lead }),
    )
    fc.assert(
      fc.property(row, row, mutation, (one, two, change) => {
        const texts = [...names.map((name) => one[name]), ...names.map((name) => two[name])]
        const field = (text: string | undefined): string =>
          text === undefined || text === 'null'
            ? ''
            : text.startsWith('"')
              ? `"${(JSON.parse(text) as string).replaceAll('"', '""')}"`
              : text
        const members = texts.flatMap((text, i) => (text === undefined ? [] : [`"${columns[i]}":${text}`]))
        compare(mutate(Buffer.from(format === 'CSV' ? texts.map(field).join() : `{${members.join()}}`), change), false)
      }),
      { numRuns: 4_000 },
    )
    assert.ok(counts.taken > 250 && counts.left > 500, `${counts.taken} taken, ${counts.left} left to the general parser`)
  })

const simple = dataset('simple', {
  description: 'a test',
  columns: { id: bigint(), n: bigint({ nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
})

test('a scanner stops at the limit, at the last whole row, and at the first row that is not plain', () => {
  const scanner = jsonScanner(simple, day, false)
  const bytes = Buffer.from('{"id":1}\n{"id":2}\n{"id":3e0}\n{"id":4}\n{"id":5')
  const scan = (from: number, to: number, limit: number) => [scanner.scan(bytes, from, to, limit, new CopyWriter(), 1, 0), scanner.rows]
  assert.deepEqual(scan(0, bytes.length, 9), [9, 1])
  assert.deepEqual(scan(0, bytes.length, 10), [18, 2])
  assert.deepEqual(scan(0, bytes.length, 99), [18, 2])
  assert.deepEqual(scan(29, bytes.length, 99), [38, 1])
})

test('a scanner learns the order of keys from the rows that have another one', () => {
  const scanner = jsonScanner(simple, day, false)
  const bytes = Buffer.from(`${'{"n":1,"id":2}\n{"id":3}\n'.repeat(500)}{"id":1,"n":2}\n`)
  const scan = (from: number) => [scanner.scan(bytes, from, bytes.length, bytes.length, new CopyWriter(), 1, 0), scanner.rows]
  assert.deepEqual(scan(0), [12_000, 1000])
  assert.deepEqual(scan(12_000), [12_015, 1])
})

test('rows without the columns that have long defaults are written however much larger they become', () => {
  const wide = dataset('wide', {
    description: 'a test',
    columns: { id: bigint(), ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, bigint({ default: i })])) },
    primaryKey: ['id'],
    onConflict: 'ignore',
  })
  const bytes = Buffer.from('{"id":1}\n'.repeat(2000))
  const [scanned, parsed] = [new CopyWriter(), new CopyWriter()]
  const scanner = jsonScanner(wide, day, false)
  let [at, rows] = [0, 0]
  for (let calls = 0; at < bytes.length && calls < 100; calls++) {
    at = scanner.scan(bytes, at, bytes.length, bytes.length, scanned, 1, 0)
    rows += scanner.rows
  }
  assert.equal(rows, 2000)
  const encode = jsonRowEncoder(wide, { day, lead: false })
  for (let i = 0; i < 2000; i++) assert.equal(encode(Buffer.from('{"id":1}'), 1, 0, parsed), undefined)
  assert.deepEqual(scanned.written, parsed.written)
})
