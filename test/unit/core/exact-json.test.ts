import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isExactNumber, parseExact, parseJson } from '#core/values/exact-json.ts'

/** What leads V8's JSON.parse astray afterwards. */
const poisons = ['{"":null,"\\\\":1}', '{"a":1,"\\\\":2}', '{"a":1,"x\\\\":2}', '{"\\\\":1,"\\\\\\\\":2}']

for (const [name, parse] of [
  ['parseJson', parseJson],
  ['parseExact', parseExact],
] as const) {
  test(`${name}: a key written with an escape is that key, whatever was read before`, () => {
    for (const poison of poisons) parse(poison)
    for (const key of ['é', '\n', '\t1', '"', '\\', 'x\u00e9', '\\x', '__proto__', '']) {
      const escaped = [...key].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
      for (const text of [`{"a":1,"${escaped}":2}`, `{"":null , "x${escaped}" : [{"${escaped}":"\\""}, {}, [], -0.5, true]}`]) {
        const [first] = Object.entries(parse(text) as object).slice(1)
        assert.deepEqual(first![0], text.startsWith('{"a"') ? key : `x${key}`, text)
      }
    }
  })

  test(`${name}: what was written is what is read, with every character escaped or none`, () => {
    const key = fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('a', '\\', 'x\\', 'é', '__proto__', '"', ':', '1'))
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.string({ unit: 'binary' }),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('any'), { maxLength: 4 }),
      object: fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: true }),
    })).object
    const escapeAll = (text: string) =>
      text.replace(/[^\0-\x7e]|[a-z](?=[^"\\]*":)/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    const plain = (v: unknown) => JSON.stringify(v)
    const ascii = (v: unknown) => JSON.stringify(v).replace(/[^\0-\x7e]/g, escapeAll)
    const spaced = (v: unknown) => JSON.stringify(v, null, 1)
    fc.assert(
      fc.property(value, fc.constantFrom(plain, ascii, spaced), fc.constantFrom(...poisons), (v, write, poison) => {
        parse(poison)
        assert.equal(JSON.stringify(parse(write(v))), JSON.stringify(v))
      }),
      { numRuns: 3000 },
    )
  })
}

test('what is no JSON is refused as JSON.parse refuses it, escaped keys or not', () => {
  for (const text of [
    '',
    '{',
    '{"a',
    '{"\\u00e9":}',
    '{"\\x":1}',
    '{"\\u00e9":1}x',
    '{"\\u00e9":1,}',
    '{"\\u00e9" 1}',
    '"\\',
    '{"\\u00e9":01}',
  ]) {
    assert.throws(() => parseJson(text), SyntaxError, text)
    assert.throws(() => parseExact(text), SyntaxError, text)
  }
})

test('numbers stay exact beside escaped keys', () => {
  const { n } = parseExact('{"\\u00e9":1,"n":1.50}') as { n: unknown }
  assert.ok(isExactNumber(n))
  assert.equal(n.rawJSON, '1.50')
})
