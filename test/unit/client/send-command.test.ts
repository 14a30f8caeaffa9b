import assert from 'node:assert/strict'
import { existsSync, symlinkSync } from 'node:fs'
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { Interrupted } from '../../../client/src/cli/exit.ts'
import type { SendState } from '../../../client/src/send-state.ts'
import { millraceHere, type Surroundings } from '../../support/command-here.ts'
import { type FakeMillrace, refuse, startFakeMillrace } from '../../support/fake-millrace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder()

const send = (server: FakeMillrace, args: readonly string[], more: Surroundings = {}) =>
  millraceHere(['send', '-d', 'flights', ...args], { server, folder, ...more })
const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `{"id":${from + i}}\n`).join('')
async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}
const sent = (fake: FakeMillrace) => fake.batches.map(({ text }) => text)
const saved = async (path: string): Promise<SendState> => JSON.parse(await readFile(path, 'utf8')).state
/** The server is away for good. */
const refusing = () => refuse(400, 'invalid-request', 'no')

test('a pipe is sent to its end, and the total adds up; quiet on stderr without a terminal, nothing kept on disk', async () => {
  await using fake = await startFakeMillrace()
  const before = await readdir(folder)
  const { code, out, err } = await send(fake, ['--batch-rows', '10'], { stdin: Readable.from([rows(15), rows(10, 15)]) })
  assert.deepEqual([code, err], [0, ''])
  assert.match(out, /^Stream into flights: 3 batches$/m)
  assert.match(out, /^ {2}25 received = 25 loaded \+ 0 updated \+ 0 duplicate \+ 0 rejected \+ 0 pending$/m)
  assert.equal(sent(fake).join(''), rows(25))
  assert.deepEqual(await readdir(folder), before)
})

test('batches travel as zstd, or as gzip when asked for', async () => {
  await using fake = await startFakeMillrace()
  await send(fake, [], { stdin: Readable.from([rows(500)]) })
  await send(fake, ['--compression', 'gzip'], { stdin: Readable.from([rows(500)]) })
  const types = fake.seen.filter(({ name }) => name === 'POST batches').map(({ headers }) => headers['content-type'])
  assert.deepEqual(types, ['application/zstd', 'application/gzip'])
})

