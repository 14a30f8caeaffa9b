import type { BatchLoad, ChunkResult, FileLoad } from '#core/loads/load.ts'

export const exampleNow = Date.parse('2026-01-02T03:04:05.000Z')
const mebibyte = 1024 * 1024

const whoever = {
  id: `ld_${'0'.repeat(26)}`,
  tenant: 'acme',
  dataset: 'flights',
  state: 'receiving',
  format: 'ndjson',
  compression: 'none',
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
} as const

/** A batch of three chunks whose records are being sent. */
export const exampleBatch = (more: Partial<BatchLoad> = {}): BatchLoad => ({
  ...whoever,
  door: 'batch',
  size: 30_000,
  planned: 3,
  uploadedCrc32: '00000000',
  expectedRows: 300,
  ...more,
})

/** A file of two parts of 8 MiB and a bit, being received; the window ends an hour after `exampleNow`. */
export const exampleLoad = (more: Partial<FileLoad> = {}): FileLoad => ({
  ...whoever,
  door: 'file',
  fileName: 'flights.ndjson',
  size: 8 * mebibyte + 100,
  partSize: 8 * mebibyte,
  partCount: 2,
  uploadId: 'upload-1',
  objectKey: `acme/flights/ld_${'0'.repeat(26)}`,
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
