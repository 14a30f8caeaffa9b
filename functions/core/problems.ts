/**
 * Every problem a person can meet, by its stable code: answers of the API (RFC 9457 problem+json) and the
 * ends of loads. A code is never renamed or given another meaning; `docs/errors.md` lists what to do about each.
 */
export const problems = {
  // requests
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'invalid-json-body': { status: 400, title: 'The body is not JSON' },
  'idempotency-key-invalid': { status: 400, title: 'The Idempotency-Key is not valid' },
  unauthenticated: { status: 401, title: 'An API key is needed' },
  'dataset-forbidden': { status: 403, title: 'This key may not write to the dataset' },
  'route-not-found': { status: 404, title: 'There is no such route' },
  'dataset-not-found': { status: 404, title: 'There is no such dataset' },
  'load-not-found': { status: 404, title: 'There is no such load' },
  'dead-letter-not-found': { status: 404, title: 'There is no such dead letter' },
  'upload-not-open': { status: 409, title: 'The upload is not open' },
  'parts-missing': { status: 409, title: 'Parts of the upload are missing' },
  'upload-busy': { status: 409, title: 'The upload is being completed or aborted by another request' },
  'older-rows': { status: 409, title: 'Older rows would take the place of newer ones' },
  'load-not-replayable': { status: 409, title: 'The load cannot be replayed' },
  'upload-expired': { status: 410, title: 'The upload has expired' },
  'dead-letter-expired': { status: 410, title: 'What was set aside is no longer kept' },
  'rejects-expired': { status: 410, title: 'The rejected rows are no longer kept' },
  'batch-in-flight': { status: 409, title: 'Another request is sending this batch' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'content-type-unsupported': { status: 415, title: 'The body is of a type that is not read' },
  'empty-batch': { status: 422, title: 'The batch has no rows' },
  'too-many-rows': { status: 422, title: 'The batch has too many rows' },
  'empty-file': { status: 422, title: 'The file is empty' },
  'file-too-large': { status: 422, title: 'The file is too large' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used with another request' },
  'fixes-invalid': { status: 422, title: 'The load that the file corrects is not one of this dataset' },
  'part-size-mismatch': { status: 422, title: 'A part has another size than planned' },
  throttled: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'A part of the service is not available' },
  'stream-unavailable': { status: 503, title: 'The stream did not take all of the batch' },
  // loads: what ends one as `failed`; the status is the one a request that meets it at once is answered with
  'size-mismatch': { status: 422, title: 'The object has another size than was declared' },
  'checksum-mismatch': { status: 422, title: 'The bytes are not the bytes that were sent' },
  'row-count-mismatch': { status: 422, title: 'The file has another number of rows than was declared' },
  'compression-mismatch': { status: 422, title: 'The file is not compressed as was declared' },
  'compression-corrupt': { status: 422, title: 'The compressed data is damaged' },
  'compression-truncated': { status: 422, title: 'The compressed data ends too early' },
  'compression-trailing-data': { status: 422, title: 'There is data after the end of the compressed data' },
  'compression-unsupported': { status: 422, title: 'The compressed data needs something that is not there' },
  'compressed-twice': { status: 422, title: 'The data is compressed twice' },
  'json-over-lines': { status: 422, title: 'The JSON goes over several lines' },
  'inflate-ratio-exceeded': { status: 422, title: 'The file inflates to an implausible size' },
  'format-mismatch': { status: 422, title: 'The file has another format than was declared' },
  'format-unsupported': { status: 422, title: 'The file is of a kind that is not read' },
  'json-array-invalid': { status: 422, title: 'The file is not one whole JSON array' },
  'parquet-invalid': { status: 422, title: 'The Parquet file is damaged' },
  'parquet-unsupported': { status: 422, title: 'The Parquet file has something that is not read' },
  'parquet-schema-mismatch': { status: 422, title: 'The columns of the Parquet file do not fit the dataset' },
  'parquet-row-group-too-large': { status: 422, title: 'A row group of the Parquet file is too large' },
  'csv-header-invalid': { status: 422, title: 'The CSV header does not fit the dataset' },
  'too-many-rejects': { status: 422, title: 'More rows were rejected than the load takes' },
  'object-missing': { status: 422, title: 'The uploaded object is gone' },
  'object-changed': { status: 422, title: 'The object is not the one that was uploaded' },
  'chunk-conflict': { status: 422, title: 'Another chunk of the same number is committed' },
  'chunk-refused': { status: 422, title: 'Postgres takes none of a chunk' },
  'database-unavailable': { status: 503, title: 'The database was away for too long' },
  'table-changed': { status: 422, title: 'The table is not what the dataset declares' },
  'table-missing': { status: 422, title: 'The table of the dataset is missing' },
  'table-refused': { status: 422, title: 'Postgres does not take rows into the table' },
  'chunk-miscounted': { status: 422, title: 'The rows of a chunk do not add up' },
  'dead-letter': { status: 422, title: 'A part of the load could not be loaded and was set aside' },
  'envelope-unreadable': { status: 422, title: 'A record of the stream cannot be read' },
  'envelope-version-unknown': { status: 422, title: 'A record of the stream is of a version that is not known' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** A problem as it goes over the wire, RFC 9457. `errors` point into the request with JSON pointers. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ProblemCode
  readonly instance?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** Builds the wire form; `detail` says what happened, where, and what to do. */
export function problem(code: ProblemCode, detail: string, more: Partial<Pick<Problem, 'instance' | 'errors'>> = {}): Problem {
  const { status, title } = problems[code]
  return { type: `urn:millrace:problem:${code}`, title, status, detail, code, ...more }
}
