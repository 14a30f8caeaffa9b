import * as answers from '#core/api/answers.ts'
import { replayBody, replayStreamBody } from '#core/api/replay-contract.ts'
import { receipt202, route } from '#core/api/route.ts'

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
    'Goes through a range of the stream, page by page, and sends again what of the tenant’s batches is in no table. A dry run unless told otherwise. A page may be short, even empty, while `next` is not null',
  body: replayStreamBody,
  answers: { 200: { doc: 'A page of the chunks in the range, as they were before', schema: answers.streamPage } },
  problems: ['invalid-json-body', 'dataset-not-found', 'dataset-forbidden', 'stream-unavailable', 'body-too-large'],
})
