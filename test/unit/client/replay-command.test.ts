import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DeadLetterAnswer, ReplayAnswer } from '#core/api/replay-contract.ts'
import { millraceHere } from '../../support/command-here.ts'
import { type FakeMillrace, refuse, startFakeMillrace } from '../../support/fake-millrace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder()

const run = (server: FakeMillrace, ...args: string[]) => millraceHere(args, { server, folder })
/** Answers these requests with these bodies; others as the fake does. */
function answering(fake: FakeMillrace, answers: Record<string, object | string>): void {
  fake.fault = (name) => {
    const body = answers[name]
    if (body === undefined) return undefined
    return typeof body === 'string'
      ? { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body }
      : { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  }
}
const letter: DeadLetterAnswer = {
  load: 'ld_1',
  dataset: 'flights',
  chunk: 3,
  state: 'dead',
  reason: 'RetryAttemptsExhausted',
  rows: 1200,
  bytes: 40_000,
  acceptedAt: '2026-01-02T03:04:05.000Z',
  notedAt: '2026-01-02T03:09:05.000Z',
  sentAgainAt: null,
  kept: { object: 'aws/lambda/x', record: 0 },
  links: { rows: '', load: '' },
}

test('dead letters are listed for people and for programs', async () => {
  await using fake = await startFakeMillrace()
  answering(fake, {
    'GET dead-letters': {
      items: [letter, { ...letter, chunk: 4, state: 'sent-again', sentAgainAt: '2026-01-03T00:00:00.000Z' }],
      next: null,
    },
  })
  const { code, out } = await run(fake, 'dead-letters')
  assert.equal(code, 0)
  assert.match(out, /ld_1 +flights +3 +1,200 +40\.0 kB +2026-01-02 03:04:05 UTC +RetryAttemptsExhausted +dead$/m)
  assert.match(out, /sent again 2026-01-03 00:00:00 UTC$/m)
  assert.equal(JSON.parse((await run(fake, 'dead-letters', 'ld_1', '--json')).out).items.length, 2)
  const limited = JSON.parse((await run(fake, 'dead-letters', '--limit', '1', '--json')).out)
  assert.deepEqual([limited.items.length, limited.more], [1, true])
  answering(fake, { 'GET dead-letters': { items: [], next: null } })
  assert.equal((await run(fake, 'dead-letters')).out, 'Nothing is set aside.\n')
})

test('the rows of a dead letter are shown as they were sent, or written to a file', async () => {
  await using fake = await startFakeMillrace()
  const rows = '{"id":1}\n{"id":2}\n'
  answering(fake, { 'GET dead-letters': rows })
  assert.equal((await run(fake, 'dead-letters', 'ld_1', '--rows', '3')).out, rows)
  assert.deepEqual(JSON.parse((await run(fake, 'dead-letters', 'ld_1', '--rows', '3', '--json')).out), { load: 'ld_1', chunk: 3, rows })
  const file = join(folder, 'rows.ndjson')
  assert.equal((await run(fake, 'dead-letters', 'ld_1', '--rows', '3', '--out', file)).code, 0)
  assert.equal(await readFile(file, 'utf8'), rows)
  for (const wrong of [
    ['--rows', '3'],
    ['ld_1', '--out', file],
  ])
    assert.equal((await run(fake, 'dead-letters', ...wrong)).code, 64)
})

const replay: ReplayAnswer = {
  loadId: 'ld_1',
  state: 'failed',
  would: 'send',
  reason: '2 chunks go into the stream again',
  into: null,
  chunks: { planned: 4, committed: 2, missing: [], missingCount: 0, dead: [1, 3], deadCount: 2 },
  order: { verdict: 'safe', detail: 'Nothing newer.', older: [], first: ['ld_0'] },
}
const older: ReplayAnswer = {
  ...replay,
  order: { verdict: 'older-rows', detail: 'Some.', older: [{ chunk: 1, rows: 7, keys: ['[5]'] }], first: [] },
}

test('a replay without --yes says what it would do', async () => {
  await using fake = await startFakeMillrace()
  answering(fake, { 'POST replay': replay })
  const { code, out } = await run(fake, 'replay', 'ld_1')
  assert.equal(code, 0)
  assert.match(out, /replay these before: ld_0$/m)
  assert.match(out, /set aside +2 \(1, 3\)/)
  assert.match(out, /Nothing was changed\. To do it: millrace replay ld_1 --yes$/m)
  assert.deepEqual(JSON.parse((await run(fake, 'replay', 'ld_1', '--json')).out), { replay })
  answering(fake, { 'POST replay': { ...replay, would: 'nothing', order: null } })
  assert.equal((await run(fake, 'replay', 'ld_1')).code, 4)
  answering(fake, { 'POST replay': { ...replay, state: 'complete', would: 'nothing', order: null } })
  assert.equal((await run(fake, 'replay', 'ld_1')).code, 0)
})

test('older rows over newer ones are shown, and need their own word', async () => {
  await using fake = await startFakeMillrace()
  answering(fake, { 'POST replay': older })
  const { code, out } = await run(fake, 'replay', 'ld_1')
  assert.equal(code, 4)
  assert.match(out, /chunk 1: 7 rows, such as \[5\]/)
  assert.match(out, /--allow-older-rows/)
  assert.equal((await run(fake, 'replay', 'ld_1', '--allow-older-rows')).code, 0)
  fake.fault = () => refuse(409, 'older-rows', 'Some rows')
  assert.equal((await run(fake, 'replay', 'ld_1', '--yes')).code, 4)
})

test('with --yes it is done, waited for, and its receipt printed', async () => {
  await using fake = await startFakeMillrace()
  await writeFile(join(folder, 'a.ndjson'), '{"id":1}\n')
  await run(fake, 'push', join(folder, 'a.ndjson'), '-d', 'flights')
  const { code, out } = await run(fake, 'replay', 'ld_1', '--yes')
  assert.equal(code, 0)
  assert.match(out, /^Load ld_1: complete$/m)
  assert.equal(fake.count(/^POST replay$/), 1)
  assert.equal(JSON.parse((await run(fake, 'replay', 'ld_1', '--yes', '--no-wait', '--json')).out).receipt.id, 'ld_1')
})

test('--into goes to the server, and says which load would be made', async () => {
  await using fake = await startFakeMillrace()
  const into = { dataset: 'events', load: 'ld_9' }
  answering(fake, { 'POST replay': { ...replay, would: 'plan', into } })
  const { code, out } = await run(fake, 'replay', 'ld_1', '--into', 'events')
  assert.equal(code, 0)
  assert.match(out, /into events, as load ld_9/)
  assert.match(out, /millrace replay ld_1 --yes --into events$/m)
})

const chunk = {
  load: 'ld_1',
  chunk: 0,
  state: 'committed',
  rows: 2,
  bytes: 100,
  acceptedAt: '2026-01-01T00:00:00.000Z',
  format: 'ndjson',
} as const
const stretch = {
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-02T00:00:00.000Z',
  items: [chunk, { ...chunk, chunk: 1, state: 'waiting' }],
  sent: 1,
  next: null,
}

test('a stretch of the stream is summed up, page by page, and told to be unchanged', async () => {
  await using fake = await startFakeMillrace()
  let pages = 0
  fake.fault = (name) => {
    if (name !== 'POST replays') return undefined
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...stretch, next: ++pages % 2 ? 'more' : null }),
    }
  }
  const args = ['replay-stream', '-d', 'flights', '--from', '2026-01-01T00:00:00Z']
  const { code, out } = await run(fake, ...args)
  assert.equal(code, 0)
  assert.match(out, /in the stream +4 +chunks with 8 rows/)
  assert.match(out, /Nothing was changed/)
  const done = JSON.parse((await run(fake, ...args, '--yes', '--json')).out)
  assert.deepEqual([done.chunks, done.committed, done.waiting, done.sent], [4, 2, 2, 2])
  for (const wrong of [
    ['--from', 'yesterday'],
    ['--from', stretch.from, '--into', 'flights'],
  ])
    assert.equal((await run(fake, 'replay-stream', '-d', 'flights', ...wrong)).code, 64)
})
