import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Receipt } from '#core/loads/receipt.ts'
import { bytes, count, duration, short, table } from '../../../client/src/cli/figures.ts'
import { printReceipt, printReject } from '../../../client/src/cli/print.ts'
import { createProgressBar, renderBar, waitingFor } from '../../../client/src/cli/progress.ts'
import { createSendLine } from '../../../client/src/cli/send-progress.ts'
import type { Clock } from '../../../client/src/retry.ts'
import { waitFor } from '../../../client/src/wait.ts'

const receipt: Receipt = {
  id: 'ld_1',
  dataset: 'flights',
  door: 'file',
  state: 'complete',
  fileName: 'flights.ndjson',
  format: 'ndjson',
  compression: 'gzip',
  rows: { received: 3_000_000, loaded: 2_999_996, updated: 0, duplicate: 1, rejected: 3, pending: 0 },
  rejects: { max: null, byCode: [{ code: 'wrong-type', column: 'delay', rows: 3 }], others: 0 },
  ignored: { byName: [], others: 0 },
  chunks: { planned: 11, committed: 11 },
  bytes: { received: 329_672_591, read: 329_672_591 },
  checksum: { algorithm: 'CRC32', uploaded: '9f3a11c2', loaded: '9f3a11c2' },
  problem: null,
  waiting: null,
  trace: '00-aa-bb-01',
  createdAt: '2026-11-21T04:51:40.000Z',
  startedAt: '2026-11-21T04:51:43.000Z',
  committedAt: '2026-11-21T04:52:13.000Z',
  expiresAt: null,
  links: { self: '/v1/loads/ld_1', rejects: '/v1/loads/ld_1/rejects', fixes: null, fixedBy: [], source: null },
}

test('a receipt reads as a page', () => {
  assert.equal(
    printReceipt(receipt),
    `Load ld_1: complete, 3 rows rejected

  3,000,000 received = 2,999,996 loaded + 0 updated + 1 duplicate + 3 rejected + 0 pending

  loaded     2,999,996  new in the table
  updated            0  took the place of an older row
  duplicate          1  were there already, and were left alone
  rejected           3  not loaded; why: millrace rejects ld_1
  pending            0  not decided yet

  dataset   flights
  file      flights.ndjson, 329.7 MB, ndjson, gzip
  chunks    11 of 11 committed
  CRC32     9f3a11c2 sent and read: they match
  time      opened 2026-11-21 04:51:40 UTC, committed 2026-11-21 04:52:13 UTC: loaded in 30.0 s, 100,000 rows/s
  trace     00-aa-bb-01
  rejected  3 wrong-type in delay
`,
  )
})

test('a receipt that does not add up, or whose checksums differ, says so aloud', () => {
  const wrong = { ...receipt, rows: { ...receipt.rows, loaded: 5 }, checksum: { ...receipt.checksum, loaded: '00000000' } }
  assert.match(printReceipt(wrong), /THIS DOES NOT ADD UP/)
  assert.match(printReceipt(wrong), /THEY DIFFER/)
  assert.doesNotMatch(printReceipt(receipt), /ADD UP|DIFFER/)
})

test('what was passed over is named with its rows, the most frequent first; a name cannot move the cursor of a terminal', () => {
  const names = ['gate', '"quoted"', 'c', 'd', 'e', 'f', 'g'].map((name, i) => ({ name, rows: 3000 - 500 * i }))
  const told =
    '"gate" in 3,000 rows, "\\"quoted\\"" in 2,500 rows, "c" in 2,000 rows, "d" in 1,500 rows, "e" in 1,000 rows, "f" in 500 rows'
  const printed = (ignored: Receipt['ignored']) => printReceipt({ ...receipt, ignored }).match(/^ {2}ignored +(.*)$/m)?.[1]
  assert.equal(printed({ byName: names, others: 7 }), `${told}, others 7 times`)
  assert.equal(printed({ byName: [{ name: 'note', rows: 1 }], others: 0 }), '"note" in 1 row')
  assert.equal(printed({ byName: [], others: 0 }), undefined)
})

test('a reject says where, which column, why, and its code', () => {
  const reject = { line: 1200, offset: 5, column: 'delay', code: 'wrong-type', message: 'not a number', raw: '', truncated: false }
  assert.equal(printReject(reject), 'line 1,200, column "delay": not a number (wrong-type)')
  assert.equal(printReject({ ...reject, line: null, column: null }), 'byte 5: not a number (wrong-type)')
})

test('figures are written for people', () => {
  assert.deepEqual([0, 1, 999, 1000, 329_672_591, 5e12].map(bytes), ['0 bytes', '1 byte', '999 bytes', '1.0 kB', '329.7 MB', '5.0 TB'])
  assert.deepEqual([0, 950, 71_234, 3_100_000].map(short), ['0', '950', '71.2 k', '3.1 M'])
  assert.deepEqual([0, 1500, 61_000, 3_723_000].map(duration), ['0.0 s', '1.5 s', '1 min 1 s', '1 h 2 min'])
  assert.equal(count(3_000_000), '3,000,000')
  assert.equal(
    table(
      [
        ['a', '1'],
        ['bbb', '22'],
      ],
      new Set([1]),
    ),
    'a     1\nbbb  22',
  )
})

