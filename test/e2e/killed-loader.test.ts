import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { blobSource } from '../../client/src/source.ts'
import { killLoaders } from '../support/kill-loaders.ts'
import { checkReceipt, connectStage, flightCsv, flightLines, freshIds, outcomes } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

for (const format of ['ndjson', 'csv'] as const)
  test(`a loader of a ${format} file is killed inside its transaction, another takes over when its lease is over, and every row is there once`, async (t) => {
    const id = freshIds()
    const count = 3000
    const text = format === 'csv' ? flightCsv(id, count) : flightLines(id, count)
    const source = blobSource(new Blob([text]), `killed.${format}`)
    let load = ''
    const killed = await killLoaders(stage.database, id + 1500, 1, async () => {
      load = (await stage.client.pushFile(source, { dataset: 'flights', format, compression: 'none', wait: false })).receipt.id
    })
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
