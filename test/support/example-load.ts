import type { ChunkResult, Load } from '#core/load.ts'

/** A load of two parts of 8 MiB and a bit, being received; the window ends an hour after `exampleNow`. */
export const exampleNow = Date.parse('2026-01-02T03:04:05.000Z')
const mebibyte = 1024 * 1024

export const exampleLoad = (more: Partial<Load> = {}): Load => ({
  id: `ld_${'0'.repeat(26)}`,
  tenant: 'acme',
  dataset: 'flights',
  door: 'file',
  state: 'receiving',
  fileName: 'flights.ndjson',
  format: 'ndjson',
  compression: 'none',
  size: 8 * mebibyte + 100,
  partSize: 8 * mebibyte,
  partCount: 2,
  uploadId: 'upload-1',
  objectKey: `acme/flights/ld_${'0'.repeat(26)}`,
  fingerprint: 'f',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  committed: 0,
  bytesRead: 0,
  received: 0,
  loaded: 0,
  updated: 0,
  duplicate: 0,
  rejected: 0,
  createdAt: new Date(exampleNow).toISOString(),
  expiresAt: new Date(exampleNow + 3_600_000).toISOString(),
  ttl: Math.floor(exampleNow / 1000) + 7_776_000,
  ...more,
})

export const exampleChunk = (chunk: number, more: Partial<ChunkResult> = {}): ChunkResult => ({
  chunk,
  sourceStart: 0,
  sourceEnd: 0,
  crc32: 0,
  nextRow: 0,
  lines: 10,
  received: 10,
  loaded: 10,
  updated: 0,
  duplicate: 0,
  rejected: 0,
  rejects: [],
  last: false,
  committedAt: new Date(exampleNow).toISOString(),
  ...more,
})
