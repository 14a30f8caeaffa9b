import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import * as routes from '#core/api/routes/uploads.ts'
import { crc32ToHex } from '#core/loads/crc32.ts'
import type { FileLoad } from '#core/loads/load.ts'
import type { Receipt } from '#core/loads/receipt.ts'
import type { UploadedPart } from '#core/loads/upload.ts'
import { createAbortUpload } from '../../../functions/abort-upload/abort-upload.ts'
import { createCompleteUpload } from '../../../functions/complete-upload/complete-upload.ts'
import { createShowUpload } from '../../../functions/show-upload/show-upload.ts'
import { createSignParts } from '../../../functions/sign-parts/sign-parts.ts'
import { callOf, codeOf } from '../../support/call.ts'
import { exampleBatch, exampleLoad, exampleNow } from '../../support/example-load.ts'
import { MemoryUploads } from '../../support/memory-uploads.ts'

const bytes = [Buffer.alloc(8 * 1024 * 1024, 'a'), Buffer.alloc(100, 'b')]
const parts: UploadedPart[] = bytes.map((part, i) => ({ number: i + 1, size: part.length, crc32: zlib.crc32(part), etag: `e${i}` }))
const whole = crc32ToHex(zlib.crc32(Buffer.concat(bytes)))
const { id } = exampleLoad()

const world = (load: Partial<FileLoad> = {}, has: readonly UploadedPart[] = parts) => new MemoryUploads(exampleLoad(load), has, exampleNow)
const complete = (w: MemoryUploads) => createCompleteUpload(w)(callOf(routes.completeUpload, { load: id }))
const abort = (w: MemoryUploads) => createAbortUpload(w)(callOf(routes.abortUpload, { load: id }))
const stateOf = (answer: { json?: unknown }) => (answer.json as Receipt).state

test('completing joins the parts, notes their CRC32 and starts the load', async () => {
  const w = world({ declaredCrc32: whole })
  const answer = await complete(w)
  assert.equal(answer.status, 202)
  assert.equal((answer.json as Receipt).checksum.uploaded, whole)
  assert.deepEqual([stateOf(answer), w.joins, w.object], ['loading', 1, { size: w.load.size, load: id }])
})

test('completing again, at any later state, answers the receipt', async () => {
  const w = world()
  await complete(w)
  for (const state of ['loading', 'complete', 'failed'] as const) {
    w.load = { ...w.load, state }
    assert.equal(stateOf(await complete(w)), state)
  }
  assert.equal(w.joins, 1)
})

test('two completions at once: one joins, both are answered', async () => {
  const w = world()
  const answers = await Promise.all([complete(w), complete(w), complete(w)])
  assert.deepEqual(answers.map(stateOf), ['loading', 'loading', 'loading'])
  assert.equal(w.joins, 1)
})

test('a completion that stopped after joining is finished by the next one', async () => {
  const w = world({ uploadedCrc32: whole })
  w.parts = undefined
  w.object = { size: w.load.size, load: id }
  assert.equal(stateOf(await complete(w)), 'loading')
})

test('the pipeline may start the load first', async () => {
  const w = world()
  const { joinParts } = w
  const faster = {
    ...w,
    joinParts: async (...args: Parameters<typeof joinParts>) => {
      const outcome = await joinParts(...args)
      w.load = { ...w.load, state: 'complete' }
      return outcome
    },
  }
  assert.equal(stateOf(await createCompleteUpload(faster)(callOf(routes.completeUpload, { load: id }))), 'complete')
})

test('missing parts are named, 20 at most, and nothing changes', async () => {
  const w = world({ size: 30 * 8 * 1024 * 1024, partCount: 30 }, [parts[0]!])
  const error = await complete(w).catch((e) => e)
  assert.equal(error.problem.code, 'parts-missing')
  assert.equal(error.problem.errors.length, 20)
  assert.equal(error.problem.errors[0].pointer, '/parts/2')
  assert.deepEqual([w.load.state, w.load.uploadedCrc32, w.parts?.length], ['receiving', undefined, 1])
})

test('a part of another size, one too many, or one without checksum is not joined', async () => {
  const [first, last] = parts as [UploadedPart, UploadedPart]
  assert.equal(await codeOf(complete(world({}, [first, { ...last, size: 99 }]))), 'part-size-mismatch')
  assert.equal(await codeOf(complete(world({}, [...parts, { ...last, number: 3 }]))), 'part-size-mismatch')
  assert.equal(await codeOf(complete(world({}, [first, { ...last, crc32: undefined }]))), 'parts-missing')
})

