import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { exitCodeOf, exitCodeOfError, Interrupted } from '../../../client/src/cli/exit.ts'
import { PushError, RefusedError, UnavailableError } from '../../../client/src/errors.ts'
import { millraceHere, type Surroundings } from '../../support/command-here.ts'
import { type FakeMillrace, refuse, startFakeMillrace } from '../../support/fake-millrace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder()

const run = (server: FakeMillrace | undefined, args: readonly string[], more: Surroundings = {}) =>
  millraceHere(args, { server, folder, ...more })
async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}
const rows = '{"id":1}\n{"id":2}\n'

test('push prints the receipt with its equation, and is silent on stderr without a terminal', async () => {
  await using fake = await startFakeMillrace()
  const { code, out, err } = await run(fake, ['push', await file('a.ndjson', rows), '-d', 'flights'])
  assert.equal(code, 0)
  assert.equal(err, '')
  assert.match(out, /^Load ld_1: complete$/m)
  assert.match(out, /^ {2}2 received = 2 loaded \+ 0 updated \+ 0 duplicate \+ 0 rejected \+ 0 pending$/m)
  assert.match(out, /sent and read: they match/)
})

test('push draws its progress on a terminal, but not with --json', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('b.ndjson', rows)
  const shown = await run(fake, ['push', path, '-d', 'flights'], { columns: 100 })
  for (const word of ['checked', 'sent', 'loaded']) assert.match(shown.err, new RegExp(word))
  const json = await run(fake, ['push', path, '-d', 'flights', '--again', '--json'], { columns: 100 })
  assert.equal(json.err, '')
  const { receipt, alreadyThere, sentBytes } = JSON.parse(json.out)
  assert.deepEqual([receipt.state, receipt.rows.received, alreadyThere, sentBytes], ['complete', 2, false, rows.length])
})

test('the dialect of a CSV file goes to the server, and only of a CSV file', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('dialect.csv', '1;2\n')
  const flags = ['--delimiter', ';', '--csv-null', '\\N', '--no-header', '--columns', 'a,b']
  assert.equal((await run(fake, ['push', path, '-d', 'flights', ...flags])).code, 0)
  assert.deepEqual(fake.loads[0]?.body.csv, { delimiter: ';', null: '\\N', header: false, columns: ['a', 'b'] })
  assert.equal((await run(fake, ['push', path, '-d', 'flights', '--delimiter', '\\t'])).code, 0)
  assert.deepEqual(fake.loads[1]?.body.csv, { delimiter: '\t' })
  assert.equal((await run(fake, ['push', path, '-d', 'flights'])).code, 0)
  assert.equal(fake.loads[2]?.body.csv, undefined)
  assert.equal((await run(fake, ['push', await file('x.ndjson', rows), '-d', 'flights', ...flags])).code, 64)
})

test('the same file again is said to be there already', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('c.ndjson', rows)
  await run(fake, ['push', path, '-d', 'flights'])
  const { code, out } = await run(fake, ['push', path, '-d', 'flights'])
  assert.equal(code, 0)
  assert.match(out, /nothing was sent/)
  assert.equal(fake.loads.length, 1)
})

test('--no-wait returns while the load goes on, with 0', async () => {
  await using fake = await startFakeMillrace()
  const { code, out } = await run(fake, ['push', await file('d.ndjson', rows), '-d', 'flights', '--no-wait'])
  assert.equal(code, 0)
  assert.match(out, /receipt ld_1 --wait/)
})

test('--wait is the default, and may be said', async () => {
  await using fake = await startFakeMillrace()
  const { code, out } = await run(fake, ['push', await file('w.ndjson', rows), '-d', 'flights', '--wait'])
  assert.equal(code, 0)
  assert.match(out, /^Load ld_1: complete$/m)
})

test('a server that throttles beyond all patience is 5, and the wait it asks for is told', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = () => refuse(429, 'throttled', 'too many', { 'retry-after': '3600' })
  const { code, err } = await run(fake, ['loads'])
  assert.equal(code, 5)
  assert.match(err, /^Refused: too many \(throttled\)\nThe server asks to wait 1 h 0 min\.$/m)
})

