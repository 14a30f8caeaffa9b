import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type EnvelopeHeader, encodeEnvelope } from '#core/batches/envelope.ts'
import type { Places } from '#core/batches/places.ts'
import { combineCrc32, crc32ToHex } from '#core/loads/crc32.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import { exampleBatch } from './example-load.ts'

/** What a test says of a batch beyond its texts. */
export interface BatchOptions {
  readonly header?: Partial<EnvelopeHeader>
  readonly places?: (chunk: number) => Places
}

/** A batch as the door leaves it once the stream has all of it: the load, and an envelope for each text. Every row ends with a newline. */
export function acceptedBatch(
  tenant: string,
  dataset: string,
  texts: readonly string[],
  { header = {}, places = () => [] }: BatchOptions = {},
): { readonly load: BatchLoad; readonly envelopes: readonly Buffer[] } {
  const now = Date.now()
  const id = loadIdFor(tenant, dataset, randomBytes(8).toString('hex'))
  const ttl = Math.floor(now / 1000) + 86_400
  const createdAt = new Date(now).toISOString()
  const bodies = texts.map((text) => Buffer.from(text))
  const rowsIn = (body: Buffer) => body.toString().split('\n').length - 1
  const load = exampleBatch({
    ...{ id, tenant, dataset, ttl, createdAt, startedAt: createdAt, expiresAt: new Date(now + 86_400_000).toISOString() },
    ...{ state: 'loading', planned: texts.length, size: bodies.reduce((sum, { length }) => sum + length, 0) },
    uploadedCrc32: crc32ToHex(bodies.reduce((crc, body) => combineCrc32(crc, crc32(body), body.length), 0)),
    expectedRows: bodies.reduce((sum, body) => sum + rowsIn(body), header.refused?.rows ?? 0),
    ...(header.lanes === undefined ? {} : { lanes: header.lanes }),
  })
  let start = 0
  const envelopes = bodies.map((text, chunk) => {
    const place = { chunk, last: chunk === texts.length - 1, start, size: text.length, crc32: crc32(text), rows: rowsIn(text) }
    start += text.length
    const { traceparent } = load
    return encodeEnvelope({
      header: { tenant, dataset, load: id, traceparent, createdAt, ttl, format: 'ndjson', ...place, ...header },
      text,
      places: places(chunk),
    })
  })
  return { load, envelopes }
}
