import assert from 'node:assert/strict'
import { appendFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openUploadBody } from '#core/api/contract.ts'
import { createClient } from '../../../client/src/client.ts'
import { RefusedError, UnavailableError } from '../../../client/src/errors.ts'
import { fileSource } from '../../../client/src/file-source.ts'
import type { Progress, PushOptions } from '../../../client/src/push-options.ts'
import { type Clock, systemClock } from '../../../client/src/retry.ts'
import { blobSource, type Source } from '../../../client/src/source.ts'
import { type FakeMillrace, refuse, startFakeMillrace, xml } from '../../support/fake-millrace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const flights = { dataset: 'flights', format: 'ndjson', compression: 'none' } as const
const mebibyte = 1024 * 1024
/** 4.5 MiB, so five parts, the last one short; every row has a number of its own. */
const rows = Array.from({ length: 36_864 }, (_, i) => `${JSON.stringify({ id: i, pad: 'x'.repeat(1000) }).slice(0, 127)}\n`)
const text = Buffer.from(rows.join(''))

/** Sleeps nothing, and remembers how long it should have slept. */
function impatient(): { clock: Clock; slept: number[] } {
  const slept: number[] = []
  let now = 0
  const sleep = async (ms: number, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    slept.push(ms)
    now += ms
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock: { now: () => now, random: () => 0.5, sleep }, slept }
}
const folder = temporaryFolder()

async function file(name: string, content: Buffer = text): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}
async function push(fake: FakeMillrace, source: Source, options: Partial<PushOptions> = {}) {
  const { clock, slept } = impatient()
  const client = createClient({ url: fake.url, apiKey: 'mr_test', world: { clock } })
  return { ...(await client.pushFile(source, { ...flights, ...options })), slept }
}
const received = (fake: FakeMillrace, load = 0): Buffer =>
  Buffer.concat([...fake.loads[load]!.parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes))

test('a file is sent in parts, and its load is waited for', async () => {
  await using fake = await startFakeMillrace()
  await using source = await fileSource(await file('plain.ndjson'))
  const phases: Progress[] = []
  const result = await push(fake, source, { onProgress: (p) => phases.push(p) })
  assert.equal(result.receipt.state, 'complete')
  assert.equal(result.receipt.rows.loaded, rows.length)
  assert.deepEqual(received(fake), text)
  assert.equal(result.sent, text.length)
  assert.equal(fake.count(/^PUT part/), 5)
  assert.equal(fake.count(/^POST parts$/), 1, 'parts are signed in batches')
  assert.deepEqual([...new Set(phases.map((p) => p.phase))], ['check', 'open', 'upload', 'load'])
})

test('one traceparent covers every API request of a push, and none goes to the presigned URLs', async () => {
  await using fake = await startFakeMillrace()
  await push(fake, blobSource(new Blob([text]), 'a.ndjson'))
  const api = fake.seen.filter(({ name }) => !name.startsWith('PUT part'))
  const traces = new Set(api.map(({ headers }) => headers.traceparent))
  assert.equal(traces.size, 1)
  assert.match([...traces][0]!.toString(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  for (const { name, headers } of fake.seen.filter(({ name }) => name.startsWith('PUT part')))
    assert.deepEqual([name, headers.traceparent, headers.authorization], [name, undefined, undefined])
})

test('the same bytes again, under another name, send nothing and get the first receipt', async () => {
  await using fake = await startFakeMillrace()
  const first = await push(fake, blobSource(new Blob([text]), 'first.ndjson'))
  const puts = fake.count(/^PUT part/)
  const again = await push(fake, blobSource(new Blob([text]), 'copy.ndjson'))
  assert.equal(again.receipt.id, first.receipt.id)
  assert.deepEqual([again.alreadyThere, again.sent], [true, 0])
  assert.equal(fake.count(/^PUT part/), puts)
})

test('a name that the server would refuse is made one that it takes: it is only a label', async () => {
  await using fake = await startFakeMillrace()
  const names = ['', 'two\nlines\x1b[31m', 'half \ud83d', `${'x'.repeat(254)}\u{1f600}`, '\u0444\u{1f600}.ndjson']
  for (const name of names) await push(fake, blobSource(new Blob([text.subarray(0, 128)]), name), { again: true })
  const taken = fake.loads.map(({ body }) => openUploadBody.parse({ size: 1, format: 'ndjson', fileName: body.fileName }).fileName)
  assert.deepEqual(taken, ['_', 'two_lines_[31m', 'half _', `${'x'.repeat(254)}_`, '\u0444\u{1f600}.ndjson'])
})

test('again makes a new load of the same bytes', async () => {
  await using fake = await startFakeMillrace()
  const first = await push(fake, blobSource(new Blob([text])))
  const again = await push(fake, blobSource(new Blob([text])), { again: true })
  assert.notEqual(again.receipt.id, first.receipt.id)
  assert.deepEqual(received(fake, 1), text)
})

test('another dataset, format or row count makes another load of the same bytes', async () => {
  await using fake = await startFakeMillrace()
  await push(fake, blobSource(new Blob([text])))
  await push(fake, blobSource(new Blob([text])), { dataset: 'events' })
  await push(fake, blobSource(new Blob([text])), { format: 'csv' })
  await push(fake, blobSource(new Blob([text])), { format: 'csv', expectedRows: 5 })
  assert.equal(fake.loads.length, 4)
})

for (const ended of ['failed', 'aborted', 'expired'] as const)
  test(`after a load that ended as ${ended}, the same bytes make a new one, and every client finds that one`, async () => {
    await using fake = await startFakeMillrace()
    await push(fake, blobSource(new Blob([text])))
    fake.loads[0]!.state = ended
    const second = await push(fake, blobSource(new Blob([text])))
    assert.deepEqual([second.receipt.id, second.alreadyThere], ['ld_2', false])
    const third = await push(fake, blobSource(new Blob([text])))
    assert.deepEqual([third.receipt.id, third.alreadyThere], ['ld_2', true])
  })

test('bytes whose loads always fail make no endless row of loads', async () => {
  await using fake = await startFakeMillrace()
  fake.outcome = 'failed'
  for (let i = 0; i < 50; i++) assert.equal((await push(fake, blobSource(new Blob(['{"id":1}\n'])))).receipt.state, 'failed')
  await assert.rejects(push(fake, blobSource(new Blob(['{"id":1}\n']))), { name: 'PushError', fault: 'too-many-failed-loads' })
  assert.equal(fake.loads.length, 50)
})

test('a push that died is resumed: only the parts that are not there are sent', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'PUT part 4' ? { status: 403, body: '' } : undefined)
  await assert.rejects(push(fake, blobSource(new Blob([text])), { parallel: 1 }), RefusedError)
  assert.equal(fake.loads[0]!.parts.size, 3)
  fake.fault = () => undefined
  const before = fake.count(/^PUT part/)
  const result = await push(fake, blobSource(new Blob([text])))
  assert.deepEqual([result.resumed, result.sent], [3 * mebibyte, text.length - 3 * mebibyte])
  assert.equal(fake.count(/^PUT part/) - before, 2)
  assert.deepEqual(received(fake), text)
})