test('on a terminal rate and lag are drawn, with --json neither, and one object is printed', async () => {
  await using fake = await startFakeMillrace()
  const pipe = new PassThrough()
  pipe.write(rows(5))
  const endWhenDrawn = (text: string) => void (/lag/.test(text) && pipe.end())
  const shown = await send(fake, ['--batch-ms', '20'], { columns: 120, stdin: pipe, onErr: endWhenDrawn })
  assert.match(shown.err, /sending {2}5 rows {2}45 bytes {2}\S+ (k )?rows\/s {2}0 in flight {2}0 to commit {2}lag 0\.5 s/)
  assert.match(shown.out, /committed +0\.5 s after acceptance for half of the batches/)
  const json = await send(fake, ['--json'], { columns: 120, stdin: Readable.from([rows(10, 10)]) })
  assert.equal(json.err, '')
  const facts = JSON.parse(json.out)
  assert.deepEqual(facts.rows, { received: 10, loaded: 10, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
  assert.deepEqual([facts.batches, facts.lagMs.batches, facts.interrupted, facts.checkpoint], [1, 1, false, null])
})

test('rejected rows are 2, and are named by their lines in the stream', async () => {
  await using fake = await startFakeMillrace()
  const stdin = Readable.from([`${rows(12)}oops\n${rows(3)}`])
  const { code, out } = await send(fake, ['--batch-rows', '5', '--parallel', '1'], { stdin })
  assert.equal(code, 2)
  assert.match(out, /^ {2}16 received = 15 loaded .* 1 rejected \+ 0 pending$/m)
  assert.match(out, /rejected +1 invalid-json; which: millrace rejects lb_3/)
  assert.match(out, /^ {2}line 13: invalid-json \(invalid-json\)$/m)
})

test('a batch whose load fails is 3, a refused one 4, a server that stays away 5', async () => {
  await using fake = await startFakeMillrace()
  fake.outcome = 'failed'
  const failed = await send(fake, [], { stdin: Readable.from([rows(3)]) })
  assert.equal(failed.code, 3)
  assert.match(failed.out, /failed +1 load; why: millrace receipt lb_1/)
  fake.fault = (name) => (name === 'POST batches' ? refusing() : undefined)
  const refused = await send(fake, [], { stdin: Readable.from([rows(3)]) })
  assert.equal(refused.code, 4)
  assert.match(refused.err, /^Refused: no \(invalid-request\)\nUntil then 0 rows in 0 batches are accepted, 1 batch perhaps\./)
  fake.fault = (name) => (name === 'POST batches' ? refuse(503, 'unavailable', 'away', { 'retry-after': '90' }) : undefined)
  const away = await send(fake, ['--patience', '1', '--json'], { stdin: Readable.from([rows(3)]) })
  assert.equal(away.code, 5)
  const { error, rows: counts } = JSON.parse(away.out)
  assert.deepEqual([error.problem.code, counts.received], ['unavailable', 0])
})

test('--no-wait ends when all is accepted, with the rows still pending', async () => {
  await using fake = await startFakeMillrace()
  const { code, out } = await send(fake, ['--no-wait'], { stdin: Readable.from([rows(7)]) })
  assert.equal(code, 0)
  assert.match(out, /^ {2}7 received = 0 loaded .* 7 pending$/m)
})

test('a file is gone on with where it stopped, with the same batches under the same keys, and a grown one behind what was sent', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('a.ndjson', rows(40))
  const args = [path, '--batch-rows', '10', '--parallel', '2', '--json']
  fake.fault = (name, nth) => (name !== 'POST batches' || nth < 3 ? undefined : nth === 3 ? 'drop the answer' : refusing())
  const first = await send(fake, args)
  assert.equal(first.code, 4)
  assert.match(first.err, /The same command goes on from there: .*a\.ndjson\.checkpoint/)
  const { open, stream } = await saved(`${path}.checkpoint`)
  assert.ok(open.length > 0)
  fake.fault = () => undefined
  const again = await send(fake, [...args.slice(0, 1), '--batch-rows', '7', '--json'])
  assert.equal(again.code, 0)
  assert.deepEqual(JSON.parse(again.out).rows, { received: 40, loaded: 40, updated: 0, duplicate: 0, rejected: 0, pending: 0 })
  const inOrder = fake.batches.toSorted((a, b) => Number(a.key.split('.')[1]) - Number(b.key.split('.')[1]))
  assert.equal(inOrder.map(({ text }) => text).join(''), rows(40))
  assert.ok(inOrder.every(({ key }) => key.startsWith(`${stream}.`)))

  const before = fake.batches.length
  const nothing = await send(fake, args)
  assert.deepEqual([nothing.code, fake.batches.length, JSON.parse(nothing.out).sentNow.rows], [0, before, 0])
  await appendFile(path, rows(5, 40))
  const grown = await send(fake, args)
  assert.deepEqual([JSON.parse(grown.out).rows.loaded, JSON.parse(grown.out).sentNow.rows], [45, 5])
  const fresh = await send(fake, [...args, '--restart'])
  assert.equal(JSON.parse(fresh.out).rows.received, 45)
  assert.notEqual((await saved(`${path}.checkpoint`)).stream, stream)
})

test('a pipe that comes again from its beginning is skipped as far as it was sent; another one is refused', async () => {
  await using fake = await startFakeMillrace()
  const checkpoint = join(folder, 'pipe.checkpoint')
  const args = ['--checkpoint', checkpoint, '--batch-rows', '10', '--json']
  fake.fault = (name, nth) => (name === 'POST batches' && nth > 2 ? refusing() : undefined)
  assert.equal((await send(fake, args, { stdin: Readable.from([rows(40)]) })).code, 4)
  fake.fault = () => undefined
  const there = fake.batches.length
  const other = await send(fake, args, { stdin: Readable.from([rows(40, 1)]) })
  assert.deepEqual([other.code, fake.batches.length], [1, there])
  assert.match(
    other.err,
    /of standard input are not those that were sent before\nNothing was sent\. --restart sends all of it as a new stream/,
  )
  const short = await send(fake, args, { stdin: Readable.from([rows(1)]) })
  assert.equal(short.code, 1)
  const again = await send(fake, args, { stdin: Readable.from([rows(40)]) })
  assert.deepEqual([again.code, JSON.parse(again.out).rows.loaded], [0, 40])
  assert.equal(sent(fake).flatMap((text) => text.trim().split('\n')).length, 40)
})

test('a checkpoint of another dataset, of another server, of something else, or in use, is refused', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('b.ndjson', rows(3))
  const checkpoint = `${path}.checkpoint`
  assert.equal((await send(fake, [path])).code, 0)
  const content = JSON.parse(await readFile(checkpoint, 'utf8'))
  const refusals: [object | string, RegExp][] = [
    [{ ...content, state: { ...content.state, dataset: 'events' } }, /is of a stream into events/],
    [{ ...content, url: 'https://elsewhere' }, /is of a stream to https:\/\/elsewhere/],
    ['precious', /is not a checkpoint of this version/],
  ]
  for (const [other, why] of refusals) {
    await writeFile(checkpoint, typeof other === 'string' ? other : JSON.stringify(other))
    const { code, err } = await send(fake, [path])
    assert.equal(code, 1)
    assert.match(err, why)
  }
  await writeFile(checkpoint, JSON.stringify(content))
  await writeFile(`${checkpoint}.lock`, String(process.ppid))
  assert.match((await send(fake, [path])).err, /in use by process/)
  // What a killed sender has left behind is no obstacle: there is no process of that number.
  await writeFile(`${checkpoint}.lock`, '2147483646')
  assert.equal((await send(fake, [path])).code, 0)
  assert.equal((await readdir(folder)).filter((name) => name.endsWith('.lock')).length, 0)
})

