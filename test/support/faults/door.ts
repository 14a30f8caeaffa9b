import type { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import type { BatchAnswer } from '#core/api/contract.ts'
import * as routes from '#core/api/routes/batches.ts'
import { refusedRow } from '#core/batches/batch-rows.ts'
import { RequestError } from '#core/errors.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { inflatedBody } from '#platform/s3/inflate.ts'
import { sendRecords } from '#platform/stream.ts'
import { createSubmitBatch } from '../../../functions/submit-batch/submit-batch.ts'
import { callOf } from '../call.ts'
import { nameOfRow } from './account.ts'
import type { Batch } from './sender.ts'
import type { Stage } from './stage.ts'
import { faultDatasets } from './tables.ts'
import { Struck } from './trouble.ts'

/** What a client gets to know of one request: the load of a batch that was accepted, or when to ask again. */
export interface DoorAnswer {
  readonly load?: string
  readonly retryAfterMs?: number
}

/** Of an invocation, milliseconds; what API Gateway waits. */
const timeout = 29_000

/** The real door; DynamoDB, S3 and the stream are the stage's. */
export function createDoor(stage: Stage): (batch: Batch) => Promise<DoorAnswer> {
  const { loads, trouble } = stage
  const { items } = loads
  /** True once a request is to find that its time is over. */
  let late = false

  /** A conditional update: done, or not, or done without an answer. */
  async function update(
    id: string,
    holds: (load: BatchLoad) => boolean,
    change: (load: BatchLoad) => BatchLoad,
  ): Promise<BatchLoad | undefined> {
    stage.alive()
    trouble.strike('the load item cannot be written')
    const load = items.get(id)
    if (!load || !holds(load)) return undefined
    const changed = change(load)
    items.set(id, changed)
    trouble.strike('the load item is written, and the answer lost')
    return changed
  }

  const client = {
    async send({ input: { Records = [] } }: PutRecordsCommand) {
      stage.die('the door dies before it sends')
      trouble.strike('the stream does not answer')
      const partly = trouble.happens('the stream takes a part of the records')
      late ||= partly && trouble.happens('the time of the door is over')
      const answers = Records.map(({ PartitionKey, Data }) => {
        if (partly && trouble.isHalf()) return { ErrorCode: 'ProvisionedThroughputExceededException' }
        return { SequenceNumber: stage.put(PartitionKey!, Buffer.from(Data!)), ShardId: 'shard' }
      })
      trouble.strike('the stream takes records and does not say so')
      stage.die('the door dies after it sent')
      return { Records: answers }
    },
  } as unknown as KinesisClient

  const submit = createSubmitBatch({
    datasets: faultDatasets,
    lanes: 8,
    inflate: inflatedBody,
    async insertLoad(load) {
      stage.alive()
      const met = items.get(load.id)
      if (met) return met
      trouble.strike('the load item cannot be written')
      items.set(load.id, load)
      trouble.strike('the load item is written, and the answer lost')
      return undefined
    },
    takeBatch: ({ id, lock: old }, lock, expiresAt) =>
      update(
        id,
        ({ state, lock }) => state === 'receiving' && lock === old,
        (load) => ({ ...load, ...lock, expiresAt }),
      ),
    async releaseBatch({ id }, mine, sent) {
      await update(
        id,
        ({ state, lock }) => state === 'receiving' && lock === mine,
        ({ lock, lockedUntil, ...load }) => ({ ...load, sent }),
      )
    },
    acceptBatch: ({ id }, mine, startedAt) =>
      update(
        id,
        ({ state, lock }) => state === 'receiving' && lock === mine,
        ({ lock, lockedUntil, sent, ...load }) => ({ ...load, state: 'loading', startedAt }),
      ),
    async storeRefused({ id, dataset }, batch) {
      stage.alive()
      trouble.strike('the rejects cannot be stored')
      stage.rejects.set(
        `${id}/0`,
        batch.refused.map((row) => nameOfRow(dataset, refusedRow(batch, row).bytes.toString())),
      )
    },
    sendRecords: sendRecords({ name: 'stream', client }),
    async findLoad(_, id) {
      stage.alive()
      return items.get(id)
    },
    now: stage.now,
    sleep: async () => undefined,
  })

  return async ({ dataset, key, contentType, body }) => {
    const call = callOf(
      routes.submitBatch,
      { dataset },
      {
        query: {},
        body,
        headers: { 'idempotency-key': key, 'content-type': contentType },
        timeLeft: () => (late || stage.processIsDead ? 0 : timeout),
      },
    )
    try {
      const { json } = await stage.run(() => {
        late = false
        return submit(call)
      })
      return { load: (json as BatchAnswer).receipt.id }
    } catch (error) {
      if (error instanceof RequestError && error.retryAfter !== undefined) return { retryAfterMs: error.retryAfter * 1000 }
      // A function that died, or that a service did not answer: API Gateway says 5xx.
      if (error instanceof Struck) return {}
      throw error
    }
  }
}