test('a part that is there with other bytes is sent again', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'POST complete' ? refuse(400, 'invalid-request', 'no') : undefined)
  await assert.rejects(push(fake, blobSource(new Blob([text]))), RefusedError)
  fake.loads[0]!.parts.set(2, Buffer.alloc(mebibyte))
  fake.fault = () => undefined
  const result = await push(fake, blobSource(new Blob([text])))
  assert.equal(result.sent, mebibyte)
  assert.deepEqual(received(fake), text)
})

test('a 429 is never answered sooner than Retry-After says', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name, nth) =>
    name === 'POST uploads' && nth <= 2 ? refuse(429, 'throttled', 'slow down', { 'retry-after': String(3 + nth) }) : undefined
  const { receipt, slept } = await push(fake, blobSource(new Blob([text])))
  assert.equal(receipt.state, 'complete')
  assert.ok(slept[0]! >= 4000 && slept[0]! <= 5000, `slept ${slept[0]}`)
  assert.ok(slept[1]! >= 5000 && slept[1]! <= 6000, `slept ${slept[1]}`)
})

test('a Retry-After beyond all patience is not waited for', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = () => refuse(429, 'throttled', 'come back tomorrow', { 'retry-after': '86400' })
  await assert.rejects(push(fake, blobSource(new Blob([text]))), (error: unknown) => {
    assert.ok(error instanceof RefusedError)
    assert.deepEqual([error.status, error.problem?.code, error.retryAfterMs], [429, 'throttled', 86_400_000])
    return true
  })
  assert.equal(fake.seen.length, 1)
})

test('500s, dropped connections and lost answers in every place are survived, and no byte is lost or doubled', async () => {
  await using fake = await startFakeMillrace()
  const faults = [
    { status: 500 },
    'drop',
    'drop the answer',
    { status: 503, headers: { 'retry-after': '1' } },
    xml(503, 'SlowDown'),
  ] as const
  fake.fault = (_, nth) => faults[nth - 1]
  const result = await push(fake, blobSource(new Blob([text])))
  assert.equal(result.receipt.state, 'complete')
  assert.equal(fake.loads.length, 1, 'an open whose answer was lost is not opened twice')
  assert.deepEqual(received(fake), text)
  assert.equal(fake.count(/^PUT part 1$/), 6)
})

test('a server that stays away ends the push after a bounded number of tries', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'PUT part 1' ? { status: 500 } : undefined)
  await assert.rejects(push(fake, blobSource(new Blob([text]))), UnavailableError)
  assert.equal(fake.count(/^PUT part 1$/), 10)
})

test('a refusal is not tried again, and carries what the server said but no secret', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'PUT part 1' ? xml(400, 'EntityTooLarge') : undefined)
  await assert.rejects(push(fake, blobSource(new Blob([text]))), (error: unknown) => {
    assert.ok(error instanceof RefusedError)
    assert.equal(error.message, 'S3 says EntityTooLarge (EntityTooLarge)')
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /sig=secret|mr_test/)
    return true
  })
  assert.equal(fake.count(/^PUT part 1$/), 1)
})

