import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keepsNumbers } from '#core/values/kept-numbers.ts'

const number = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,19})(\.\d{1,19})?([eE][+-]?\d{1,3})?$/),
  fc.stringMatching(/^-?(0|[1-9]\d{0,3})(\.0{0,7}\d{1,3})?$/),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  fc.constantFrom('-0', '0', '0.0', '1.50', '100', '0.000001', '0.0000001', '9007199254740993', '1.00000000000000001', '1e3'),
)
const around = fc.constantFrom(
  (n: string) => n,
  (n: string) => `{"a":${n}}`,
  (n: string) => `{ "a" : ${n} , "b" : "2024-01-01T00:00:00.000Z" }`,
  (n: string) => `["é",${n},"1-e5"]`,
  (n: string) => `[ ${n}\n]`,
)

test('a number that JSON.parse is said to keep is kept: as a value, or as it is written', () => {
  const counts = { value: 0, written: 0, neither: 0 }
  fc.assert(
    fc.property(number, around, (n, wrap) => {
      const text = Buffer.from(wrap(n))
      const [value, written] = [keepsNumbers(text, false), keepsNumbers(text, true)]
      counts[written ? 'written' : value ? 'value' : 'neither']++
      assert.ok(value || !written, n)
      if (written) assert.equal(String(JSON.parse(n)), n)
      // Without exponent the digits themselves tell whether it is a whole number, or zero, and at most 16 bytes round to no other one.
      if (value)
        assert.deepEqual([Number.isInteger(JSON.parse(n)), JSON.parse(n) === 0], [/^-?\d+(\.0+)?$/.test(n), /^-?[0.]+$/.test(n)], n)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(Math.min(...Object.values(counts)) > 300, JSON.stringify(counts))
})

test('what only looks like such a number inside of a word or a time costs nothing', () => {
  for (const text of [
    '{"key":"1e5a0000-0000-4000-8000-12345678901234567"}',
    '{"at":"2024-01-01T10:00:00.000Z"}',
    '{"a":"x1.50","b":12.5}',
    '{}',
  ])
    assert.ok(keepsNumbers(Buffer.from(text), true), text)
})
