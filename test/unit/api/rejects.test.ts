import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Page } from '#core/api/contract.ts'
import * as routes from '#core/api/routes/loads.ts'
import { type BatchLoad, type ChunkResult, type FileLoad, rejectsKey } from '#core/loads/load.ts'
import type { Reject } from '#core/rejects/reject.ts'
import { datasets } from '#datasets'
import { createListRejects } from '../../../functions/list-rejects/list-rejects.ts'
import { acme, callOf, codeOf } from '../../support/call.ts'
import { exampleBatch, exampleChunk, exampleLoad } from '../../support/example-load.ts'

const stored = (line: number, raw = 'äö'): Reject => ({
  line,
  offset: line * 10,
  column: null,
  code: 'invalid-json',
  message: 'no',
  raw,
  truncated: false,
})

/** Chunks by number: the lines each spans and the line numbers, within it, of its rejects. */
function world(chunks: Record<number, { lines: number; rejects: Reject[] }>, load: Partial<FileLoad> | BatchLoad = {}) {
  const rejected = Object.values(chunks).reduce((sum, { rejects }) => sum + rejects.length, 0)
  const state = {
    load:
      load.door === 'batch'
        ? { ...load, rejected }
        : exampleLoad({ state: 'complete', rejected, committed: Object.keys(chunks).length, ...load }),
  }
  const results = Object.entries(chunks).map(([n, { lines, rejects }]) => exampleChunk(Number(n), { lines, rejected: rejects.length }))
  const objects = new Map(
    Object.entries(chunks).map(([n, { rejects }]) => [
      rejectsKey(state.load, Number(n)),
      rejects.map((r) => `${JSON.stringify(r)}\n`).join(''),
    ]),
  )
  let stores = 0
  const head = 'id,name\r\n1,x\r\n'
  const action = createListRejects({
    findLoad: async (tenant) => (tenant === acme.tenant ? state.load : undefined),
    chunksOf: async function* (_, from): AsyncGenerator<ChunkResult> {
      yield* results.filter(({ chunk }) => chunk >= from)
    },
    readRejects: async function* (key, offset) {
      const bytes = Buffer.from(objects.get(key)!).subarray(offset)
      // Pieces end anywhere, in the middle of a character too.
      const step = bytes.length > 100_000 ? 65_536 : 7
      for (let i = 0; i < bytes.length; i += step) yield bytes.subarray(i, i + step)
    },
    hasFile: async (key) => objects.has(key),
    findDataset: (name) => datasets.get(name),
    textHead: async () => Buffer.from(head),
    storeFile: async (key, _type, pieces) => {
      stores++
      let text = ''
      for await (const piece of pieces) text += piece
      objects.set(key, text)
    },
    fileUrl: async (key, name) => `https://s3/${key}?${name}`,
  })
  const ask = (query: object, headers: Record<string, string> = {}) =>
    action(callOf(routes.listRejects, { load: state.load.id }, { query: { limit: 100, as: 'ndjson', ...query }, headers }))
  const page = async (query: object) => (await ask(query, { accept: 'application/json' })).json as Page<Reject>
  const all = async (limit: number) => {
    const pages: Reject[][] = []
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await page({ limit, cursor })
      pages.push([...items])
      if (next === null) return pages
      cursor = next
    }
  }
  return { ask, page, all, objects, state, stores: () => stores }
}

test('lines within chunks become lines of the file', async () => {
  const { page } = world({
    0: { lines: 10, rejects: [stored(3)] },
    1: { lines: 5, rejects: [] },
    2: { lines: 5, rejects: [stored(1), stored(4)] },
  })
  const { items, next } = await page({})
  assert.deepEqual(
    items.map(({ line }) => line),
    [3, 16, 19],
  )
  assert.equal(next, null)
})

test('while an earlier chunk is missing, later lines are not known', async () => {
  const { all } = world({
    0: { lines: 10, rejects: [stored(3)] },
    2: { lines: 5, rejects: [stored(1)] },
    3: { lines: 5, rejects: [stored(2)] },
  })
  const lines = (await all(1)).flat().map(({ line }) => line)
  assert.deepEqual(lines, [3, null, null])
})

