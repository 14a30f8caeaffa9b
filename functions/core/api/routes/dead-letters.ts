import * as answers from '#core/api/answers.ts'
import { listDeadLettersQuery } from '#core/api/replay-contract.ts'
import { route } from '#core/api/route.ts'

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
