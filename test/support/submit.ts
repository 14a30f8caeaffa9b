import assert from 'node:assert/strict'
import { batchAnswer } from '#core/api/answers.ts'
import * as routes from '#core/api/routes/batches.ts'
import { RequestError } from '#core/errors.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { createSubmitBatch } from '../../functions/submit-batch/submit-batch.ts'
import { acme, callOf } from './call.ts'
import { exampleNow } from './example-load.ts'
import { MemoryBatches } from './memory-batches.ts'

/** The batch door over a world in memory, and rows for it. */

export interface Sent {
  readonly type?: string | undefined
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly to?: string
  readonly wait?: boolean
  readonly timeLeft?: () => number
  readonly tenant?: string
  readonly may?: readonly string[]
}

export const world = () => new MemoryBatches(exampleNow)

export function submit(
  w: MemoryBatches,
  body: string | Buffer,
  { type = 'application/x-ndjson', key, headers, to = 'flights', wait, timeLeft, may, tenant }: Sent = {},
) {
  const more = {
    body: Buffer.from(body),
    query: wait ? { wait: 'true' } : {},
    headers: { 'content-type': type, ...(key !== undefined && { 'idempotency-key': key }), ...headers },
    identity: { tenant: tenant ?? acme.tenant, datasets: may ?? ['*'] },
    ...(timeLeft && { timeLeft }),
  }
  return createSubmitBatch(w)(callOf(routes.submitBatch, { dataset: to }, more))
}
export const answered = (answer: { json?: unknown }) => batchAnswer.parse(answer.json)
export const problemOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => assert.fail('no problem'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof RequestError, String(error))
  return { ...error.problem, retryAfter: error.retryAfter }
}
export const batchOf = (w: MemoryBatches): BatchLoad => [...w.loads.values()][0] as BatchLoad

export const flight = (id: unknown) =>
  `{"id":${id},"date":"2001-07-01T12:00:00Z","delay":5,"distance":405,"origin":"MCI","destination":"MDW"}`
export const good = `${flight(1)}\n${flight(2)}\n`
export const csv = 'id,date,delay,distance,origin,destination\n1,2001-07-01T12:00:00Z,5,405,MCI,MDW\n2,2001-07-01T12:00:00Z,5,405,MCI,MDW\n'
