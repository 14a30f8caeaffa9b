import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { etagOf, matchesEtag } from '#core/api/etag.ts'
import { checkIdempotencyKey, fingerprintOf } from '#core/api/idempotency.ts'
import { RequestError } from '#core/errors.ts'

test('an ETag is strong, and equal exactly when the bodies are', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.match(etagOf(a), /^"[A-Za-z0-9_-]{27}"$/)
      assert.equal(etagOf(a) === etagOf(b), a === b)
    }),
  )
})

test('If-None-Match may be one tag, several, weak ones, or any', () => {
  const etag = etagOf('x')
  for (const header of [etag, `W/${etag}`, `"other", ${etag}`, `"a" ,W/${etag}`, '*']) assert.equal(matchesEtag(header, etag), true, header)
  for (const header of [undefined, '', '"other"', etag.replaceAll('"', ''), `"${etag}`])
    assert.equal(matchesEtag(header, etag), false, header)
})

test('an Idempotency-Key has 1 to 255 printable ASCII characters', () => {
  for (const key of ['a', '~ !', 'x'.repeat(255)]) assert.equal(checkIdempotencyKey(key), key)
  for (const key of ['', 'x'.repeat(256), 'ä', 'a\tb', '\u0000'])
    assert.throws(
      () => checkIdempotencyKey(key),
      (error) => error instanceof RequestError && error.problem.code === 'idempotency-key-invalid',
    )
  assert.equal(checkIdempotencyKey(undefined), undefined)
})

test('a fingerprint does not depend on the order of members, and does on every value', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()), { minKeys: 1 }), (request) => {
      const turned = Object.fromEntries(Object.entries(request).reverse())
      assert.equal(fingerprintOf(turned), fingerprintOf(request))
      assert.equal(fingerprintOf({ ...request, absent: undefined }), fingerprintOf(request))
      const [first] = Object.keys(request)
      assert.notEqual(fingerprintOf({ ...request, [first!]: ['other'] }), fingerprintOf(request))
    }),
  )
})