test('another CRC32 than declared is refused before anything is joined', async () => {
  const w = world({ declaredCrc32: '00000000' })
  assert.equal(await codeOf(complete(w)), 'checksum-mismatch')
  assert.deepEqual([w.joins, w.load.state], [0, 'receiving'])
})

test('a part that was replaced meanwhile makes the completion busy, and the next one takes it in', async () => {
  const w = world()
  const { listParts } = w
  const stale = {
    ...w,
    listParts: async () => {
      const list = await listParts()
      w.parts = [parts[0]!, { ...parts[1]!, etag: 'new' }]
      return list
    },
  }
  assert.equal(await codeOf(createCompleteUpload(stale)(callOf(routes.completeUpload, { load: id }))), 'upload-busy')
  assert.equal(stateOf(await complete(w)), 'loading')
})

test('an object of another size at its place is not taken for the upload', async () => {
  const w = world()
  w.object = { size: 5, load: id }
  assert.equal(await codeOf(complete(w)), 'size-mismatch')
})

for (const load of [undefined, 'ld_another'])
  test(`an object of the right size at its place that was uploaded for ${load} is not taken for the upload, nor in the way of an abort`, async () => {
    for (const open of [true, false]) {
      const w = world()
      if (!open) w.parts = undefined
      w.object = { size: w.load.size, load }
      assert.equal(await codeOf(complete(w)), 'object-changed')
      assert.equal(w.load.state, 'receiving')
    }
    const w = world()
    w.object = { size: w.load.size, load }
    assert.equal((await abort(w)).status, 204)
    assert.equal(w.load.state, 'aborted')
  })

test('aborted and expired uploads are not completed', async () => {
  assert.equal(await codeOf(complete(world({ state: 'aborted' }))), 'upload-not-open')
  assert.equal(await codeOf(complete(world({ expiresAt: new Date(exampleNow).toISOString() }))), 'upload-expired')
})

test('aborting frees the parts and may be repeated; a loaded upload cannot be aborted', async () => {
  const w = world()
  assert.equal((await abort(w)).status, 204)
  assert.deepEqual([w.load.state, w.parts], ['aborted', undefined])
  assert.equal((await abort(w)).status, 204)
  assert.equal(await codeOf(complete(w)), 'upload-not-open')
  for (const state of ['loading', 'complete', 'failed'] as const) assert.equal(await codeOf(abort(world({ state }))), 'upload-not-open')
})

test('aborting after a join that was not noted yet is refused: the object is there', async () => {
  const w = world({ uploadedCrc32: whole })
  w.parts = undefined
  w.object = { size: w.load.size, load: id }
  assert.equal(await codeOf(abort(w)), 'upload-not-open')
  assert.equal(w.load.state, 'receiving')
})

test('while S3 may be joining, aborting asks to come again', async () => {
  const w = world({ uploadedCrc32: whole })
  w.parts = undefined
  assert.equal(await codeOf(abort(w)), 'upload-busy')
})

test('an expired upload stays expired when its parts are freed', async () => {
  const w = world({ expiresAt: new Date(exampleNow).toISOString() })
  assert.equal((await abort(w)).status, 204)
  assert.deepEqual([w.load.state, w.parts], ['receiving', undefined])
})

test('completions and aborts in any interleaving: either loaded with an object, or aborted without, and every answer agrees', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('complete', 'abort'), { minLength: 2, maxLength: 6 }), fc.scheduler(), async (calls, s) => {
      const w = world()
      const ports = Object.fromEntries(
        Object.entries(w).map(([name, value]) => [name, typeof value === 'function' && name !== 'now' ? s.scheduleFunction(value) : value]),
      )
      const scheduled = Object.assign(Object.create(w), ports) as MemoryUploads
      const ends = Promise.all(
        calls.map(async (call) => {
          try {
            const { status } = await (call === 'complete' ? complete(scheduled) : abort(scheduled))
            return String(status)
          } catch (error) {
            return (error as { problem?: { code: string } }).problem?.code ?? String(error)
          }
        }),
      )
      const answers = await s.waitFor(ends)
      for (const answer of answers) assert.ok(['202', '204', 'upload-not-open', 'upload-busy'].includes(answer), answer)
      assert.equal(answers.includes('202') && answers.includes('204'), false)
      if (answers.includes('202')) assert.deepEqual([w.load.state, w.object], ['loading', { size: w.load.size, load: id }])
      if (answers.includes('204')) assert.deepEqual([w.load.state, w.object], ['aborted', undefined])
      assert.ok(w.joins <= 1)
    }),
    { numRuns: 300 },
  )
})

