import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashApiKey, keyFromAuthorization, makeApiKey } from '#core/api/api-key.ts'
import { isLoadId, loadIdFor, randomLoadId } from '#core/loads/load-id.ts'

test('a load id is ld_ and 26 characters of Crockford’s base32', () => {
  for (let i = 0; i < 200; i++) assert.match(randomLoadId(), /^ld_[0-9a-hjkmnp-tv-z]{26}$/)
  assert.equal(new Set(Array.from({ length: 200 }, randomLoadId)).size, 200)
})

test('the same tenant, dataset and key lead to the same id, and any other to another', () => {
  const words = fc.tuple(fc.string(), fc.string(), fc.string())
  fc.assert(
    fc.property(words, words, (a, b) => {
      assert.ok(isLoadId(loadIdFor(...a)))
      assert.equal(
        loadIdFor(...a) === loadIdFor(...b),
        a.every((word, i) => word === b[i]),
      )
    }),
  )
  // The three must not run into each other.
  assert.notEqual(loadIdFor('a', 'bc', 'd'), loadIdFor('ab', 'c', 'd'))
  assert.notEqual(loadIdFor('a', 'b', 'cd'), loadIdFor('a', 'bc', 'd'))
})

test('an id is the first 130 bits of the hash, so it never changes between releases', () => {
  const hash = createHash('sha256').update('["acme","flights","k"]').digest()
  const bits = BigInt(`0x${hash.toString('hex')}`)
    .toString(2)
    .padStart(256, '0')
    .slice(0, 130)
  const digits = bits.match(/.{5}/g)!.map((five) => '0123456789abcdefghjkmnpqrstvwxyz'[Number.parseInt(five, 2)])
  assert.equal(loadIdFor('acme', 'flights', 'k'), `ld_${digits.join('')}`)
})

test('ids of another form are none', () => {
  for (const text of ['', 'ld_', 'ld_0123456789abcdefghjkmnpqri', `ld_${'0'.repeat(27)}`, `LD_${'0'.repeat(26)}`, `ld_${'u'.repeat(26)}`])
    assert.equal(isLoadId(text), false, text)
})

test('a key is read from the Bearer scheme alone, and stored by its SHA-256', () => {
  const key = makeApiKey()
  assert.match(key, /^mr_[A-Za-z0-9_-]{43}$/)
  assert.equal(keyFromAuthorization(`Bearer ${key}`), key)
  assert.equal(keyFromAuthorization(`bearer  ${key} `), key)
  for (const header of [undefined, '', key, `Basic ${key}`, `Bearer ${key}x`, `Bearer ${key} x`, 'Bearer', `Bearer ${key.slice(1)}`])
    assert.equal(keyFromAuthorization(header), undefined, header)
  assert.equal(hashApiKey(key), createHash('sha256').update(key).digest('hex'))
})
