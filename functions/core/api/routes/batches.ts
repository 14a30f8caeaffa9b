import * as answers from '#core/api/answers.ts'
import { submitBatchQuery } from '#core/api/contract.ts'
import { route } from '#core/api/route.ts'
import { batchContentTypes, batchLimits } from '#core/batches/batch-form.ts'

const batchHeaders = {
  Location: 'the receipt',
  'Idempotency-Key': 'the key that the request had, or was given: `body-` and a hash of dataset, format and rows',
  'Idempotency-Replayed': '"true" when the batch had been accepted before',
}

export const submitBatch = route({
  id: 'submitBatch',
  method: 'POST',
  path: '/v1/datasets/{dataset}/batches',
  access: 'key',
  summary: 'Takes 1 to 100,000 rows now; rows that cannot be loaded are told at once, and the others go on',
  query: submitBatchQuery,
  headers: {
    'Content-Type':
      '`application/x-ndjson`, `application/json` (one array) or `text/csv` (with a line that names the columns unless `; header=absent`). `application/gzip` or `application/zstd` with X-Millrace-Format. A body that begins as gzip or zstd is inflated whatever is said',
    'X-Millrace-Format': '`ndjson`, `json` or `csv`: what a compressed body holds',
    'X-Millrace-Rows': 'Rows the client counted; a difference is refused, so that a body that was cut is not taken for a whole one',
    'Idempotency-Key':
      '1 to 255 printable ASCII characters. The same key and rows again are loaded once, and get the receipt again, for 90 days. Without it the key is a hash of the rows: the very same body is the same batch',
    traceparent: 'W3C trace context; kept with the load and shown in its receipt. One is made when there is none',
  },
  bytes: { contentTypes: batchContentTypes, limit: batchLimits.received },
  answers: {
    200: { doc: 'With `wait=true`: the batch is over, and this is what became of it', schema: answers.batchAnswer, headers: batchHeaders },
    202: { doc: 'The stream has acknowledged every row', schema: answers.batchAnswer, headers: batchHeaders },
  },
  problems: [
    'idempotency-key-invalid',
    'idempotency-key-reused',
    'dataset-not-found',
    'dataset-forbidden',
    'batch-in-flight',
    'body-too-large',
    'content-type-unsupported',
    'empty-batch',
    'too-many-rows',
    'too-many-rejects',
    'row-count-mismatch',
    'format-mismatch',
    'format-unsupported',
    'csv-header-invalid',
    'json-array-invalid',
    'compression-mismatch',
    'compression-corrupt',
    'compression-truncated',
    'compression-trailing-data',
    'compression-unsupported',
    'inflate-ratio-exceeded',
    'stream-unavailable',
  ],
})
