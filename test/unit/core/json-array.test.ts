import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LoadError } from '#core/errors.ts'
import { jsonArrayBoundaries } from '#core/rows/json-array.ts'
import { RowSplitter, type SplitRow } from '#core/rows/row-splitter.ts'

interface Row {
  readonly text: string
  readonly line: number
  readonly offset: number
  readonly oversized: boolean
}

/** Reads the text in chunks of so many bytes, each with a new reader that begins where the one before ended, as after a hand-over. */
function read(text: string, { pieces = 1 << 16, chunk = Number.POSITIVE_INFINITY, rowBytes = 1 << 20 } = {}): Row[] {
  const bytes = Buffer.from(text)
  const rows: Row[] = []
  let linesBefore = 0
  for (let offset = 0, n = 1, ended = false; !ended; n++) {
    const boundaries = jsonArrayBoundaries(offset)
    const splitter = new RowSplitter({ boundaries, rowBytes, offset, skipToNewline: false, ranged: false })
    const onRow = (r: SplitRow): void => {
      rows.push({ text: r.bytes.toString(), line: linesBefore + r.line, offset: r.offset, oversized: r.oversized })
    }
    let done = false
    for (let at = offset; at < bytes.length && !done; at += pieces) {
      splitter.push(bytes.subarray(at, at + pieces))
      done = splitter.rows(n * chunk, false, onRow)
    }
    if (!done) {
      splitter.rows(n * chunk, true, onRow)
      ended = true
    }
    linesBefore += splitter.lines
    offset = splitter.offset
    if (offset >= bytes.length) ended = true
  }
  return rows
}
const texts = (rows: readonly Row[]) => rows.map((r) => r.text)
const fault = (text: string, pieces = 1 << 16): string => {
  try {
    read(text, { pieces })
    return 'none'
  } catch (error) {
    if (error instanceof LoadError) return error.problem.code
    throw error
  }
}

const space = fc.constantFrom('', ' ', '\n', '\r\n', '\n\n  ', '\t')
const element = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.string({ unit: 'binary', maxLength: 6 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }) },
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('],[', '{"', '"', '\\', '\\"', '},\n', 'é🚀'),
)
const array = fc.array(fc.tuple(element, fc.boolean(), space, space), { maxLength: 12 })

test('every element is a row, with its line and offset, whatever the space, the pieces and the hand-overs', () => {
  fc.assert(
    fc.property(
      array,
      space,
      space,
      fc.boolean(),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 80 }),
      (elements, before, after, bom, pieces, chunk) => {
        const body = elements.map(([value, pretty, a, b]) => `${a}${JSON.stringify(value, null, pretty ? 2 : 0)}${b}`).join(',')
        const text = `${bom ? '\ufeff' : ''}[${before}${body}${after}]${after}`
        const rows = read(text, { pieces, chunk: Math.max(chunk, 8) })
        assert.deepEqual(
          rows.map((r) => JSON.parse(r.text)),
          JSON.parse(text.replace(/^\ufeff/, '')),
        )
        const bytes = Buffer.from(text)
        for (const { text: row, line, offset } of rows) {
          assert.equal(bytes.subarray(offset, offset + Buffer.byteLength(row)).toString(), row)
          assert.equal(line, bytes.subarray(0, offset).toString().split('\n').length)
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('what JSON.parse refuses is never taken as a whole array of good rows', () => {
  fc.assert(
    fc.property(
      array,
      fc.nat(),
      fc.constantFrom('', ',', '"', '[', ']', '{', '}', '\\', '\n', 'x'),
      fc.boolean(),
      (elements, place, junk, replace) => {
        const whole = `[${elements.map(([value]) => JSON.stringify(value)).join(',\n')}]`
        const at = place % whole.length
        const text = (whole.slice(0, at) + junk + whole.slice(at + (replace ? 1 : 0))).toWellFormed()
        let parsed: unknown
        try {
          parsed = JSON.parse(text)
        } catch {
          parsed = undefined
        }
        let rows: string[] | undefined
        try {
          rows = texts(read(text, { pieces: 7 }))
          if (rows.some((row) => !isJson(row))) rows = undefined
        } catch (error) {
          if (!(error instanceof LoadError)) throw error
        }
        if (Array.isArray(parsed))
          assert.deepEqual(
            rows?.map((row) => JSON.parse(row)),
            parsed,
          )
        else assert.equal(rows, undefined, text)
      },
    ),
    { numRuns: 5000 },
  )
})
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('a broken row costs itself and no neighbour', () => {
  for (const bad of ['{"id":5,"name":"open}', '{"id":5', '{"id":[5}', '{"id":5}}', 'x', '{"id":5} {"id":6}', "{'id':5}"])
    for (const pieces of [1, 9, 1 << 16]) {
      const rows = [0, 1, 2, 3, 4].map((id) => (id === 2 ? (bad.endsWith('}') ? bad : `${bad}}`) : `{"id":${id}}`))
      const read5 = texts(read(`[\n${rows.join(',\n')}\n]\n`, { pieces }))
      assert.deepEqual(read5, rows, bad)
    }
})

for (const [name, text] of [
  ['nothing', 'x'],
  ['an object', '{"id":1}'],
  ['an array that is cut in a row', '[{"id":1},{"id'],
  ['an array that is cut behind a row', '[{"id":1},{"id":2}'],
  ['an array that is cut behind a comma', '[{"id":1},'],
  ['only an opening bracket', '['],
  ['more behind the end', '[{"id":1}]\n{"id":2}'],
  ['two arrays', '[{"id":1}][{"id":2}]'],
  ['a trailing comma', '[{"id":1},]'],
  ['two commas', '[{"id":1},,{"id":2}]'],
] as const)
  test(`${name}: json-array-invalid`, () => {
    for (const pieces of [1, 4, 1 << 16]) assert.equal(fault(text, pieces), 'json-array-invalid')
  })

test('an element that is too large is one refused row, held in no moment, and its neighbours are read', () => {
  const big = `{"id":2,"name":"${'x\\"]},'.repeat(5000)}"}`
  for (const pieces of [100, 4096]) {
    const rows = read(`[\n{"id":1},\n${big},\n{"id":3}\n]`, { pieces, rowBytes: 1000 })
    assert.deepEqual(
      rows.map((r) => [r.oversized, r.line, r.oversized ? r.text.slice(0, 7) : r.text]),
      [
        [false, 2, '{"id":1}'],
        [true, 3, '{"id":2'],
        [false, 4, '{"id":3}'],
      ],
    )
  }
  assert.equal(fault(`[{"id":1},${big.slice(0, -1)}`), 'json-array-invalid')
})
