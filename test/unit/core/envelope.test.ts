import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { decodeEnvelope, EnvelopeError, type EnvelopeHeader, encodeEnvelope, readEnvelopeHeader, replayed } from '#core/batches/envelope.ts'
import { decodePlaces, encodePlaces, placeOf } from '#core/batches/places.ts'
import { crc32 } from '#core/loads/crc32.ts'
import { loadIdFor } from '#core/loads/load-id.ts'

const text = Buffer.from('{"id":1}\n{"id":2}\n')
const places = [
  { line: 1, lineShift: 0, offsetShift: 0 },
  { line: 2, lineShift: 3, offsetShift: 40 },
]
const header: EnvelopeHeader = {
  tenant: 'acme',
  dataset: 'flights',
  load: loadIdFor('acme', 'flights', 'k'),
  chunk: 3,
  last: true,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  createdAt: '2026-01-02T03:04:05.000Z',
  ttl: 1_800_000_000,
  format: 'ndjson',
  start: 1000,
  size: text.length,
  crc32: crc32(text),
  rows: 2,
  refused: { rows: 3, sums: [{ code: 'wrong-type', column: 'id', rows: 3 }] },
  lane: 7,
  lanes: 64,
}
const envelope = { header, text, places }
const bytes = encodeEnvelope(envelope)

const code = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof EnvelopeError) return error.problem.code
    throw error
  }
  return 'none'
}

test('an envelope comes out as it went in, and the same one is the same bytes', () => {
  assert.deepEqual(decodeEnvelope(bytes), envelope)
  assert.deepEqual(readEnvelopeHeader(bytes), header)
  assert.deepEqual(encodeEnvelope(envelope), bytes)
})

test('a chunk without rows has a header alone', () => {
  const empty = { header: { ...header, size: 0, crc32: 0, rows: 0 }, text: Buffer.alloc(0), places: [] }
  assert.deepEqual(decodeEnvelope(encodeEnvelope(empty)), empty)
})

test('sent again it names the place that it had, and nothing else of it changes', () => {
  const replay = { position: '495', arrivedAt: '2026-01-02T03:04:05.000Z', allowOlderRows: false }
  const again = replayed(bytes, replay)
  assert.deepEqual(decodeEnvelope(again), { ...envelope, header: { ...header, replay } })
  assert.deepEqual(again.subarray(-40), bytes.subarray(-40))
  assert.deepEqual(readEnvelopeHeader(replayed(again, { ...replay, allowOlderRows: true })).replay?.allowOlderRows, true)
  const wrong = { ...replay, position: '-1' }
  assert.equal(
    code(() => readEnvelopeHeader(replayed(bytes, wrong))),
    'envelope-unreadable',
  )
})

test('csv comes with its dialect, and never without', () => {
  const csv = { delimiter: ';', quote: '"', null: '', header: false, columns: ['id'] }
  const decoded = decodeEnvelope(encodeEnvelope({ ...envelope, header: { ...header, format: 'csv', csv } }))
  assert.deepEqual(decoded.header.csv, csv)
  assert.equal(
    code(() => readEnvelopeHeader(encodeEnvelope({ ...envelope, header: { ...header, format: 'csv' } }))),
    'envelope-unreadable',
  )
})

test('a version that is not known is told apart from damage, whatever else the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 2, max: 255 }), (rest, version) => {
      const other = Buffer.concat([Buffer.from([0x4d, 0x52, version, 0, 0, 0, 0]), rest])
      assert.equal(
        code(() => decodeEnvelope(other)),
        'envelope-version-unknown',
      )
      assert.equal(
        code(() => readEnvelopeHeader(other)),
        'envelope-version-unknown',
      )
    }),
  )
})

test('one changed byte anywhere is found', () => {
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= flip
      assert.notEqual(
        code(() => decodeEnvelope(damaged)),
        'none',
      )
    }),
  )
})

test('an envelope that was cut anywhere is unreadable', () => {
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) => {
      assert.equal(
        code(() => decodeEnvelope(bytes.subarray(0, length))),
        'envelope-unreadable',
      )
    }),
  )
})

test('bytes of anybody never do more than be refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => code(() => decodeEnvelope(any)) !== 'none'))
})

test('a header with a wrong member is refused', () => {
  const wrong: Record<keyof EnvelopeHeader, unknown> = {
    tenant: '',
    dataset: 1,
    load: 'ld_x',
    chunk: -1,
    last: 'yes',
    traceparent: null,
    createdAt: 'yesterday',
    ttl: 1.5,
    format: 'json',
    csv: {},
    start: -1,
    size: 3 * 1024 * 1024,
    crc32: 2 ** 32,
    rows: '2',
    refused: { rows: 1, sums: [{ code: 1 }] },
    lane: -1,
    lanes: 0.5,
    replay: { position: '1', arrivedAt: 'then', allowOlderRows: false },
  }
  for (const [name, value] of Object.entries(wrong)) {
    const bad = { ...header, [name]: value } as EnvelopeHeader
    assert.equal(
      code(() => readEnvelopeHeader(encodeEnvelope({ ...envelope, header: bad }))),
      'envelope-unreadable',
      name,
    )
  }
})

test('a whole text that is not the one of the header is refused', () => {
  const other = encodeEnvelope({ header, text: Buffer.from('{"id":1}\n{"id":3}\n'), places })
  assert.equal(
    code(() => decodeEnvelope(other)),
    'envelope-unreadable',
  )
})

test('a text that inflates beyond what the header says is not inflated to its end', () => {
  const end = 11 + bytes.readUInt32BE(3)
  const bomb = Buffer.concat([bytes.subarray(0, end), zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))])
  assert.equal(
    code(() => decodeEnvelope(bomb)),
    'envelope-unreadable',
  )
})

test('places come out as they went in, and say where a row stood', () => {
  const shape = { line: fc.nat(1e6), lineShift: fc.integer({ min: -1e6, max: 1e6 }), offsetShift: fc.integer({ min: -1e8, max: 1e8 }) }
  const run = fc.record(shape, { noNullPrototype: true })
  fc.assert(fc.property(fc.array(run), (runs) => assert.deepEqual(decodePlaces(encodePlaces(runs)), runs)))
  for (const [line, offset, there] of [
    [1, 0, { line: 1, offset: 0 }],
    [2, 9, { line: 5, offset: 49 }],
    [9, 100, { line: 12, offset: 140 }],
  ] as const)
    assert.deepEqual(placeOf(places, line, offset), there)
  assert.deepEqual(placeOf([], 4, 5), { line: 4, offset: 5 })
  for (const no of ['', '{}', '[1]', '[1,2,"3"]', '[1,2,3.5]']) assert.equal(decodePlaces(Buffer.from(no)), undefined)
})
