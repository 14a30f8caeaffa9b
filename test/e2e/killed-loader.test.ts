import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { blobSource } from '../../client/src/source.ts'
import { killLoaders } from '../support/kill-loaders.ts'
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

for (const format of ['ndjson', 'csv'] as const)
  test(`two loaders of a ${format} file are killed inside their transactions, and every row is there once`, async (t) => {
    const id = freshIds()
    const count = 3000
    const text = format === 'csv' ? flightCsv(id, count) : flightLines(id, count)
    const source = blobSource(new Blob([text]), `killed.${format}`)
    let load = ''
    const killed = await killLoaders(
      stage.database,
      'flights',
      2,
      async () => {
        load = (await stage.client.pushFile(source, { dataset: 'flights', format, compression: 'none', wait: false })).receipt.id
      },
      // The queue's own comes back only after its visibility timeout.
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
