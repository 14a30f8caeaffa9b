import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { blobSource } from '../../client/src/source.ts'
import { processOfPort } from '../support/peer-process.ts'
import { checkReceipt, connectStage, flightCsv, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'

const stage = connectStage()
const QueueUrl = setting('MILLRACE_CHUNK_QUEUE_URL')
let usual = ''
const setVisibility = (VisibilityTimeout: string) =>
  stage.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout } }))
before(async () => {
  const { Attributes } = await stage.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout'] }))
  usual = Attributes!.VisibilityTimeout!
  // So that the messages of the dead are gone before other tests wait for empty queues.
  await setVisibility('30')
})
after(async () => {
  await setVisibility(usual)
  await stage[Symbol.asyncDispose]()
})

/**
 * Holds the table, so that loaders stand still inside their transactions with rows already sent, and kills the first two.
 * @param again sends the chunk's message again, since the queue's own comes back only after its visibility timeout
 * @returns false when their processes are not to be seen from here
 */
async function killTwoLoaders(load: () => Promise<string>, again: (load: string) => Promise<void>): Promise<boolean> {
  const db = await stage.database.connect()
  try {
    await db.query('BEGIN')
    await db.query('LOCK TABLE flights IN SHARE ROW EXCLUSIVE MODE')
    const id = await load()
    const killed = new Set<number>()
    while (killed.size < 2) {
      // Inside a transaction pg_stat_activity is what it was at the first look.
      await db.query('SELECT pg_stat_clear_snapshot()')
      const { rows } = await db.query<{ client_port: number }>(
        'SELECT client_port FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))',
      )
      const port = rows.map((row) => row.client_port).find((port) => !killed.has(port))
      if (port === undefined) {
        await sleep(20)
        continue
      }
      const pid = processOfPort(port)
      if (pid === undefined) return false
      process.kill(pid, 'SIGKILL')
      killed.add(port)
      // Its backend waits for the lock and has not heard of the death: without it the next loader stands still where we can see it.
      await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port = $1', [port])
      await again(id)
    }
    return true
  } finally {
    await db.query('ROLLBACK')
    db.release()
  }
}

for (const format of ['ndjson', 'csv'] as const)
  test(`two loaders of a ${format} file are killed inside their transactions, and every row is there once`, async (t) => {
    const id = freshIds()
    const count = 3000
    const text = format === 'csv' ? flightCsv(id, count) : flightLines(id, count)
    const source = blobSource(new Blob([text]), `killed.${format}`)
    let load = ''
    const killed = await killTwoLoaders(
      async () => {
        load = (await stage.client.pushFile(source, { dataset: 'flights', format, compression: 'none', wait: false })).receipt.id
        return load
      },
      async () => {
        const job = { tenant: await tenantOf(load), load, chunk: 0, mode: format === 'csv' ? 'sequence' : 'range' }
        await stage.send(QueueUrl, job)
      },
    )
    const receipt = await stage.client.waitFor(load)
    checkReceipt(receipt)
    assert.deepEqual([receipt.state, outcomes(receipt)], ['complete', { received: count, loaded: count }])
    assert.equal(await stage.countFlights(id, id + count), count)
    const { rows } = await stage.database.query(
      'SELECT count(*)::int AS chunks, sum(loaded)::int AS loaded FROM millrace.ledger WHERE load = $1',
      [load],
    )
    assert.deepEqual(rows, [{ chunks: 1, loaded: count }])
    if (!killed) t.skip('the loader’s process is not to be seen from here')
  })

/** First part of the key under which the load's object lies. */
async function tenantOf(load: string): Promise<string> {
  const { Contents = [] } = await stage.s3.send(new ListObjectsV2Command({ Bucket: setting('MILLRACE_RAW_BUCKET') }))
  const key = Contents.find(({ Key }) => Key?.endsWith(`/${load}`))?.Key
  assert.ok(key, `there is no object of load ${load}`)
  return key.split('/')[0]!
}
