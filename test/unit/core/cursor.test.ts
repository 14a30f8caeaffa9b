import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeCursor, encodeCursor } from '#core/api/cursor.ts'
import { RequestError } from '#core/errors.ts'

const scope = fc.array(fc.string(), { maxLength: 4 })
const refused = (error: unknown) => error instanceof RequestError && error.problem.errors?.[0]?.pointer === '/query/cursor'

test('a cursor is read back in its scope', () => {
  fc.assert(fc.property(scope, fc.string(), (of, position) => assert.equal(decodeCursor(of, encodeCursor(of, position)), position)))
  assert.equal(decodeCursor(['loads'], undefined), undefined)
})

test('a cursor of another tenant, filter or list is refused', () => {
  fc.assert(
    fc.property(scope, scope, fc.string(), (of, other, position) => {
      fc.pre(JSON.stringify(of) !== JSON.stringify(other))
      assert.throws(() => decodeCursor(other, encodeCursor(of, position)), refused)
    }),
  )
})

test('what is no cursor is refused, and never a crash', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  )
  fc.assert(fc.property(texts, (text) => assert.throws(() => decodeCursor(['loads'], text), refused)))
})