test('pages of any size give the same rejects in the same order, and no empty page at the end', async () => {
  const chunk = fc.record({
    lines: fc.integer({ min: 30, max: 50 }),
    rejects: fc.array(
      fc.integer({ min: 1, max: 30 }).map((n) => stored(n)),
      { maxLength: 7 },
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 9 }), async (chunks, limit) => {
      const { all } = world({ ...chunks })
      const pages = await all(limit)
      const whole = (await all(1000)).flat()
      assert.deepEqual(pages.flat(), whole)
      assert.equal(
        whole.length,
        chunks.reduce((sum, { rejects }) => sum + rejects.length, 0),
      )
      for (const items of pages.slice(0, -1)) assert.equal(items.length, limit)
      if (whole.length > 0) assert.ok(pages.at(-1)!.length > 0)
    }),
  )
})

test('a page ends before a Lambda answer would be too large', async () => {
  const { all } = world({ 0: { lines: 1000, rejects: Array.from({ length: 900 }, (_, i) => stored(i + 1, 'x'.repeat(8192))) } })
  const pages = await all(1000)
  assert.ok(pages.length >= 2)
  for (const page of pages) assert.ok(JSON.stringify(page).length < 5 * 1024 * 1024)
  assert.equal(pages.flat().length, 900)
})

test('NDJSON unless a page object is asked for; the next page stands in the Link header', async () => {
  const { ask } = world({ 0: { lines: 10, rejects: [stored(1), stored(2)] } })
  const first = await ask({ limit: 1 })
  assert.equal(first.text?.contentType, 'application/x-ndjson')
  assert.deepEqual(JSON.parse(first.text!.body), stored(1))
  const [, cursor] = /^<\/v1\/loads\/\w+\/rejects\?limit=1&cursor=([\w-]+)>; rel="next"$/.exec(first.headers?.link ?? '')!
  const last = await ask({ limit: 1, cursor })
  assert.deepEqual([JSON.parse(last.text!.body), last.headers?.link], [stored(2), undefined])
})

test('a cursor is of one load alone', async () => {
  const a = world({ 0: { lines: 10, rejects: [stored(1), stored(2)] } })
  const b = world({ 0: { lines: 10, rejects: [stored(1)] } }, { id: `ld_${'1'.repeat(26)}` })
  const { next } = await a.page({ limit: 1 })
  assert.equal(await codeOf(b.page({ cursor: next })), 'invalid-request')
})

test('the download is one file with the lines of the file, made once when the load is over', async () => {
  const w = world({ 0: { lines: 10, rejects: [stored(3)] }, 1: { lines: 5, rejects: [stored(1)] } })
  const { status, headers } = await w.ask({ download: 'true' })
  assert.equal(status, 303)
  const key = /https:\/\/s3\/(.*)\?/.exec(headers!.location!)![1]!
  assert.deepEqual(
    w.objects
      .get(key)!
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).line),
    [3, 11],
  )
  await w.ask({ download: 'true' })
  assert.equal(w.stores(), 1)
  w.state.load = { ...w.state.load, state: 'loading' }
  await w.ask({ download: 'true' })
  assert.equal(w.stores(), 2)
})

test('the rejects in the format of the load: header and rows as they were, each with its error and line', async () => {
  const reject = { ...stored(3, '7,"a ""b"""'), column: 'name', code: 'too-long', message: 'the text is\ntoo long' }
  const w = world({ 0: { lines: 10, rejects: [reject] } }, { format: 'csv', compression: 'none', chunkSize: 100 })
  const { status, headers } = await w.ask({ download: 'true', as: 'original' })
  assert.equal(status, 303)
  assert.match(headers!.location!, /-fix\.csv$/)
  const key = /https:\/\/s3\/(.*)\?/.exec(headers!.location!)![1]!
  assert.equal(w.objects.get(key), 'id,name,_error,_line\n7,"a ""b""","too-long in name: the text is too long",3\n')
  assert.equal(await codeOf(w.ask({ as: 'original' })), 'invalid-request')
})

test('of a batch of CSV the columns are kept with it: there is no file to look into', async () => {
  const reject = { ...stored(3, 'x;7'), column: 'id', code: 'invalid-format', message: 'no number' }
  const csv = { delimiter: ';', quote: '"', null: '', header: false, columns: ['name', 'id'] }
  const w = world({ 0: { lines: 0, rejects: [reject] } }, exampleBatch({ state: 'complete', format: 'csv', csv }))
  const { headers } = await w.ask({ download: 'true', as: 'original' })
  const key = /https:\/\/s3\/(.*)\?/.exec(headers!.location!)![1]!
  assert.equal(w.objects.get(key), 'name;id;_error;_line\nx;7;"invalid-format in id: no number";3\n')
})
