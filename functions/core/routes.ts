import * as answers from './answers.ts'
import { batchContentTypes, batchLimits } from './batch-form.ts'
import type { Route } from './call.ts'
import {
  listDeadLettersQuery,
  listLoadsQuery,
  listRejectsQuery,
  openUploadBody,
  replayBody,
  replayStreamBody,
  signPartsBody,
  submitBatchQuery,
} from './contract.ts'

/** The route table: what the boundary validates with, and what OpenAPI is generated from. Paths as API Gateway writes them. */
const route = <const R extends Route>(r: R): R => r

const receipt202 = { doc: 'The receipt: rows are being loaded, or already are', schema: answers.receiptAnswer }

export const listDatasets = route({
  id: 'listDatasets',
  method: 'GET',
  path: '/v1/datasets',
  access: 'key',
  summary: 'What this key can send',
  answers: { 200: { doc: 'The datasets', schema: answers.datasetPage } },
  problems: [],
})
export const showDataset = route({
  id: 'showDataset',
  method: 'GET',
  path: '/v1/datasets/{dataset}',
  access: 'key',
  summary: 'One dataset: JSON Schema of a row, keys, conflict policy, limits',
  answers: { 200: { doc: 'The dataset', schema: answers.datasetAnswer } },
  problems: ['dataset-not-found', 'dataset-forbidden'],
})
export const openUpload = route({
  id: 'openUpload',
  method: 'POST',
  path: '/v1/datasets/{dataset}/uploads',
  access: 'key',
  summary: 'Opens an upload of one file',
  headers: {
    'Idempotency-Key': '1 to 255 printable ASCII characters. The same key and request again get the first answer again, for 90 days',
    traceparent: 'W3C trace context; kept with the load and shown in its receipt. One is made when there is none',
  },
  body: openUploadBody,
  answers: {
    201: {
      doc: 'The upload is open',
      schema: answers.openUploadAnswer,
      headers: { Location: 'the upload', 'Idempotency-Replayed': '"true" when this is the first answer again' },
    },
  },
  problems: [
    'invalid-json-body',
    'idempotency-key-invalid',
    'idempotency-key-reused',
    'dataset-not-found',
    'dataset-forbidden',
    'empty-file',
    'file-too-large',
    'fixes-invalid',
    'body-too-large',
  ],
})
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
export const signParts = route({
  id: 'signParts',
  method: 'POST',
  path: '/v1/uploads/{load}/parts',
  access: 'key',
  summary: 'Signs up to 100 part URLs, each for exactly these bytes',
  body: signPartsBody,
  answers: { 200: { doc: 'One URL a part, in the order asked for', schema: answers.signedParts } },
  problems: [
    'invalid-json-body',
    'load-not-found',
    'dataset-forbidden',
    'upload-not-open',
    'upload-expired',
    'part-size-mismatch',
    'body-too-large',
  ],
})
export const showUpload = route({
  id: 'showUpload',
  method: 'GET',
  path: '/v1/uploads/{load}',
  access: 'key',
  summary: 'Where to resume: the parts S3 has',
  answers: { 200: { doc: 'The upload; no parts once it is no longer open', schema: answers.uploadAnswer } },
  problems: ['load-not-found'],
})
export const completeUpload = route({
  id: 'completeUpload',
  method: 'POST',
  path: '/v1/uploads/{load}/complete',
  access: 'key',
  summary: 'Joins the parts that S3 has; may be called again',
  answers: { 202: receipt202 },
  problems: [
    'load-not-found',
    'dataset-forbidden',
    'upload-not-open',
    'upload-busy',
    'upload-expired',
    'parts-missing',
    'part-size-mismatch',
    'checksum-mismatch',
    'size-mismatch',
    'object-changed',
  ],
})
export const abortUpload = route({
  id: 'abortUpload',
  method: 'DELETE',
  path: '/v1/uploads/{load}',
  access: 'key',
  summary: 'Gives an upload up and frees its parts; may be called again',
  answers: { 204: { doc: 'The upload is aborted' } },
  problems: ['load-not-found', 'dataset-forbidden', 'upload-not-open', 'upload-busy'],
})
export const listLoads = route({
  id: 'listLoads',
  method: 'GET',
  path: '/v1/loads',
  access: 'key',
  summary: 'Loads of the tenant, newest first. A page may be short, even empty, while `next` is not null',
  query: listLoadsQuery,
  answers: { 200: { doc: 'A page of receipts', schema: answers.loadPage } },
  problems: [],
})
export const showLoad = route({
  id: 'showLoad',
  method: 'GET',
  path: '/v1/loads/{load}',
  access: 'key',
  summary: 'The receipt',
  headers: { 'If-None-Match': 'the ETag of the receipt already held' },
  answers: {
    200: { doc: 'The receipt', schema: answers.receiptAnswer, headers: { ETag: 'changes when anything in the receipt does' } },
    304: { doc: 'Nothing has changed', headers: { ETag: 'as given' } },
  },
  problems: ['load-not-found'],
})
export const listRejects = route({
  id: 'listRejects',
  method: 'GET',
  path: '/v1/loads/{load}/rejects',
  access: 'key',
  summary: 'Why rows were refused, in the order of the file. Complete once the load is over',
  query: listRejectsQuery,
  headers: { Accept: '`application/json` for a page object; else NDJSON, with the next page in the `Link` header' },
  answers: {
    200: {
      doc: 'A page. A page may be short, even empty, while there is a next one',
      schema: answers.rejectPage,
      headers: { Link: '`<…>; rel="next"` unless this is the last page' },
    },
    303: {
      doc: 'With `download=true`: all of them in one file; with `as=original` in the format of the load, to correct and send again',
      headers: { Location: 'a presigned URL, good for minutes' },
    },
  },
  problems: ['load-not-found', 'rejects-expired'],
})
export const replayLoad = route({
  id: 'replayLoad',
  method: 'POST',
  path: '/v1/loads/{load}/replay',
  access: 'key',
  summary: 'Loads what is missing again: from the uploaded object, or from what was set aside of a batch. A dry run unless told otherwise',
  headers: { 'Idempotency-Key': 'with `into`: names the load that is made. Without it the same object goes into the same dataset once' },
  body: replayBody,
  answers: { 200: { doc: 'Dry run: what would be done', schema: answers.replayAnswer }, 202: receipt202 },
  problems: [
    'invalid-json-body',
    'load-not-found',
    'dataset-forbidden',
    'dataset-not-found',
    'idempotency-key-invalid',
    'idempotency-key-reused',
    'file-too-large',
    'load-not-replayable',
    'older-rows',
    'dead-letter-expired',
    'stream-unavailable',
    'body-too-large',
  ],
})
export const replayStream = route({
  id: 'replayStream',
  method: 'POST',
  path: '/v1/datasets/{dataset}/replays',
  access: 'key',
  summary:
    'Goes through a stretch of the stream, page by page, and sends again what of the tenant’s batches is in no table. A dry run unless told otherwise. A page may be short, even empty, while `next` is not null',
  body: replayStreamBody,
  answers: { 200: { doc: 'A page of the chunks in the stretch, as they were before', schema: answers.streamPage } },
  problems: ['invalid-json-body', 'dataset-not-found', 'dataset-forbidden', 'stream-unavailable', 'body-too-large'],
})
export const listDeadLetters = route({
  id: 'listDeadLetters',
  method: 'GET',
  path: '/v1/dead-letters',
  access: 'key',
  summary:
    'Chunks of the tenant’s batches that were set aside, newest first; with `load` those of one load, by number. A page may be short, even empty, while `next` is not null',
  query: listDeadLettersQuery,
  answers: { 200: { doc: 'A page of chunks that are not in the table', schema: answers.deadLetterPage } },
  problems: ['load-not-found'],
})
export const showDeadLetter = route({
  id: 'showDeadLetter',
  method: 'GET',
  path: '/v1/loads/{load}/dead-letters/{chunk}',
  access: 'key',
  summary: 'The rows of a chunk that was set aside, as they were sent',
  answers: { 200: { doc: 'NDJSON, or CSV without a header', contentType: 'application/x-ndjson' } },
  problems: ['load-not-found', 'dead-letter-not-found', 'dead-letter-expired', 'envelope-unreadable', 'envelope-version-unknown'],
})
export const showLiveness = route({
  id: 'showLiveness',
  method: 'GET',
  path: '/v1/health/live',
  access: 'anyone',
  summary: 'Whether the API answers at all',
  answers: { 200: { doc: 'It does', schema: answers.healthAnswer } },
  problems: [],
})
export const showReadiness = route({
  id: 'showReadiness',
  method: 'GET',
  path: '/v1/health/ready',
  access: 'anyone',
  summary: 'Whether every part that the API depends on answers; a 503 names those that do not',
  answers: { 200: { doc: 'All of them do', schema: answers.healthAnswer } },
  problems: ['unavailable'],
})
export const showContract = route({
  id: 'showContract',
  method: 'GET',
  path: '/v1/openapi.json',
  access: 'anyone',
  summary: 'This document',
  answers: { 200: { doc: 'OpenAPI 3.1' } },
  problems: [],
})

export const routes: readonly Route[] = [
  listDatasets,
  showDataset,
  openUpload,
  submitBatch,
  signParts,
  showUpload,
  completeUpload,
  abortUpload,
  listLoads,
  showLoad,
  listRejects,
  replayLoad,
  replayStream,
  listDeadLetters,
  showDeadLetter,
  showLiveness,
  showReadiness,
  showContract,
]
