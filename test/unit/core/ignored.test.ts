import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { readRows } from '#core/reading/read-rows.ts'
import { addIgnored, type Ignored, IgnoredTally, ignoredInAll, mostIgnored } from '#core/rows/ignored.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'

const shape = {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 5, nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
} as const
const lenient = dataset('lenient', { ...shape, unknownColumns: 'ignore' })
const strict = dataset('strict', shape)

async function read(format: 'ndjson' | 'json' | 'csv', content: string, set = lenient) {
  const bytes = Buffer.from(content)
  const { boundaries, hasHeader, reader } = rowFormatOf({ format })
  const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes: 1 << 20, offset: 0, skipToNewline: false, ranged: false })
  splitter.push(bytes)
  const header = hasHeader ? Buffer.from(splitter.first(true)!.bytes) : Buffer.alloc(0)
  const sink = { write: async () => undefined, refuse: () => undefined, flush: async () => undefined }
  const text = { splitter, more: async () => false }
  return readRows(text, bytes.length + 1, reader(set, { day: new Date(0), lead: false }, header), sink, 0)
}
const ndjson = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const rows = [
  { id: 1, name: 'a' },
  { id: 2, gate: 7, Name: 'a second form of a column that is there', name: 'b' },
  { note: null, id: 3, gate: 8 },
  { id: 'no number', gate: 9 },
  { id: 4 },
]
const expected: Ignored = {
  byName: [
    { name: 'gate', rows: 2 },
    { name: 'Name', rows: 1 },
    { name: 'note', rows: 1 },
  ],
  others: 0,
}

test('keys that are passed over are counted by the rows that have them, among rows that the scanner takes; those of a rejected row are not', async () => {
  for (const [format, content] of [
    ['ndjson', ndjson(rows)],
    ['json', JSON.stringify(rows)],
  ] as const) {
    const { received, encoded, ignored } = await read(format, content)
    assert.deepEqual([received, encoded, ignored], [5, 4, expected], format)
  }
})

test('columns of a header are passed over in every row that is not rejected', async () => {
  const { received, encoded, ignored } = await read('csv', 'gate,id,note\n1,1,x\n2,2,\n3,bad,y\n')
  const byName = [
    { name: 'gate', rows: 2 },
    { name: 'note', rows: 2 },
  ]
  assert.deepEqual([received, encoded, ignored], [3, 2, { byName, others: 0 }])
  assert.equal((await read('csv', 'gate,id\n1,bad\n')).ignored, undefined)
})

test('nothing is said where nothing is passed over: known columns alone, what a file of rejects adds, a dataset that refuses unknown ones', async () => {
  assert.equal((await read('ndjson', ndjson([{ id: 1 }, { id: 2, _error: 'wrong', _line: 3 }]))).ignored, undefined)
  assert.equal((await read('csv', 'id,_error,_line\n1,wrong,3\n')).ignored, undefined)
  assert.deepEqual(Object.keys(await read('ndjson', ndjson([{ id: 1 }]))).includes('ignored'), false)
  const refused = await read('ndjson', ndjson(rows), strict)
  assert.deepEqual([refused.encoded, refused.ignored], [2, undefined])
})

test('a row of 100,000 unknown keys, or as many rows of one: what is kept is bounded, and all are counted', async () => {
  const keys = Array.from({ length: 100_000 }, (_, i) => `k${i.toString(36)}`)
  const wide = `{"id":1,${keys.map((key) => `"${key}":1`).join()}}\n`
  for (const content of [wide, keys.map((key, id) => `{"id":${id},"${key}":1}\n`).join('')]) {
    const { ignored } = await read('ndjson', content)
    assert.equal(total(ignored), 100_000)
    assert.equal(ignored!.byName.length, mostIgnored)
  }
  assert.equal(total((await read('csv', `id,${keys.join()}\n1,${keys.join()}\n`)).ignored), 100_000)
})

test('names are cut, and have nothing that JSON in Postgres or a terminal could not take', () => {
  const names = ['a\0b', '\x1b[2J', 'half \ud83d', `${'x'.repeat(62)}😀`, 'ä€😀', '', '__proto__', 'x'.repeat(1 << 20)]
  const { byName } = ignoredInAll(names, 1)!
  assert.deepEqual(
    new Set(byName.map(({ name }) => name)),
    new Set([...['a\ufffdb', '\ufffd[2J', 'half \ufffd', `${'x'.repeat(62)}\ufffd…`, 'ä€😀', '', '__proto__', `${'x'.repeat(63)}…`]]),
  )
  assert.deepEqual(addIgnored({ byName, others: 3 }, undefined), { byName, others: 3 })
})

const total = (ignored: Ignored | undefined): number => (ignored?.byName ?? []).reduce((sum, each) => sum + each.rows, ignored?.others ?? 0)

test('however rows are spread over chunks, and in whatever order chunks are added up, all of it together is exact, and bounded', () => {
  const few = fc.integer({ min: 0, max: 20 })
  const many = fc.integer({ min: 0, max: 5000 })
  const row = fc.uniqueArray(fc.oneof(few, many), { maxLength: 10 })
  fc.assert(
    fc.property(fc.array(fc.array(row, { maxLength: 60 }), { maxLength: 6 }), (chunks) => {
      const tallies = chunks.map((rows) => {
        const tally = new IgnoredTally()
        for (const n of rows.flat()) tally.add(`k${n}`)
        return tally.sums
      })
      const all = chunks.flat(2)
      const counts = new Map<string, number>()
      for (const n of all) counts.set(`k${n}`, (counts.get(`k${n}`) ?? 0) + 1)
      for (const order of [tallies, tallies.toReversed()]) {
        const sum = order.reduce(addIgnored, undefined)
        assert.equal(total(sum), all.length)
        assert.equal(sum === undefined, all.length === 0)
        const { byName, others } = sum ?? { byName: [], others: 0 }
        assert.equal(byName.length, Math.min(byName.length, mostIgnored))
        for (const { name, rows } of byName) assert.ok(rows <= counts.get(name)! && (others > 0 || rows === counts.get(name)))
        if (counts.size <= mostIgnored) assert.equal(others, 0)
        assert.deepEqual(
          byName,
          byName.toSorted((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1)),
        )
      }
    }),
  )
})