const half = { label: 'sending', bytes: 5e6, totalBytes: 10e6, bytesPerSecond: 1e6, rowsPerSecond: 2000 }

test('the bar shows share, bytes, speed, rows and time left, in whatever room there is', () => {
  assert.equal(renderBar(half, 120), 'sending  ███████████████░░░░░░░░░░░░░░░  50 %  5.0 MB of 10.0 MB  1.0 MB/s  2.0 k rows/s  5.0 s left')
  for (let columns = 1; columns < 140; columns++) assert.ok(renderBar(half, columns).length < columns)
  assert.match(renderBar({ ...half, bytes: 0, bytesPerSecond: 0, rowsPerSecond: 0 }, 100), /^sending {2}░+ {3}0 %[^NI]*MB\/s$/)
  assert.match(renderBar({ ...half, totalBytes: 0, bytes: 0 }, 100), /100 %/)
})

test('each phase leaves one line behind; what an earlier push sent is not counted as speed', () => {
  let now = 0
  let screen = ''
  const write = (text: string) => {
    screen += text
  }
  const bar = createProgressBar({ write, columns: () => 100, now: () => now })
  bar.show({ phase: 'check', bytes: 0, totalBytes: 10e6, rows: 0 })
  now = 1000
  bar.show({ phase: 'check', bytes: 10e6, totalBytes: 10e6, rows: 100 })
  bar.show({ phase: 'open', load: 'ld_1', key: 'k', replayed: true })
  bar.show({ phase: 'upload', bytes: 8e6, totalBytes: 10e6, resumed: 8e6, rows: 100 })
  now = 2000
  bar.show({ phase: 'upload', bytes: 10e6, totalBytes: 10e6, resumed: 8e6, rows: 100 })
  bar.end()
  bar.end()
  const lines = screen.split('\n').map((line) => line.split('\u001b[2K').at(-1))
  assert.deepEqual(lines, [
    'checked  10.0 MB, 100 rows in 1.0 s, 10.0 MB/s',
    'sent     2.0 MB, 100 rows in 1.0 s, 2.0 MB/s; 8.0 MB were there from an earlier push',
    '',
  ])
})

test('rejects are summed up by code and column', () => {
  const byCode = [
    { code: 'wrong-type', column: 'delay', rows: 2 },
    { code: 'invalid-json', column: null, rows: 1 },
  ]
  const rows = { ...receipt.rows, rejected: 5 }
  const page = printReceipt({ ...receipt, rows, rejects: { max: null, byCode, others: 2 } })
  assert.match(page, /^ {2}rejected +2 wrong-type in delay, 1 invalid-json, 2 other$/m)
})

test('a load that does not move says what it waits for', () => {
  const loading = { ...receipt, state: 'loading', chunks: { planned: 8, committed: 3 } } as const
  const waiting = {
    code: 'database-unavailable',
    detail: 'The database does not answer.',
    since: new Date(Date.now() - 125_000).toISOString(),
  } as const
  assert.equal(waitingFor(loading), undefined)
  assert.equal(waitingFor({ ...loading, waiting }), 'waiting  for 2 min 5 s: The database does not answer.')
  assert.match(waitingFor(loading, 7000)!, /^waiting {2}nothing has moved for 7.0 s: 3 of 8 chunks committed, the load waits for a loader/)
  assert.match(
    printReceipt({ ...loading, waiting }),
    / waiting +The database does not answer\. \(since 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)/,
  )
})

test('the line of a stream says what its batches wait for, in place of figures that do not move', async () => {
  const waiting = { code: 'table-locked', detail: 'Somebody keeps the table locked.', since: new Date().toISOString() } as const
  const { promise, resolve } = Promise.withResolvers<string>()
  using line = createSendLine({ write: resolve, columns: () => 100, now: () => 0 })
  line.watch(() => ({ rows: 1234, bytes: 10, inFlight: 0, unsettled: 3, lagMs: undefined, waiting }))
  assert.match(await promise, /waiting {2}1,234 rows accepted, 3 to commit {2}for 0\.\d s: Somebody keeps the table locked\.$/)
})

test('whoever waits for a receipt is told when it has not changed for five seconds', async () => {
  const looks = [...Array(12).fill({ etag: 'a' }), { etag: 'b', receipt }]
  const still: number[] = []
  let now = 0
  const clock: Clock = {
    now: () => now,
    sleep: async (ms) => {
      now += ms
    },
    random: () => 0.5,
  }
  const first = { etag: 'a', receipt: { ...receipt, state: 'loading' } as const }
  const getReceipt = async () => (looks.length === 13 && now === 0 ? first : looks.shift()!)
  await waitFor('ld_1', { getReceipt, clock }, { onStill: (_receipt, ms) => void still.push(ms) })
  assert.ok(still.length > 0 && still.every((ms, i) => ms >= 5000 && ms > (still[i - 1] ?? 0)), String(still))
})
