import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { millrace } from '../support/command.ts'
import { checkReceipt, connectStage, flight, flightLines, freshIds, reading } from '../support/stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())
const folder = temporaryFolder()

test('bad rows of a stream are rejected and named by their lines, the others load, and the command ends with 2', async () => {
  const id = freshIds()
  const bad = `${JSON.stringify(flight(id + 2, { delay: 'late' }))}\nnot JSON\n\n`
  const { code, out } = await millrace(['send', '-d', 'flights'], {
    input: `${flightLines(id, 2)}${bad}${flightLines(id + 3, 1).trimEnd()}`,
  })
  assert.equal(code, 2)
  assert.match(out, /^ {2}5 received = 3 loaded \+ 0 updated \+ 0 duplicate \+ 2 rejected \+ 0 pending$/m)
  assert.match(out, /^ {2}line 3, column "delay": a whole number is needed, not a string \(wrong-type\)$/m)
  assert.match(out, /^ {2}line 4: /m)
  const load = /which: millrace rejects (ld_\w+)/.exec(out)?.[1]
  assert.ok(load)
  checkReceipt((await stage.client.getReceipt(load)).receipt!)
  assert.equal((await stage.rejectsOf(load)).length, 2)
  assert.equal(await stage.countFlights(id, id + 10), 3)
})

test('keys that the dataset passes over are told at the end of a stream, with the rows that had them', async () => {
  const rows = [reading({ room: 1 }), reading(), reading({ room: 2, note: null })]
  const input = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const { code, out } = await millrace(['send', '-d', 'readings', '--batch-rows', '2'], { input })
  assert.equal(code, 0)
  assert.match(out, /^ {2}ignored +"room" in 2 rows, "note" in 1 row$/m)
})

test('what no server takes does not stop a stream: rows of any size, bytes that are no text, blank lines, no newline at the end', async () => {
  const id = freshIds()
  // Nothing that compresses, so that no batch may be larger than a request as it is.
  const noise = (bytes: number) => Buffer.from(randomBytes(bytes).map((byte) => (byte === 10 ? 11 : byte)))
  const newline = Buffer.from('\n')
  const lines = [
    flightLines(id, 1).trimEnd(),
    noise(1_500_000),
    noise(9_000_000),
    '',
    ' \t',
    noise(300),
    noise(1_900_000),
    flightLines(id + 1, 1).trimEnd(),
  ]
  const path = join(folder, 'odd.ndjson')
  await writeFile(path, Buffer.concat(lines.flatMap((line, i) => [...(i > 0 ? [newline] : []), Buffer.from(line)])))
  const { code, out, err } = await millrace(['send', path, '-d', 'flights', '--json'])
  assert.equal(code, 2, err)
  const { rows, byCode } = JSON.parse(out)
  assert.deepEqual(rows, { received: 6, loaded: 2, updated: 0, duplicate: 0, rejected: 4, pending: 0 })
  assert.deepEqual(
    byCode.find(({ code }: { code: string }) => code === 'row-too-large'),
    { code: 'row-too-large', column: null, rows: 3 },
  )
  assert.equal(await stage.countFlights(id, id + 10), 2)
})

test('the SDK waits for a batch when asked to, and the same key again is the same load', async () => {
  const id = freshIds()
  const send = () => stage.client.sendBatch('flights', [flight(id), flight(id + 1)], { key: `test ${id}`, wait: true })
  const first = await send()
  assert.deepEqual([first.receipt.state, first.receipt.rows.loaded, first.replayed], ['complete', 2, false])
  const again = await send()
  assert.deepEqual([again.receipt.id, again.receipt.rows.loaded, again.replayed], [first.receipt.id, 2, true])
  await assert.rejects(stage.client.sendBatch('flights', [flight(id)], { key: `test ${id}` }), { status: 422 })
  await assert.rejects(stage.client.sendBatch('flights', `${JSON.stringify(flight(id + 2))}\n`, { rows: 2 }), { status: 422 })
  assert.equal(await stage.countFlights(id, id + 10), 2)
})
