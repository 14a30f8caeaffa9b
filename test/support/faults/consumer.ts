import type { KinesisStreamEvent } from 'aws-lambda'
import type { RecordPorts } from '#core/records/ports.ts'
import { recordStore } from '#platform/postgres/record-store.ts'
import type { Pause } from '#platform/postgres/retry.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'
import { streamHandler } from '#platform/stream-worker.ts'
import { createLoadRecords, type LoadRecordsDeps } from '../../../functions/load-records/load-records.ts'
import type { Invocation } from '../../../localstack/event-source/ports.ts'
import { nameOfRow } from './account.ts'
import { fallibleConnector, type Moment } from './database.ts'
import { parkingOf } from './parking.ts'
import type { Stage } from './stage.ts'
import { faultDatasets } from './tables.ts'
import type { Fault } from './trouble.ts'

/** Milliseconds an invocation is said to have left: too few to wait out an outage in real time, which the event source does in virtual time. */
const timeLeft = 9_900

const moments: Readonly<Record<Moment, Fault>> = {
  statement: 'the database connection dies at a statement',
  'before-commit': 'the database connection dies before a commit',
  'after-commit': 'the database connection dies after a commit',
}

/** The real consumer on a real Postgres; DynamoDB and S3 are the stage's. */
export function createConsumer(stage: Stage, database: string): (event: string) => Promise<Invocation> {
  const handler = streamHandler(
    createLoadRecords({
      ...recordPorts(stage, database),
      parking: parkingOf(stage),
      noteWaiting: async () => stage.alive(),
      delayed: () => undefined,
    }),
  )
  const context = { getRemainingTimeInMillis: () => timeLeft } as Parameters<typeof handler>[1]
  return async (event) => {
    stage.invocations++
    try {
      const payload = await stage.run(async () => handler(JSON.parse(event) as KinesisStreamEvent, context, () => undefined))
      return { kind: 'responded', requestId: 'request', payload }
    } catch (error) {
      return { kind: 'failed', requestId: 'request', message: String(error) }
    }
  }
}

/** What loads records: consumer and drainer do it alike. @param pause between two tries; real time if left out */
export function recordPorts(stage: Stage, database: string, pause?: Pause): RecordPorts & Pick<LoadRecordsDeps, 'findDataset'> {
  const { trouble, loads } = stage
  const connect = fallibleConnector(
    database,
    () => stage.databaseIsAway || stage.processIsDead,
    (moment) => trouble.happens(moments[moment]),
  )
  return {
    ...recordStore(connect, stage.breaker, ({ dataset, load, chunk }) => rejectsInMemory(stage, dataset, `${load}/${chunk}`), pause),
    findDataset: (name) => faultDatasets.get(name),
    async projectChunk(load, result) {
      stage.die('the consumer dies before it shows what it committed')
      trouble.strike('the projection fails')
      loads.project(load.id, result)
    },
    async finishLoad(id) {
      stage.die('the consumer dies before it ends a load')
      await loads.finish(id)
    },
    async getLoad(id) {
      stage.alive()
      return loads.items.get(id)
    },
    async failLoad(id, error) {
      stage.alive()
      loads.fail(id, error)
    },
    async setAside({ data }, header, reason) {
      stage.alive()
      trouble.strike('a record cannot be set aside')
      stage.setAside.push({ data, header, reason })
    },
  }
}

function rejectsInMemory(stage: Stage, dataset: string, key: string): RejectFile {
  const rows: string[] = []
  return {
    get count() {
      return rows.length
    },
    add: (_, { bytes }) => void rows.push(nameOfRow(dataset, bytes.toString())),
    flush: async () => undefined,
    async finish() {
      stage.alive()
      stage.trouble.strike('the rejects cannot be stored')
      // Without rejects there is no object.
      if (rows.length > 0) stage.rejects.set(key, rows)
    },
    abort: async () => undefined,
  }
}
