import * as answers from '#core/api/answers.ts'
import { listLoadsQuery, listRejectsQuery } from '#core/api/contract.ts'
import { route } from '#core/api/route.ts'

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
