import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Receipt } from '#core/loads/receipt.ts'
import { SendError } from '../../../client/src/errors.ts'
import type { Millrace } from '../../../client/src/millrace.ts'
import { openWriter } from '../../../client/src/open-writer.ts'
import { resumeStream, type StreamInput } from '../../../client/src/resuming.ts'
import { type Clock, systemClock } from '../../../client/src/retry.ts'
import type { SendState } from '../../../client/src/send-state.ts'
import { batchReceipt, datasetAnswer, type FakeBatch, judge } from '../../support/fake-batches.ts'

type Client = Pick<Millrace, 'getDataset' | 'sendBatch' | 'waitFor'>

/** Server and disk: what outlives a sender. */
interface World {
  readonly batches: Map<string, FakeBatch>
  disk: string | undefined
  readonly ordered: boolean
  /** The most batches that were at the door at the same time. */
  together: number
}
/** One life of a sender: at its n-th step nothing of it goes on any more, as after `kill -9`. */
function mortal(world: World, killAt: number) {
  let steps = 0
  let die: () => void = () => undefined
  const dead = new Promise<'killed'>((resolve) => {
    die = () => resolve('killed')
  })
  /** Each step may be the last one. Others get a chance to run meanwhile. */
  async function step(): Promise<void> {
    if (++steps >= killAt) {
      die()
      await new Promise(() => undefined)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  let atTheDoor = 0
  const client: Client = {
    getDataset: async (name) => datasetAnswer(name, world.ordered ? { orderingKey: 'id' } : {}),
    sendBatch: async (dataset, body, { key } = {}) => {
      await step()
      world.together = Math.max(world.together, ++atTheDoor)
      const text = Buffer.from(body as Uint8Array).toString('latin1')
      const known = world.batches.get(key!)
      if (known) assert.equal(text, known.text, `key ${key} came with other rows`)
      const batch: FakeBatch = known ?? { id: `lb_${key}`, key: key!, dataset, text, ...judge(text), looks: 0, state: 'loading' }
      world.batches.set(key!, batch)
      await step()
      atTheDoor--
      return { receipt: batchReceipt(batch), rejects: [], key: key!, replayed: known !== undefined }
    },
    waitFor: async (load) => {
      await step()
      const batch = [...world.batches.values()].find(({ id }) => id === load)!
      batch.state = 'complete'
      return batchReceipt(batch) as Receipt
    },
  }
  async function save(state: SendState): Promise<void> {
    const text = JSON.stringify(state)
    await step()
    world.disk = text
    await step()
  }
  return { client, save, dead, step }
}

interface Sending {
  readonly text: Buffer
  readonly seekable: boolean
  readonly pieces: readonly number[]
  readonly batchRows: number
  readonly batchBytes: number
  readonly parallel: number
  /** Rows go before their batch is full, as when time is up; by numbers of pieces. */
  readonly impatience: number
}
async function* inPieces(text: Buffer, sizes: readonly number[], step: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < text.length; i++) {
    await step()
    const to = at + sizes[i % sizes.length]!
    yield text.subarray(at, to)
    at = to
  }
}

/** Sends from where the disk says. Answers the total, or that it was killed. */
async function live(world: World, sending: Sending, killAt: number) {
  const { client, save, dead, step } = mortal(world, killAt)
  const { text, seekable, pieces, batchRows, batchBytes, parallel } = sending
  let calls = 0
  /** Time is up at every n-th piece. */
  const clock: Clock = {
    ...systemClock,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        if (++calls % sending.impatience === 0) setImmediate(resolve)
      }),
  }
  const run = async () => {
    const resume = world.disk === undefined ? undefined : (JSON.parse(world.disk) as SendState)
    const input: StreamInput = { name: 'the stream', seekable, from: (offset) => inPieces(text.subarray(offset), pieces, step) }
    const resumed = resume ? await resumeStream(input, resume) : { state: undefined, open: [], rest: input.from(0) }
    const writer = await openWriter({ dataset: 'flights', batchRows, batchBytes, parallel, resume: resumed.state, save }, { client, clock })
    for (const { batch, body } of resumed.open) await writer.resend(batch, body)
    for await (const piece of resumed.rest) await writer.write(piece)
    return writer.close()
  }
  return Promise.race([run(), dead])
}

