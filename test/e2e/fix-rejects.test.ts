import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { exitCodeOf } from '../../client/src/cli/exit.ts'
import { allOf, connectStage, flight, flightCsv, flightHeader, freshIds, outcomes } from '../support/stage.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())

const download = async (load: string) => Buffer.concat(await allOf(await stage.client.downloadRejects(load))).toString()

test('rejects of a compressed CSV file: downloaded with their errors, corrected, pushed, and linked both ways', async () => {
  const id = freshIds()
  const bad = `${id + 10},2001-07-01T12:00:00.000Z,late,405,MCI,MDW\n${id + 11},2001-07-01T12:00:00.000Z,5,405,"M,CI",MDW\n`
  const old = await stage.push(gzipSync(flightCsv(id, 3) + bad), { dataset: 'flights', format: 'csv', compression: 'gzip' })
  assert.deepEqual(outcomes(old), { received: 5, loaded: 3, rejected: 2 })
  assert.deepEqual(
    old.rejects.byCode.map(({ code, column, rows }) => [code, column, rows]),
    [
      ['invalid-format', 'delay', 1],
      ['too-long', 'origin', 1],
    ],
  )
  const file = await download(old.id)
  const lines = file.split('\n')
  assert.equal(lines[0], `${flightHeader},_error,_line`)
  assert.match(lines[1]!, /,late,405,MCI,MDW,"invalid-format in delay: .*",5$/)
  const fixed = file.replace(',late,', ',7,').replace('"M,CI"', 'MCI')
  const fix = await stage.push(fixed, { dataset: 'flights', format: 'csv', fixes: old.id })
  assert.deepEqual(outcomes(fix), { received: 2, loaded: 2 })
  assert.equal(fix.links.fixes, old.links.self)
  const { receipt } = await stage.client.getReceipt(old.id)
  assert.deepEqual(receipt?.links.fixedBy, [fix.links.self])
})

test('rejects of NDJSON: what is no object comes as one that says so, and is refused again until it is corrected', async () => {
  const id = freshIds()
  const old = await stage.push(`${JSON.stringify(flight(id, { delay: '5' }))}\nhalf a li`, { dataset: 'flights' })
  const file = await download(old.id)
  const [first, second] = file.trimEnd().split('\n')
  assert.deepEqual(JSON.parse(first!)._line, 1)
  assert.equal(JSON.parse(second!)._raw, 'half a li')
  const again = await stage.push(file, { dataset: 'flights', fixes: old.id })
  assert.deepEqual(outcomes(again), { received: 2, rejected: 2 })
  const fix = await stage.push(`${first!.replace('"delay":"5"', '"delay":5')}\n`, { dataset: 'flights', fixes: old.id })
  assert.deepEqual(outcomes(fix), { received: 1, loaded: 1 })
  assert.equal((await stage.client.getReceipt(old.id)).receipt?.links.fixedBy.length, 2)
})

const badFlights = (id: number) =>
  [
    { origin: 'MCI' },
    { origin: 'MCI', delay: 3_000_000_000 },
    { origin: 'MCI', distance: 31_013 },
    { origin: 'far too long'.repeat(1000) },
  ].map((more, i) => ({ ...flight(id + i), ...more }))
