import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import * as routes from '#core/api/routes/uploads.ts'
import type { DeadLetter } from '#core/batches/dead-letter.ts'
import type { FileLoad, Load } from '#core/loads/load.ts'
import type { UploadedPart } from '#core/loads/upload.ts'
import { datasets } from '#datasets'
import { createAbortUpload } from '../../../functions/abort-upload/abort-upload.ts'
import { createCompleteUpload } from '../../../functions/complete-upload/complete-upload.ts'
import { createNoteDeadLetter } from '../../../functions/note-dead-letter/note-dead-letter.ts'
import { createOpenUpload } from '../../../functions/open-upload/open-upload.ts'
import { callOf } from '../../support/call.ts'
import { exampleEnvelope, givenUp, recordOf } from '../../support/dead-letters.ts'
import { exampleBatch, exampleLoad, exampleNow } from '../../support/example-load.ts'
import { MemoryUploads } from '../../support/memory-uploads.ts'

/**
 * The functions that `npm run faults` does not play: each dies at each step, before it is done and after, and is asked once more. What is there in the end must
 * be what is there without a death.
 */
interface Played<Deps> {
  readonly deps: Deps
  readonly work: (deps: Deps) => Promise<unknown>
  readonly end: () => unknown
}

class Died extends Error {}

/** Ports of a process that dies at its n-th call, counted from 1. What it asks for after that is not done. */
function dying<Deps extends object>(deps: Deps, n: number, done: boolean): { deps: Deps; calls: () => number } {
  let calls = 0
  const port =
    (work: (...args: unknown[]) => unknown) =>
    async (...args: unknown[]) => {
      calls++
      if (calls > n || (calls === n && !done)) throw new Died()
      const result = await work(...args)
      if (calls === n) throw new Died()
      return result
    }
  const isPort = (name: string, value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function' && !plain.has(name)
  const all = Object.entries(deps).map(([name, value]) => [name, isPort(name, value) ? port(value.bind(deps)) : value])
  return { deps: Object.fromEntries(all) as Deps, calls: () => calls }
}
/** What asks nobody. */
const plain = new Set(['now', 'countUnreadable', 'countDead'])

async function assertEveryStep<Deps extends object>(make: () => Played<Deps>): Promise<void> {
  const whole = make()
  const counted = dying(whole.deps, Number.POSITIVE_INFINITY, true)
  await whole.work(counted.deps)
  assert.ok(counted.calls() > 1)
  const wanted = whole.end()
  for (let n = 1; n <= counted.calls(); n++)
    for (const done of [false, true]) {
      const { deps, work, end } = make()
      await assert.rejects(work(dying(deps, n, done).deps), Died, `call ${n}`)
      await work(deps)
      assert.deepEqual(end(), wanted, `died ${done ? 'after' : 'before'} call ${n}`)
    }
}

const parts: UploadedPart[] = [Buffer.alloc(8 * 1024 * 1024, 'a'), Buffer.alloc(100, 'b')].map((part, i) => ({
  ...{ number: i + 1, size: part.length, crc32: zlib.crc32(part), etag: `e${i}` },
}))
const { id } = exampleLoad()
const portsOf = (w: MemoryUploads) => ({
  ...{ findLoad: w.findLoad, listParts: w.listParts, headObject: w.headObject, joinParts: w.joinParts, dropUpload: w.dropUpload },
  ...{ noteUploadedCrc32: w.noteUploadedCrc32, startLoading: w.startLoading, markAborted: w.markAborted, now: w.now },
})
const uploaded = () => new MemoryUploads(exampleLoad(), parts, exampleNow)

test('completing an upload', () =>
  assertEveryStep(() => {
    const w = uploaded()
    return {
      deps: portsOf(w),
      work: (deps) => createCompleteUpload(deps)(callOf(routes.completeUpload, { load: id })),
      end: () => [w.load, w.object, w.joins],
    }
  }))

test('aborting an upload', () =>
  assertEveryStep(() => {
    const w = uploaded()
    return {
      deps: portsOf(w),
      work: (deps) => createAbortUpload(deps)(callOf(routes.abortUpload, { load: id })),
      end: () => [w.load, w.object, w.parts],
    }
  }))

test('opening an upload that corrects another load', () =>
  assertEveryStep(() => {
    const old = exampleLoad({ state: 'complete' })
    const loads = new Map<string, FileLoad>([[old.id, old]])
    const deps = {
      ...{ datasets, uploadHours: 168, now: () => exampleNow },
      findLoad: async (_tenant: string, load: string) => loads.get(load),
      insertLoad: async (load: FileLoad) => {
        const there = loads.get(load.id)
        if (!there) loads.set(load.id, load)
        return there
      },
      noteFix: async (load: string, by: string) => {
        const fixed = loads.get(load)!
        if (!fixed.fixedBy?.includes(by)) loads.set(load, { ...fixed, fixedBy: [...(fixed.fixedBy ?? []), by] })
      },
      createUpload: async () => 'upload',
      dropUpload: async () => true,
    }
    const body = { ...{ fileName: 'a.ndjson', size: 10, format: 'ndjson', compression: 'none' }, fixes: old.id } as const
    const call = { identity: { tenant: old.tenant, datasets: ['*'] }, headers: { 'idempotency-key': 'k' }, body }
    return {
      deps,
      work: (asked) => createOpenUpload(asked)(callOf(routes.openUpload, { dataset: old.dataset }, call)),
      // The trace is that of the request that made it.
      end: () => [...loads.values()].map(({ traceparent: _, ...load }) => load),
    }
  }))

test('noting what Lambda gave up of the stream', () =>
  assertEveryStep(() => {
    const load = exampleBatch({ state: 'loading' })
    const object = givenUp([0, 4].map((chunk) => recordOf(exampleEnvelope({ chunk, lane: 3 }), String(100 + chunk))))
    const noted = new Map<string, DeadLetter>()
    let state: Load['state'] = load.state
    const deps = {
      readLetters: async () => object,
      getLoad: async () => load,
      isCommitted: async () => false,
      findLetter: async (of: string, chunk: number) => noted.get(`${of}/${chunk}`),
      noteLetter: async (deadLetter: DeadLetter, known: DeadLetter | undefined) => {
        assert.equal(noted.get(`${deadLetter.load}/${deadLetter.chunk}`), known)
        noted.set(`${deadLetter.load}/${deadLetter.chunk}`, deadLetter)
      },
      failLoad: async () => {
        state = 'failed'
      },
      countUnreadable: () => assert.fail('all of it can be read'),
      countDead: () => undefined,
      now: () => exampleNow,
    }
    return { deps, work: (asked) => createNoteDeadLetter(asked)(object.key), end: () => [[...noted].sort(), state] }
  }))
