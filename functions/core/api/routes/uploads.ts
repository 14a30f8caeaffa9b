import * as answers from '#core/api/answers.ts'
import { openUploadBody, signPartsBody } from '#core/api/contract.ts'
import { receipt202, route } from '#core/api/route.ts'

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
