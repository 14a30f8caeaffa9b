import type { IncomingHttpHeaders } from 'node:http'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { DatasetAnswer } from '#core/api/contract.ts'
import type { LoadState, Receipt } from '#core/loads/receipt.ts'
import type { Reject } from '#core/rejects/reject.ts'

/** A batch as the fake door has accepted it. */
export interface FakeBatch {
  readonly id: string
  readonly key: string
  readonly dataset: string
  readonly text: string
  readonly rejects: readonly Reject[]
  readonly received: number
  /** Looks at its receipt until it is over. */
  looks: number
  state: LoadState
}

/** Judges as the server does, roughly: a line is a row, and one that is too long or no JSON is refused. */
export function judge(text: string): { received: number; rejects: Reject[] } {
  const rejects: Reject[] = []
  let received = 0
  let offset = 0
  for (const [i, line] of text.split('\n').entries()) {
    const row = i === 0 ? line.replace(byteOrderMark, '') : line
    if (/[^ \t\r]/.test(row)) {
      received++
      const code = line.length > 1024 * 1024 ? 'row-too-large' : isJson(row) ? undefined : 'invalid-json'
      const raw = line.slice(0, 8192)
      if (code) rejects.push({ line: i + 1, offset, column: null, code, message: code, raw, truncated: raw !== line })
    }
    offset += line.length + 1
  }
  return { received, rejects }
}
/** Read as one character a byte. */
const byteOrderMark = /^\u00ef\u00bb\u00bf/
function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

/** The text of a batch. Bytes are kept as they are: one character each. */
export function inflate(headers: IncomingHttpHeaders, body: Buffer): string {
  const type = headers['content-type']
  const plain = type === 'application/gzip' ? gunzipSync(body) : type === 'application/zstd' ? zstdDecompressSync(body) : body
  return plain.toString('latin1')
}

export function batchReceipt({ id, dataset, text, received, rejects, state }: FakeBatch): Receipt {
  const over = state !== 'receiving' && state !== 'loading'
  const decided = state === 'complete' ? { loaded: received - rejects.length, rejected: rejects.length } : { loaded: 0, rejected: 0 }
  const codes = [...new Set(rejects.map(({ code }) => code))]
  const byCode = codes.map((code) => ({ code, column: null, rows: rejects.filter((r) => r.code === code).length }))
  return {
    id,
    dataset,
    door: 'batch',
    state,
    fileName: null,
    format: 'ndjson',
    compression: 'none',
    rows: { received, ...decided, updated: 0, duplicate: 0, pending: received - decided.loaded - decided.rejected },
    rejects: { max: null, byCode: over ? byCode : [], others: 0 },
    ignored: { byName: [], others: 0 },
    chunks: { planned: 1, committed: over ? 1 : 0 },
    bytes: { received: text.length, read: over ? text.length : 0 },
    checksum: { algorithm: 'CRC32', uploaded: null, loaded: null },
    problem: null,
    waiting: null,
    trace: '00-00000000000000000000000000000001-0000000000000001-01',
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: '2026-01-01T00:00:00.100Z',
    committedAt: over ? '2026-01-01T00:00:00.600Z' : null,
    expiresAt: null,
    links: { self: `/v1/loads/${id}`, rejects: `/v1/loads/${id}/rejects`, fixes: null, fixedBy: [], source: null },
  }
}

export const datasetAnswer = (name: string, more: Partial<DatasetAnswer>): DatasetAnswer => ({
  ...{ name, description: 'of the fake', primaryKey: ['id'], onConflict: 'ignore', orderingKey: null, version: null, schema: {} },
  limits: { rowBytes: 1024 * 1024, fileBytes: 1024 ** 4 },
  ...more,
})