test('a load that fails is 3, a refusal 4 with its code', async () => {
  await using fake = await startFakeMillrace()
  fake.outcome = 'failed'
  assert.equal((await run(fake, ['push', await file('e.ndjson', rows), '-d', 'flights'])).code, 3)
  const { code, err } = await run(fake, ['receipt', 'ld_none'])
  assert.equal(code, 4)
  assert.match(err, /^Refused: There is no load ld_none \(load-not-found\)/)
  const json = await run(fake, ['receipt', 'ld_none', '--json'])
  assert.equal(JSON.parse(json.out).error.problem.code, 'load-not-found')
})

test('fields that the server points at are printed', async () => {
  await using fake = await startFakeMillrace()
  const body = { ...JSON.parse(refuse(400, 'invalid-request', 'no').body), errors: [{ pointer: '/size', detail: 'too big' }] }
  fake.fault = () => ({ ...refuse(400, 'invalid-request', ''), body: JSON.stringify(body) })
  assert.match((await run(fake, ['push', await file('f.ndjson', rows), '-d', 'flights'])).err, /\/size: too big/)
})

test('Ctrl-C is 130, and says how to go on', async () => {
  await using fake = await startFakeMillrace()
  const stop = new AbortController()
  fake.fault = (name) => {
    if (name === 'POST parts') stop.abort(new Interrupted())
    return undefined
  }
  const path = await file('g.ndjson', rows)
  const { code, err } = await run(fake, ['push', path, '-d', 'flights'], { signal: stop.signal })
  assert.equal(code, 130)
  assert.match(err, /^Interrupted\. What was sent is kept as load ld_1: the same command goes on from there\./)
  fake.fault = () => undefined
  assert.equal((await run(fake, ['push', path, '-d', 'flights'])).code, 0)
  assert.equal(fake.loads.length, 1)
})

test('a forced push that was interrupted goes on with --key', async () => {
  await using fake = await startFakeMillrace()
  const stop = new AbortController()
  fake.fault = (name) => {
    if (name === 'POST parts') stop.abort(new Interrupted())
    return undefined
  }
  const path = await file('h.ndjson', rows)
  const { err } = await run(fake, ['push', path, '-d', 'flights', '--again'], { signal: stop.signal })
  const key = /--key (\S+) instead of --again/.exec(err)?.[1]
  assert.ok(key)
  fake.fault = () => undefined
  assert.equal((await run(fake, ['push', path, '-d', 'flights', '--key', key])).code, 0)
  assert.equal(fake.loads.length, 1)
})

