import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { randomLoadId } from '#core/loads/load-id.ts'
import { repository } from '../../localstack/state-dir.ts'
import { connectStage, flightLines, freshIds, setting } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

async function redrive(...args: string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, [join(repository, 'scripts/redrive.ts'), ...args, '--json'])
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { about: string; load: string; sentBack: boolean })
}

test('messages that failed too often are listed, and go back to their queue', async () => {
  const id = freshIds()
  const { id: load } = await stage.push(flightLines(id, 10), { dataset: 'flights' })
  const { receipt } = await stage.client.getReceipt(load)
  const [from, to] = [setting('MILLRACE_CHUNK_DLQ_URL'), setting('MILLRACE_CHUNK_QUEUE_URL')]
  const gone = randomLoadId()
  await stage.send(from, { tenant: 'demo', load, chunk: 0, mode: 'range' })
  await stage.send(from, { tenant: 'demo', load: gone, chunk: 7, mode: 'range' })
  const ours = (messages: Awaited<ReturnType<typeof redrive>>) =>
    messages.filter((m) => m.load === load || m.load === gone).map(({ about, sentBack }) => [about, sentBack])
  const expected = [`chunk 0 of ${load} (range)`, `chunk 7 of ${gone} (range)`]
  assert.deepEqual(ours(await redrive('--from', from, '--to', to, '--yes')).sort(), expected.map((about) => [about, true]).sort())
  await stage.quiet()
  assert.deepEqual(ours(await redrive('--from', from)), [])
  assert.deepEqual((await stage.client.getReceipt(load)).receipt, receipt)
  assert.equal(await stage.countFlights(id, id + 10), 10)
})

test('messages of the plan queue are named by their object; listing leaves them where they are', async () => {
  const from = setting('MILLRACE_PLAN_DLQ_URL')
  const load = randomLoadId()
  await stage.send(from, { Records: [{ s3: { object: { key: `demo/flights/${load}`, size: 1 } } }] })
  const listed = (await redrive('--from', from)).filter((m) => m.load === load)
  assert.deepEqual(
    listed.map(({ about, sentBack }) => [about, sentBack]),
    [[`object demo/flights/${load}`, false]],
  )
})