test('another tenant’s load does not exist', async () => {
  const other = { identity: { tenant: 'evil', datasets: ['*'] } }
  const w = world()
  const sign = createSignParts({ ...w, urlSeconds: 900, signPart: async () => assert.fail('not to be signed') })
  assert.equal(await codeOf(createCompleteUpload(w)(callOf(routes.completeUpload, { load: id }, other))), 'load-not-found')
  assert.equal(await codeOf(createAbortUpload(w)(callOf(routes.abortUpload, { load: id }, other))), 'load-not-found')
  assert.equal(await codeOf(createShowUpload(w)(callOf(routes.showUpload, { load: id }, other))), 'load-not-found')
  assert.equal(await codeOf(sign(callOf(routes.signParts, { load: id }, { ...other, body: [] }))), 'load-not-found')
})

test('a URL is signed for exactly the planned part, and never outlives the upload', async () => {
  const w = world()
  const signed: unknown[] = []
  const signParts = createSignParts({
    ...w,
    urlSeconds: 900,
    signPart: async (_, part, seconds) => {
      signed.push({ ...part, seconds })
      return { url: 'https://s3/', headers: {} }
    },
  })
  const ask = (body: unknown) => signParts(callOf(routes.signParts, { load: id }, { body }))
  const crc32 = '000000ff'
  await ask([{ number: 2, size: 100, crc32 }])
  assert.deepEqual(signed, [{ number: 2, size: 100, crc32: 255, seconds: 900 }])
  assert.equal(await codeOf(ask([{ number: 2, size: 101, crc32 }])), 'part-size-mismatch')
  assert.equal(await codeOf(ask([{ number: 3, size: 100, crc32 }])), 'part-size-mismatch')
  assert.equal(
    await codeOf(
      ask([
        { number: 2, size: 100, crc32 },
        { number: 2, size: 100, crc32 },
      ]),
    ),
    'invalid-request',
  )
  w.clock = Date.parse(w.load.expiresAt) - 5500
  const { json } = await ask([{ number: 2, size: 100, crc32 }])
  assert.equal((json as { expiresAt: string }[])[0]?.expiresAt, new Date(w.clock + 5000).toISOString())
  w.clock = Date.parse(w.load.expiresAt)
  assert.equal(await codeOf(ask([{ number: 2, size: 100, crc32 }])), 'upload-expired')
})

test('an upload shows the parts to resume from, and none once it is over', async () => {
  const show = (w: MemoryUploads) => createShowUpload(w)(callOf(routes.showUpload, { load: id }))
  const open = (await show(world())).json as { parts: unknown[]; state: string }
  assert.deepEqual(
    open.parts,
    parts.map(({ number, size, crc32 }) => ({ number, size, crc32: crc32ToHex(crc32!) })),
  )
  const over = (await show(world({ state: 'complete' }))).json as { parts: unknown[]; state: string }
  assert.deepEqual([over.state, over.parts], ['complete', []])
})

test('a key of other datasets may look at an upload, and not change it', async () => {
  const other = { identity: { tenant: 'acme', datasets: ['events'] } }
  const w = world()
  const sign = createSignParts({ ...w, urlSeconds: 900, signPart: async () => assert.fail('not to be signed') })
  assert.equal(await codeOf(createCompleteUpload(w)(callOf(routes.completeUpload, { load: id }, other))), 'dataset-forbidden')
  assert.equal(await codeOf(createAbortUpload(w)(callOf(routes.abortUpload, { load: id }, other))), 'dataset-forbidden')
  assert.equal(await codeOf(sign(callOf(routes.signParts, { load: id }, { ...other, body: [] }))), 'dataset-forbidden')
  assert.equal((await createShowUpload(w)(callOf(routes.showUpload, { load: id }, other))).status, 200)
  assert.equal(w.parts?.length, 2)
})

test('a batch is no upload: to its routes there is none', async () => {
  const found = { ...world(), findLoad: async () => exampleBatch() }
  const [params, body] = [{ load: id }, [{ number: 1, size: 1, crc32: '00000000' }]]
  const urls = { urlSeconds: 60, signPart: async () => assert.fail('nothing to sign') }
  for (const asked of [
    createCompleteUpload(found)(callOf(routes.completeUpload, params)),
    createAbortUpload(found)(callOf(routes.abortUpload, params)),
    createShowUpload(found)(callOf(routes.showUpload, params)),
    createSignParts({ ...found, ...urls })(callOf(routes.signParts, params, { body })),
  ])
    assert.equal(await codeOf(asked), 'load-not-found')
})
