import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { GetBucketCorsCommand } from '@aws-sdk/client-s3'
import type { Browser, Page } from 'playwright-core'
import type * as sdk from '../../client/src/index.ts'
import { noBrowser, servePage, startBrowser } from '../support/browser.ts'
import { connectStage, flight, flightLines, freshIds, outcomes, setting } from '../support/stage.ts'

declare const millrace: typeof sdk

const skip = noBrowser
const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())
let browser: Browser
let site: Awaited<ReturnType<typeof servePage>>
before(async () => {
  if (skip) return
  site = await servePage()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await site?.[Symbol.asyncDispose]()
})

/** A page of another origin than API and bucket, so that the browser asks both by its CORS rules. */
async function openPage(): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(site.url)
  return page
}
const api = { url: process.env.MILLRACE_URL ?? '', apiKey: process.env.MILLRACE_API_KEY ?? '' }

test('the SDK in a browser pushes a file of two parts across origins, and the same file again sends nothing', { skip }, async () => {
  const id = freshIds()
  const count = 90_000
  await using page = await openPage()
  const parts: Record<string, string>[] = []
  page.on('request', (request) => {
    if (request.method() === 'PUT') parts.push(request.headers())
  })
  const pushed = await page.evaluate(
    async ({ api, text }) => {
      const client = millrace.createClient(api)
      const phases = new Set<string>()
      const push = () =>
        client.pushFile(millrace.blobSource(new File([text], 'from the browser.ndjson')), {
          dataset: 'flights',
          format: 'ndjson',
          compression: 'none',
          onProgress: ({ phase }) => phases.add(phase),
        })
      const first = await push()
      const again = await push()
      // Only a header that CORS exposes makes this a 304.
      const { etag } = await client.getReceipt(first.receipt.id)
      const unchanged = await client.getReceipt(first.receipt.id, { etag })
      return { first, again, etag, unchanged: unchanged.receipt === undefined, phases: [...phases] }
    },
    { api, text: flightLines(id, count) },
  )
  assert.deepEqual([pushed.first.receipt.state, outcomes(pushed.first.receipt)], ['complete', { received: count, loaded: count }])
  assert.equal(pushed.first.receipt.fileName, 'from the browser.ndjson')
  assert.equal(await stage.countFlights(id, id + count), count)
  assert.deepEqual([pushed.again.receipt.id, pushed.again.alreadyThere, pushed.again.sent], [pushed.first.receipt.id, true, 0])
  assert.ok(pushed.etag)
  assert.equal(pushed.unchanged, true)
  assert.deepEqual(pushed.phases, ['check', 'open', 'upload', 'load'])

  // Emulators let every origin into every bucket. So what the browser has sent is held against the rules that are deployed.
  assert.equal(parts.length, 2)
  const { CORSRules = [] } = await stage.s3.send(new GetBucketCorsCommand({ Bucket: setting('MILLRACE_RAW_BUCKET') }))
  for (const headers of parts) {
    assert.equal(headers.authorization, undefined)
    assert.match(headers['x-amz-checksum-crc32'] ?? '', /^[A-Za-z0-9+/]{6}==$/)
    const rule = CORSRules.find((r) => r.AllowedOrigins?.includes('*') && r.AllowedMethods?.includes('PUT'))
    const allowed = rule?.AllowedHeaders?.map((name) => name.toLowerCase()) ?? []
    assert.ok(allowed.includes('*') || allowed.includes('x-amz-checksum-crc32'))
  }
})

test('a page sends rows that come, compressed, across origins, and follows them into the table', { skip }, async () => {
  const id = freshIds()
  await using page = await openPage()
  const types: (string | undefined)[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST') types.push(request.headers()['content-type'])
  })
  const sent = await page.evaluate(
    async ({ api, lines, row }) => {
      const client = millrace.createClient(api)
      const kinds: string[] = []
      const writer = await client.openWriter({ dataset: 'flights', batchRows: 100, onBatch: ({ kind }) => kinds.push(kind) })
      await new Blob([lines]).stream().pipeTo(writer.writable)
      const one = await client.sendBatch('flights', [row], { key: `page-${crypto.randomUUID()}`, wait: true })
      return { total: writer.state().total, kinds, key: one.key, one: one.receipt.rows.received }
    },
    { api, lines: flightLines(id, 250), row: flight(id + 250) },
  )
  assert.deepEqual([sent.total.batches, sent.total.rows.loaded, sent.total.rows.pending], [3, 250, 0])
  assert.deepEqual(sent.kinds.toSorted(), ['accepted', 'accepted', 'accepted', 'settled', 'settled', 'settled'])
  assert.match(sent.key, /^page-/)
  assert.equal(sent.one, 1)
  assert.deepEqual(new Set(types), new Set(['application/gzip', 'application/x-ndjson']))
  assert.equal(await stage.countFlights(id, id + 1000), 251)
})

test('a page can read why it was refused: by the functions, and by the gateway before them', { skip }, async () => {
  await using page = await openPage()
  const refusals = await page.evaluate(async (api) => {
    const whyNot = async (call: Promise<unknown>) => {
      try {
        await call
        return 'it was not refused'
      } catch (error) {
        if (!(error instanceof millrace.RefusedError)) return String(error)
        return { status: error.status, code: error.problem?.code, requestId: error.requestId !== undefined }
      }
    }
    const once = { attempts: 1 }
    const known = millrace.createClient({ ...api, retry: once })
    const stranger = millrace.createClient({ url: api.url, apiKey: `mr_${'x'.repeat(43)}`, retry: once })
    return [
      await whyNot(known.getDataset('none')),
      await whyNot(known.getReceipt('ld_00000000000000000000000000')),
      await whyNot(stranger.listDatasets()),
    ]
  }, api)
  assert.deepEqual(refusals, [
    { status: 404, code: 'dataset-not-found', requestId: true },
    { status: 404, code: 'load-not-found', requestId: true },
    { status: 401, code: 'unauthenticated', requestId: true },
  ])
})

test('the rejected rows of a file, and an abort, reach a page too', { skip }, async () => {
  const id = freshIds()
  await using page = await openPage()
  const seen = await page.evaluate(
    async ({ api, text }) => {
      const client = millrace.createClient(api)
      const options = { dataset: 'flights', format: 'ndjson', compression: 'none' } as const
      const { receipt } = await client.pushFile(millrace.blobSource(new Blob([text])), options)
      const rejects: string[] = []
      for await (const { line, code } of client.listRejects(receipt.id)) rejects.push(`${line} ${code}`)
      const key = crypto.randomUUID()
      const { upload } = await client.openUpload('flights', { fileName: 'a', size: 5, format: 'ndjson' }, { key })
      await client.abortUpload(upload.loadId)
      return { state: receipt.state, rejects, aborted: (await client.getReceipt(upload.loadId)).receipt?.state }
    },
    { api, text: `${flightLines(id, 1)}not JSON\n${flightLines(id + 1, 1)}` },
  )
  assert.deepEqual(seen, { state: 'complete', rejects: ['2 invalid-json'], aborted: 'aborted' })
})