test('a disk that is full under the checkpoint ends the stream in plain words, and with room again it goes on', {
  skip: !existsSync('/dev/full'),
}, async () => {
  await using fake = await startFakeMillrace()
  const path = await file('full.ndjson', rows(45))
  const checkpoint = `${path}.checkpoint`
  // The first write of the checkpoint is taken, and from then on none.
  fake.fault = (name, nth) => {
    if (name === 'POST batches' && nth === 2) symlinkSync('/dev/full', `${checkpoint}.new`)
    return undefined
  }
  const { code, err } = await send(fake, [path, '--batch-rows', '10', '--parallel', '1'])
  assert.equal(code, 1)
  assert.match(err, /The checkpoint .*full\.ndjson\.checkpoint could not be saved, so no more is sent: ENOSPC.*Make room/)
  assert.match(err, /The same command goes on from there/)
  assert.doesNotMatch(err, /\n {4}at /)
  assert.deepEqual(existsSync(`${checkpoint}.new`), false)
  const again = await send(fake, [path, '--batch-rows', '10'])
  assert.equal(again.code, 0)
  assert.match(again.out, /45 received = 45 loaded/)
})

test('a signal ends a stream in order: what was read of it is sent, a begun line is not, and the checkpoint is kept', async () => {
  await using fake = await startFakeMillrace()
  const checkpoint = join(folder, 'stopped.checkpoint')
  const stop = new AbortController()
  const pipe = new PassThrough()
  pipe.write(`${rows(12)}{"id":`)
  fake.fault = (name) => {
    if (name === 'POST batches') stop.abort(new Interrupted())
    return undefined
  }
  const args = ['--checkpoint', checkpoint, '--batch-rows', '10']
  const { code, out, err } = await send(fake, args, { stdin: pipe, signal: stop.signal })
  assert.equal(code, 130)
  assert.match(out, /^ {2}12 received = 12 loaded .* 0 pending$/m)
  assert.match(err, /^Interrupted\. 12 rows in 2 batches are accepted\.\nThe same command goes on from there, when the pipe comes again/)
  assert.deepEqual(sent(fake), [rows(10), rows(2, 10)])
  assert.ok(pipe.destroyed)
  fake.fault = () => undefined
  const again = await send(fake, args, { stdin: Readable.from([`${rows(12)}{"id":12}`]) })
  assert.deepEqual([again.code, sent(fake).at(-1)], [0, '{"id":12}'])
})

test('after a signal, a server that stays away is not waited for longer than half a minute; the next run sends what was in flight', async (t) => {
  await using fake = await startFakeMillrace()
  const path = await file('away.ndjson', rows(25))
  const stop = new AbortController()
  fake.fault = (name) => {
    if (name !== 'POST batches') return undefined
    stop.abort(new Interrupted())
    return { status: 503 }
  }
  const realTimeout = setTimeout
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const ending = send(fake, [path, '--batch-rows', '10'], { signal: stop.signal })
  let over = false
  void ending.finally(() => {
    over = true
  })
  for (let seconds = 0; !over; ) {
    assert.ok(seconds < 600, 'it does not end')
    await new Promise((resolve) => realTimeout(resolve, 2))
    if (!stop.signal.aborted) continue
    t.mock.timers.tick(1000)
    seconds++
  }
  t.mock.timers.reset()
  const { code, err } = await ending
  assert.equal(code, 130)
  assert.match(err, /^Interrupted\.\nUntil then 0 rows in 0 batches are accepted, \d batch(es)? perhaps/)
  fake.fault = () => undefined
  const again = await send(fake, [path, '--json'])
  assert.deepEqual([again.code, JSON.parse(again.out).rows.loaded], [0, 25])
})

test('wrong usage is 64: no pipe, no such file, a folder, a checkpoint that cannot be', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('c.ndjson', rows(3))
  const uses: [string[], RegExp][] = [
    [[], /Nothing is piped in/],
    [[join(folder, 'none.ndjson')], /cannot be read/],
    [[folder], /not a regular file/],
    [[path, '--checkpoint', join(folder, 'none', 'x')], /cannot be written/],
    [[path, '--restart', '--no-checkpoint'], /there is none/],
    [[path, '--batch-rows', '100001'], /from 1 to 100000/],
  ]
  for (const [args, why] of uses) {
    const { code, err } = await send(fake, args)
    assert.match(err, why)
    assert.equal(code, 64)
  }
  assert.equal(fake.seen.length, 0)
})