test('wrong usage is one JSON object on stdout with --json, whoever finds it', async () => {
  await using fake = await startFakeMillrace()
  for (const args of [
    ['push', '--json'],
    ['push', 'x.ndjson', '--json'],
    ['push', 'missing.ndjson', '-d', 'flights', '--json'],
    ['fly', '--json'],
    ['--json'],
    ['loads', '--json', '--limit', 'many'],
    ['loads', '--json', '--unknown'],
  ]) {
    const { code, out, err } = await run(fake, args)
    assert.deepEqual([code, Object.keys(JSON.parse(out)), typeof JSON.parse(out).error.message], [64, ['error'], 'string'], args.join(' '))
    assert.doesNotMatch(JSON.parse(out).error.message, /^error:|^\(/)
    assert.notEqual(err, '', 'people are told too')
  }
  assert.equal(fake.seen.length, 0)
})

test('wrong usage is 64 and sends nothing', async () => {
  await using fake = await startFakeMillrace()
  const path = await file('i.ndjson', rows)
  const gzipped = await file('j.ndjson', gzipSync(rows))
  const plain = await file('k.ndjson.gz', rows)
  const wrong: [string[], RegExp][] = [
    [['push', path], /required option '-d, --dataset <name>'/],
    [['push', path, '-d', 'flights', '--format', 'xml'], /Allowed choices are ndjson, json, csv, parquet, auto/],
    [['push', path, '-d', 'flights', '--parallel', '0'], /whole number from 1 to 64/],
    [['push', path, '-d', 'flights', '--again', '--key', 'x'], /--again/],
    [['push', path, '-d', 'flights', '--expect-rows', '3'], /has 2 rows, not the 3/],
    [['push', join(folder, 'none.ndjson'), '-d', 'flights'], /cannot be read/],
    [['push', folder, '-d', 'flights', '--format', 'csv'], /cannot be read|directory/i],
    [['push', gzipped, '-d', 'flights', '--compression', 'none'], /is gzip data by its first bytes/],
    [['push', plain, '-d', 'flights'], /is not compressed by its first bytes, but its name ends in \.gz/],
    [['nonsense'], /unknown command/],
  ]
  for (const [args, message] of wrong) {
    const { code, err } = await run(fake, args)
    assert.deepEqual([args.join(' '), code], [args.join(' '), 64])
    assert.match(err, message)
  }
  assert.equal(fake.seen.length, 0)
})

test('gzip is seen by its first bytes, whatever the name says', async () => {
  await using fake = await startFakeMillrace()
  await run(fake, ['push', await file('m.csv', gzipSync('id\n1\n')), '-d', 'flights'])
  assert.deepEqual(
    { ...fake.loads[0]!.body, crc32: '' },
    { fileName: 'm.csv', size: gzipSync('id\n1\n').length, format: 'csv', compression: 'gzip', crc32: '' },
  )
})

for (const [name, content, encoding] of [
  ['l.dat', '{"id":1}\n', ['ndjson', 'none']],
  ['l.json', ' [{"id":1}]', ['json', 'none']],
  ['l.txt', 'id\n1\n', ['csv', 'none']],
  ['l.csv.zst', zstdCompressSync('id\n1\n'), ['csv', 'zstd']],
  ['l.json.gz', gzipSync('[]'), ['auto', 'gzip']],
] as const)
  test(`${name}: the format and compression are told by name and first bytes, the rest is left to the server`, async () => {
    await using fake = await startFakeMillrace()
    await run(fake, ['push', await file(name, content), '-d', 'flights'])
    const { format, compression } = fake.loads[0]!.body
    assert.deepEqual([format, compression], encoding)
  })

test('help exits with 0 and documents the exit status', async () => {
  const { code, out } = await run(undefined, ['--help'])
  assert.equal(code, 0)
  for (const status of [0, 1, 2, 3, 4, 5, 64, 130]) assert.match(out, new RegExp(`^ +${status}  `, 'm'))
})

test('settings come from .local/env of a folder above, which is said, and its key goes to no other server', async () => {
  await using fake = await startFakeMillrace()
  const deep = join(folder, 'project', 'deep', 'er')
  await mkdir(join(folder, 'project', '.local'), { recursive: true })
  await mkdir(deep, { recursive: true })
  const env = join(folder, 'project', '.local', 'env')
  await writeFile(env, `AWS_REGION=us-east-1\nMILLRACE_URL=${fake.url}\nMILLRACE_API_KEY=mr_local\n`)
  const path = await file('n.ndjson', rows)
  const { code, err } = await run(undefined, ['push', path, '-d', 'flights'], { folder: deep })
  assert.equal(code, 0)
  assert.equal(err, `Using ${env}\n`)
  assert.equal(fake.seen[0]!.headers.authorization, 'Bearer mr_local')
  const other = await run(undefined, ['push', path, '-d', 'flights', '--url', 'http://127.0.0.1:1'], { folder: deep })
  assert.equal(other.code, 64)
  assert.match(other.err, /No API key is known/)
  assert.equal((await run(undefined, ['loads'], { folder: tmpdir() })).code, 64)
})

test('a server that is not there is 5', () => {
  assert.equal(exitCodeOfError(new UnavailableError('away', {})), 5)
  assert.equal(exitCodeOfError(new RefusedError('throttled', { status: 429 })), 5)
  assert.equal(exitCodeOfError(new RefusedError('no', { status: 403 })), 4)
  assert.equal(exitCodeOfError(new PushError('file-changed', 'changed')), 1)
  assert.equal(exitCodeOfError(new PushError('upload-ended', 'ended')), 3)
  assert.equal(exitCodeOfError(new TypeError('a bug')), 1)
})

test('every state of a load has its exit code, and rejects make it 2', async () => {
  await using fake = await startFakeMillrace()
  const { out } = await run(fake, ['push', await file('o.ndjson', rows), '-d', 'flights', '--json'])
  const { receipt } = JSON.parse(out)
  const code = (state: string, rejected = 0) => exitCodeOf({ ...receipt, state, rows: { ...receipt.rows, rejected } })
  assert.deepEqual(
    [code('complete'), code('complete', 1), code('failed'), code('aborted'), code('expired'), code('loading'), code('receiving')],
    [0, 2, 3, 3, 3, 0, 0],
  )
})