const flightTexts = {
  json: (id: number) => JSON.stringify(badFlights(id)),
  parquet: (id: number) => {
    const rows = badFlights(id) as Record<string, unknown>[]
    const column = (name: string, type: 'INT64' | 'STRING' | 'TIMESTAMP', of: (value: unknown) => unknown) => ({
      name,
      type,
      data: rows.map((row) => of(row[name])),
    })
    const int64 = (value: unknown) => BigInt(value as number)
    const columnData = [
      column('id', 'INT64', int64),
      column('date', 'TIMESTAMP', (value) => new Date(value as string)),
      ...['delay', 'distance'].map((name) => column(name, 'INT64', int64)),
      ...['origin', 'destination'].map((name) => column(name, 'STRING', (value) => value)),
    ]
    return Buffer.from(parquetWriteBuffer({ columnData }))
  },
}
for (const format of ['json', 'parquet'] as const)
  test(`rejects of ${format}, by us and by Postgres, come as NDJSON; a file that corrects some of them has rejects of its own`, async () => {
    const id = freshIds()
    await stage.database.query(`ALTER TABLE flights ADD CONSTRAINT short_${id} CHECK (distance <> 31013) NOT VALID`)
    try {
      const old = await stage.push(flightTexts[format](id), { dataset: 'flights', format })
      assert.deepEqual(outcomes(old), { received: 4, loaded: 1, rejected: 3 })
      const lines = (await download(old.id)).trimEnd().split('\n')
      const codes = lines.map((line) => (JSON.parse(line) as { _error: string })._error.replace(/ .*/, ''))
      assert.deepEqual(codes.sort(), ['out-of-range', 'sqlstate-23514:', 'too-long'])
      assert.match(lines.find((line) => line.includes('too-long'))!, /^\{"_raw":/)

      const once = lines.map((line) => line.replace('3000000000', '30')).join('\n')
      const first = await stage.push(once, { dataset: 'flights', fixes: old.id })
      assert.deepEqual(outcomes(first), { received: 3, loaded: 1, rejected: 2 })
      const left = (await download(first.id)).trimEnd().split('\n')
      const fixed = left.map((line) => (line.startsWith('{"_raw":') ? JSON.stringify(flight(id + 3)) : line.replace('31013', '31')))
      const second = await stage.push(fixed.join('\n'), { dataset: 'flights', fixes: first.id })
      assert.deepEqual(outcomes(second), { received: 2, loaded: 2 })
      assert.equal(await stage.countFlights(id, id + 4), 4)

      const links = await Promise.all([old, first, second].map(async (load) => (await stage.client.getReceipt(load.id)).receipt!.links))
      assert.deepEqual(
        links.map(({ fixes, fixedBy }) => [fixes, fixedBy]),
        [
          [null, [first.links.self]],
          [old.links.self, [second.links.self]],
          [first.links.self, []],
        ],
      )
    } finally {
      await stage.database.query(`ALTER TABLE flights DROP CONSTRAINT short_${id}`)
    }
  })

test('rejects of a batch of CSV, by the door and by Postgres, are corrected with a file', async () => {
  const stream = `fix ${freshIds()}`
  await stage.database.query(`ALTER TABLE events ADD CONSTRAINT "${stream}" CHECK (stream <> '${stream}' OR type <> 'bad') NOT VALID`)
  try {
    const row = (n: number, type: string, payload: string) => `${stream},${n},${type},2026-03-01T12:00:00.5Z,${payload}\n`
    const rows = [
      row(1, 'good', '{}'),
      row(2, 'bad', '"""a, text"""'),
      row(3, 'bad', '12345678901234567890.10'),
      row(4, 'bad', ''),
      row(5, 'good', '{'),
    ]
    const body = `stream,sequence,type,at,payload\n${rows.join('')}`
    const old = (await stage.client.sendBatch('events', body, { format: 'csv', wait: true })).receipt
    assert.deepEqual(outcomes(old), { received: 5, loaded: 1, rejected: 4 })
    const file = await download(old.id)
    assert.match(file, /^stream,sequence,type,at,payload,_error,_line\n/)
    const fixed = file.replaceAll(',bad,', ',fixed,').replace(',{,', ',{},')
    const fix = await stage.push(fixed, { dataset: 'events', format: 'csv', fixes: old.id })
    assert.deepEqual(outcomes(fix), { received: 4, loaded: 4 })
    assert.deepEqual((await stage.client.getReceipt(old.id)).receipt?.links.fixedBy, [fix.links.self])
    const { rows: stored } = await stage.database.query(
      'SELECT sequence::int, type, payload::text FROM events WHERE stream = $1 ORDER BY sequence',
      [stream],
    )
    assert.deepEqual(stored.map(Object.values), [
      [1, 'good', '{}'],
      [2, 'fixed', '"a, text"'],
      [3, 'fixed', '12345678901234567890.10'],
      [4, 'fixed', null],
      [5, 'good', '{}'],
    ])
  } finally {
    await stage.database.query(`ALTER TABLE events DROP CONSTRAINT "${stream}"`)
  }
})

test('a load with more rejects than it takes fails, and says what was loaded', async () => {
  const id = freshIds()
  const rows = Array.from({ length: 100 }, (_, i) => `${JSON.stringify(flight(id + i, i % 10 === 0 ? { delay: 'x' } : {}))}\n`).join('')
  const receipt = await stage.push(rows, { dataset: 'flights', maxRejects: 9 })
  assert.equal(receipt.state, 'failed')
  assert.equal(receipt.problem?.code, 'too-many-rejects')
  assert.equal(exitCodeOf(receipt), 3)
  assert.equal(await stage.countFlights(id, id + 100), receipt.rows.loaded)
  const within = await stage.push(rows, { dataset: 'flights', maxRejects: 10 })
  assert.deepEqual([within.state, within.rows.rejected], ['complete', 10])
})
