import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RowCounts } from '#core/loads/receipt.ts'
import { millrace, startMillrace } from '../support/command.ts'
import { connectStage, flight, flightLines, freshIds } from '../support/stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())
const folder = temporaryFolder()

const all = (rows: number, more: Partial<RowCounts> = {}): RowCounts => ({
  ...{ received: rows, loaded: rows, updated: 0, duplicate: 0, rejected: 0, pending: 0 },
  ...more,
})
/** 2,000 rows in batches of 250, two in flight. */
const rows = 2000
const flags = ['-d', 'flights', '--batch-rows', '250', '--parallel', '2', '--json']
const points: Record<string, string> = {
  'before the first batch is sent': 'SIGKILL before 1 POST /batches',
  'with batches in flight': 'SIGKILL before 4 POST /batches',
  'when a batch is accepted, before it knows': 'SIGKILL after 3 POST /batches',
  'while it follows receipts': 'SIGKILL after 2 GET /loads',
}
for (const [name, killAt] of Object.entries(points))
  test(`send of a file killed with SIGKILL ${name} goes on when it is run again, and every row is loaded once`, async () => {
    const id = freshIds()
    const path = join(folder, `${id}.ndjson`)
    await writeFile(path, flightLines(id, rows))
    const killed = await millrace(['send', path, ...flags], { killAt })
    assert.equal(killed.signal, 'SIGKILL', killed.err)
    const again = await millrace(['send', path, ...flags])
    assert.equal(again.code, 0, again.err)
    const total = JSON.parse(again.out)
    // A batch that was accepted and not known to be is answered again, not loaded again: no row is a duplicate.
    assert.deepEqual([total.rows, total.batches], [all(rows), rows / 250])
    assert.equal(await stage.countFlights(id, id + 1_000_000), rows)
  })

test('send of a pipe, kill -9 from outside in mid-stream, over and over; the pipe comes again each time: exact counts in Postgres', async () => {
  const id = freshIds()
  const args = ['send', ...flags, '--checkpoint', join(folder, `${id}.checkpoint`), '--batch-ms', '50']
  /** The stream as far as `until`; then it stops, and what comes next does not come before the kill. */
  async function* feed(until: number) {
    for (let i = 0; i < until; i += 40) {
      yield flightLines(id + i, 40)
      await sleep(2)
    }
    if (until < rows) await new Promise(() => undefined)
  }
  for (const enough of [1, 500, 1200]) {
    const running = startMillrace(args, { input: feed(enough + 400) })
    // Killed when so many rows are there, in the middle of whatever it is doing.
    while ((await stage.countFlights(id, id + rows)) < enough) await sleep(5)
    running.kill('SIGKILL')
    assert.equal((await running.ended).signal, 'SIGKILL')
  }
  const { code, out, err } = await millrace(args, { input: feed(rows) })
  assert.equal(code, 0, err)
  assert.deepEqual(JSON.parse(out).rows, all(rows))
  assert.equal(await stage.countFlights(id, id + 1_000_000), rows)
})

test('SIGTERM ends a stream in order: what was read is loaded, and the next run sends the rest', async () => {
  const id = freshIds()
  const args = ['send', ...flags, '--checkpoint', join(folder, `${id}.checkpoint`), '--batch-ms', '50']
  async function* endless() {
    yield flightLines(id, 300)
    yield `${JSON.stringify(flight(id + 300))}`
    await new Promise(() => undefined)
  }
  const running = startMillrace(args, { input: endless() })
  while ((await stage.countFlights(id, id + rows)) < 250) await sleep(20)
  running.kill('SIGTERM')
  const { code, out, err } = await running.ended
  assert.equal(code, 130, err)
  assert.deepEqual(JSON.parse(out).rows, all(300))
  assert.match(err, /^Interrupted\. 300 rows in \d+ batches are accepted\./)
  const again = await millrace(args, { input: flightLines(id, 301) })
  assert.deepEqual([again.code, JSON.parse(again.out).rows], [0, all(301)])
  assert.equal(await stage.countFlights(id, id + 1_000_000), 301)
})

test('rows of one ordering key stay in the order they were sent, through a kill: the last one is there', async () => {
  const stream = `sent-${freshIds()}`
  const event = (sequence: number, n: number) =>
    `${JSON.stringify({ stream, sequence, type: `update ${n}`, at: '2026-01-01T00:00:00Z', payload: { n } })}\n`
  const keys = 5
  const text = Array.from({ length: 600 }, (_, n) => event(n % keys, n)).join('')
  const path = join(folder, 'events.ndjson')
  await writeFile(path, text)
  const args = ['send', path, '-d', 'events', '--batch-rows', '50', '--json']
  assert.equal((await millrace(args, { killAt: 'SIGKILL after 5 POST /batches' })).signal, 'SIGKILL')
  const { code, out, err } = await millrace(args)
  assert.equal(code, 0, err)
  assert.deepEqual(JSON.parse(out).rows, all(600, { loaded: keys, updated: 600 - keys }))
  const found = await stage.database.query('SELECT sequence::int, payload FROM events WHERE stream = $1 ORDER BY sequence', [stream])
  assert.deepEqual(
    found.rows,
    Array.from({ length: keys }, (_, k) => ({ sequence: k, payload: { n: 595 + k } })),
  )
})