test('an expired URL is signed again', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name, nth) => (name === 'PUT part 2' && nth === 1 ? xml(403, 'AccessDenied') : undefined)
  assert.equal((await push(fake, blobSource(new Blob([text])))).receipt.state, 'complete')
  assert.equal(fake.count(/^POST parts$/), 2)
})

test('a URL that is refused again and again ends the push', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => (name === 'PUT part 2' ? xml(403, 'AccessDenied') : undefined)
  await assert.rejects(push(fake, blobSource(new Blob([text]))), { name: 'RefusedError', status: 403 })
  assert.equal(fake.count(/^PUT part 2$/), 4)
})

test('a part damaged on the way is read and sent again', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name, nth) => (name === 'PUT part 3' && nth <= 2 ? xml(400, 'BadDigest') : undefined)
  const reads: number[] = []
  const source = blobSource(new Blob([text]))
  const read = (start: number, end: number) => {
    reads.push(start)
    return source.read(start, end)
  }
  assert.equal((await push(fake, { ...source, read })).receipt.state, 'complete')
  assert.equal(reads.filter((start) => start === 2 * mebibyte).length, 3)
})

test('parts that S3 lost are sent again when the server misses them', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name, nth) => {
    if (name === 'POST complete' && nth === 1) fake.loads[0]!.parts.delete(2)
    return undefined
  }
  assert.equal((await push(fake, blobSource(new Blob([text])))).receipt.state, 'complete')
  assert.deepEqual(received(fake), text)
})

test('two pushes of the same bytes share a load; the slower one takes the receipt of the faster one', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name, nth) => {
    if (name === 'PUT part 5' && nth === 1) fake.loads[0]!.state = 'loading'
    return undefined
  }
  assert.equal((await push(fake, blobSource(new Blob([text])))).receipt.state, 'complete')
})

test('an upload that somebody aborts meanwhile ends the push and says so', async () => {
  await using fake = await startFakeMillrace()
  fake.fault = (name) => {
    if (name === 'PUT part 5') fake.loads[0]!.state = 'aborted'
    return undefined
  }
  await assert.rejects(push(fake, blobSource(new Blob([text]))), { name: 'PushError', fault: 'upload-ended' })
})

test('an abort stops the push with the reason of the signal, and leaves the upload open', async () => {
  await using fake = await startFakeMillrace()
  const stop = new AbortController()
  fake.fault = (name) => {
    if (name === 'PUT part 2') stop.abort(new Error('enough'))
    return undefined
  }
  await assert.rejects(push(fake, blobSource(new Blob([text])), { signal: stop.signal }), /^Error: enough$/)
  assert.equal(fake.loads[0]!.state, 'receiving')
  assert.equal(fake.count(/^POST complete$/), 0)
})

test('a file with another number of rows than expected is not sent', async () => {
  await using fake = await startFakeMillrace()
  await assert.rejects(push(fake, blobSource(new Blob([text])), { expectedRows: 5 }), { name: 'PushError', fault: 'row-count-mismatch' })
  assert.equal(fake.seen.length, 0)
})

const changes: Record<string, (path: string) => Promise<void>> = {
  'grows by a row': (path) => appendFile(path, '{"id":1}\n'),
  'is cut short': (path) => truncate(path, mebibyte),
  'is overwritten in place, with its old size and time': async (path) => {
    const changed = Buffer.from(text)
    changed[4 * mebibyte + 5]! ^= 1
    await writeFile(path, changed)
    await utimes(path, 1_700_000_000, 1_700_000_000)
  },
}
for (const [what, change] of Object.entries(changes))
  test(`a file that ${what} while it is being sent is never completed`, async () => {
    await using fake = await startFakeMillrace()
    const path = await file('changing.ndjson')
    await utimes(path, 1_700_000_000, 1_700_000_000)
    await using source = await fileSource(path)
    let changed: Promise<void> | undefined
    const read = async (start: number, end: number) => {
      if (fake.count(/^PUT part/) >= 1) changed ??= change(path)
      await changed
      return source.read(start, end)
    }
    await assert.rejects(push(fake, { ...source, read }, { parallel: 1 }), { name: 'PushError', fault: 'file-changed' })
    assert.equal(fake.count(/^POST complete$/), 0)
  })

test('the receipt is polled with its ETag, and an unchanged one is a 304', async () => {
  await using fake = await startFakeMillrace()
  const client = createClient({ url: fake.url, apiKey: 'mr_test', world: { clock: { ...systemClock, sleep: async () => undefined } } })
  const { receipt } = await client.pushFile(blobSource(new Blob(['{"id":1}\n'])), { ...flights, wait: false })
  assert.equal(receipt.state, 'loading')
  const first = await client.getReceipt(receipt.id)
  assert.ok(first.etag)
  fake.loads[0]!.state = 'complete'
  const states: string[] = []
  await client.waitFor(receipt.id, { onReceipt: (r) => states.push(r.state) })
  const etag = (await client.getReceipt(receipt.id)).etag
  assert.equal((await client.getReceipt(receipt.id, { etag })).receipt, undefined)
  assert.deepEqual(states, ['complete'])
})