const anyLine = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 1e9 }).map((id) => `{"id":${id}}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '   ', '\t\r', 'not JSON', '\xff\xfe', '{"id":1') },
)
const anySending: fc.Arbitrary<Sending> = fc.record({
  text: fc
    .tuple(fc.array(anyLine, { maxLength: 40 }), fc.constantFrom('', '\n'))
    .map(([lines, end]) => Buffer.from(lines.map((line, i) => `${line}${i < lines.length - 1 ? '\n' : end}`).join(''), 'latin1')),
  seekable: fc.boolean(),
  pieces: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 5 }),
  batchRows: fc.integer({ min: 1, max: 9 }),
  batchBytes: fc.integer({ min: 1, max: 200 }),
  parallel: fc.integer({ min: 1, max: 4 }),
  impatience: fc.integer({ min: 1, max: 6 }),
})

test('killed at any step, over and over: every row is in exactly one batch, and a batch that comes again is the same under the same key', async () => {
  let kills = 0
  let again = 0
  await fc.assert(
    fc.asyncProperty(
      anySending,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }),
      async (sending, ordered, deaths) => {
        const world: World = { batches: new Map(), disk: undefined, ordered, together: 0 }
        let total: Awaited<ReturnType<typeof live>> = 'killed'
        for (const killAt of [...deaths, Number.POSITIVE_INFINITY]) {
          total = await live(world, sending, killAt)
          if (total !== 'killed') break
          kills++
          if (world.disk !== undefined && (JSON.parse(world.disk) as SendState).open.length > 0) again++
        }
        assert.ok(total !== 'killed')
        // The saved places are where the batches were cut; put together by number they are the stream without its lines of white space.
        const byNumber = [...world.batches.values()].toSorted((a, b) => numberOf(a) - numberOf(b))
        assert.deepEqual(
          byNumber.flatMap(({ text }) => inkOf(text)),
          inkOf(sending.text.toString('latin1')),
        )
        const { received, rejects } = judge(sending.text.toString('latin1'))
        assert.deepEqual(total.rows, {
          received,
          loaded: received - rejects.length,
          rejected: rejects.length,
          updated: 0,
          duplicate: 0,
          pending: 0,
        })
        assert.equal(total.batches, byNumber.length)
        if (ordered) assert.ok(world.together <= 1, 'where order counts there is one batch in flight')
        const { next, open, accepted } = JSON.parse(world.disk!) as SendState
        assert.deepEqual([next.offset, open, accepted], [sending.text.length, [], []])
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(kills > 100 && again > 50, `${kills} kills, ${again} of them with batches in flight`)
})
test('sent while it grows, from any byte on, and killed meanwhile: every line is sent once, and only what had no end twice', async () => {
  const life = fc.record({
    percent: fc.integer({ min: 0, max: 100 }),
    killAt: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 90 })),
  })
  let begun = 0
  await fc.assert(
    fc.asyncProperty(anySending, fc.array(life, { minLength: 1, maxLength: 4 }), async (sending, lives) => {
      const world: World = { batches: new Map(), disk: undefined, ordered: false, together: 0 }
      const whole = sending.text.toString('latin1')
      const fragments = new Set<string>()
      let total: Awaited<ReturnType<typeof live>> = 'killed'
      for (const { percent, killAt } of [
        ...lives.toSorted((a, b) => a.percent - b.percent),
        { percent: 100, killAt: Number.POSITIVE_INFINITY },
      ]) {
        const length = Math.round((percent / 100) * whole.length)
        fragments.add(whole.slice(whole.lastIndexOf('\n', length - 1) + 1, length))
        total = await live(world, { ...sending, text: sending.text.subarray(0, length) }, killAt)
      }
      assert.ok(total !== 'killed')
      const lines = [...world.batches.values()].toSorted((a, b) => numberOf(a) - numberOf(b)).flatMap(({ text }) => inkOf(text))
      assert.equal(total.rows.received, lines.length)
      // What is there besides the whole lines, in their order, are beginnings of lines at which some life's stream ended.
      const missing = inkOf(whole)
      for (const line of lines) {
        if (line === missing[0]) missing.shift()
        else {
          assert.ok(
            fragments.has(line) && missing[0]?.startsWith(line),
            `${JSON.stringify(line)} was sent before ${JSON.stringify(missing[0])}`,
          )
          begun++
        }
      }
      assert.deepEqual(missing, [])
      const { next } = JSON.parse(world.disk!) as SendState
      assert.deepEqual(
        [next.offset, next.line],
        [whole.length, 1 + whole.split('\n').length - (whole.endsWith('\n') || whole === '' ? 1 : 0)],
      )
    }),
    { numRuns: 400 },
  )
  assert.ok(begun > 20, `${begun} lines were sent before their end`)
})

/** The lines that are rows. */
const inkOf = (text: string): string[] => text.split('\n').filter((line) => /[^ \t\r]/.test(line))
const numberOf = ({ key }: FakeBatch): number => Number(key.split('.')[1])

const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `{"id":${from + i}}\n`).join('')
const sendingOf = (text: string, seekable: boolean): Sending => ({
  text: Buffer.from(text),
  seekable,
  pieces: [64],
  batchRows: 5,
  batchBytes: 1000,
  parallel: 3,
  impatience: 1000,
})
/** A world in which 40 rows were being sent when the sender was killed. */
async function killedWorld(seekable: boolean): Promise<World> {
  const world: World = { batches: new Map(), disk: undefined, ordered: false, together: 0 }
  assert.equal(await live(world, sendingOf(rows(40), seekable), 40), 'killed')
  assert.notEqual(world.disk, undefined)
  return world
}
const refusals: Record<string, { text: string; seekable: boolean; why: RegExp }> = {
  'a pipe that comes with other rows': {
    text: rows(40, 7),
    seekable: false,
    why: /bytes of? ?.*the stream are not those|are not those that were sent/,
  },
  'a pipe that is too short': { text: rows(1), seekable: false, why: /ended after|are not those/ },
  'a file with other rows': { text: rows(40, 7), seekable: true, why: /are not those that were sent before/ },
  'a file that was cut off': { text: rows(1), seekable: true, why: /are not those that were sent before/ },
}
for (const [what, { text, seekable, why }] of Object.entries(refusals))
  test(`${what} is not gone on with, and nothing of it is sent`, async () => {
    const world = await killedWorld(seekable)
    const before = world.batches.size
    await assert.rejects(live(world, sendingOf(text, seekable), Number.POSITIVE_INFINITY), (error: unknown) => {
      assert.ok(error instanceof SendError)
      assert.equal(error.fault, 'not-resumable')
      assert.match(error.message, why)
      return true
    })
    assert.equal(world.batches.size, before)
  })

for (const seekable of [true, false]) {
  const kind = seekable ? 'file' : 'pipe'
  test(`a ${kind} that has grown goes on behind what was sent`, async () => {
    const world: World = { batches: new Map(), disk: undefined, ordered: false, together: 0 }
    await live(world, sendingOf(rows(12), seekable), Number.POSITIVE_INFINITY)
    const total = await live(world, sendingOf(rows(20), seekable), Number.POSITIVE_INFINITY)
    assert.ok(total !== 'killed')
    assert.equal(total.rows.loaded, 20)
    assert.equal([...world.batches.values()].map(({ text }) => text).join(''), rows(20))
  })
  test(`a last row of a ${kind} that was sent without its end, and has gone on since, is sent once more as a whole`, async () => {
    const world: World = { batches: new Map(), disk: undefined, ordered: false, together: 0 }
    await live(world, sendingOf('{"id":1}\n{"id":2', seekable), Number.POSITIVE_INFINITY)
    const total = await live(world, sendingOf('{"id":1}\n{"id":23}\n{"id":3}', seekable), Number.POSITIVE_INFINITY)
    assert.ok(total !== 'killed')
    assert.deepEqual([total.rows.received, total.rows.loaded, total.rows.rejected], [4, 3, 1])
    const texts = () => [...world.batches.values()].map(({ text }) => text)
    assert.deepEqual(texts(), ['{"id":1}\n{"id":2', '{"id":23}\n{"id":3}'])
    // Nothing but its end has come: the row is not sent again.
    const ended = await live(world, sendingOf('{"id":1}\n{"id":23}\n{"id":3}\r\n{"id":4}\n', seekable), Number.POSITIVE_INFINITY)
    assert.ok(ended !== 'killed')
    assert.equal(ended.rows.loaded, 4)
    assert.equal(texts()[2], '\r\n{"id":4}\n')
    const { next } = JSON.parse(world.disk!) as SendState
    assert.deepEqual([next.offset, next.line], [38, 5])
  })
}
