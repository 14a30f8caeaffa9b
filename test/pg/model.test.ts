import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { bigint, date, integer, numeric, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import type { Strategy } from '#platform/postgres/commit-chunk.ts'
import { Pipeline } from '../support/pipeline.ts'
import { below, type Random, randomFrom } from '../support/random.ts'
import { scratchTables } from '../support/scratch-tables.ts'

const columns = { id: bigint(), n: integer(), name: text() }
const keeps = dataset('keeps', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'ignore' })
const latest = dataset('latest', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', orderingKey: 'id' })
const newest = dataset('newest', { description: 'a test', columns, primaryKey: ['id'], onConflict: 'update', version: 'n' })
/** Equal keys of other bytes, which no loader can tell. */
const exact = dataset('exact', { description: 'a test', columns: { ...columns, id: numeric() }, primaryKey: ['id'], onConflict: 'ignore' })
const daily = dataset('daily', {
  description: 'a test',
  columns: { ...columns, day: date({ default: '2026-03-01' }) },
  primaryKey: ['day', 'id'],
  onConflict: 'update',
  version: 'n',
  partitionBy: { column: 'day', every: 'day', past: 1, ahead: 1 },
})
const tables: readonly Dataset[] = [keeps, latest, newest, exact, daily]

const today = new Date('2026-03-01T12:00:00Z')
const { db, connect } = await scratchTables(tables, { stagingSlots: 4, today })
const killer = await connect()
await db.query(`CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.name = 'raised' THEN RAISE EXCEPTION 'timeout expired' USING ERRCODE = '40001'; END IF;
  IF NEW.name = 'dropped' THEN RETURN NULL; END IF;
  RETURN NEW; END $$`)
for (const { name } of tables)
  await db.query(
    `ALTER TABLE ${name} ADD CHECK (name <> 'checked'); CREATE TRIGGER judge BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION judge()`,
  )

/** A line of a file: a row that may be loaded, or one that must be rejected. */
interface Line {
  readonly text: string
  readonly id: number | undefined
  readonly n: number
}

const pick = <T>(random: Random, of: readonly T[]): T => of[below(random, of.length)]!

/** Rows that can never be loaded have keys of their own, so that what becomes of them does not hang on their neighbours. */
function linesOf(random: Random, keys: number, count: number, load: number, wider: string): Line[] {
  return Array.from({ length: count }, (_, i) => {
    const n = load * 10_000 + i
    const own = 1_000_000 + n
    const dice = random()
    if (dice < 0.01) return { text: '{"id":', id: undefined, n }
    if (dice < 0.02) return { text: JSON.stringify({ id: own, n, name: 'checked' }), id: undefined, n }
    if (dice < 0.03) return { text: JSON.stringify({ id: own, n, name: pick(random, ['raised', 'dropped']) }), id: undefined, n }
    const id = below(random, keys)
    const name = 'x'.repeat(below(random, 40))
    // Versions come in any order, each once.
    const version = (n * 7919) % 1_000_003
    return { text: JSON.stringify({ id, n: version, name }).replace(/"id":\d+/, random() < 0.5 ? '$&' : wider), id, n: version }
  })
}

async function round(seed: number): Promise<void> {
  const random = randomFrom(seed)

  const d: Dataset = pick(random, tables)
  await db.query(`TRUNCATE ${d.name}, millrace.ledger`)
  const p = new Pipeline(d, connect)
  p.strategy = pick<Strategy | undefined>(random, ['direct', 'probed', 'staged', undefined])
  p.mostFailures = 5_000
  const workers = 1 + below(random, 4)
  const keys = pick(random, [5, 100, 2_000])
  const kills = pick(random, [0, 0, 0.05, 0.2])
  const files = Array.from({ length: 1 + below(random, 4) }, (_, load) =>
    linesOf(random, keys, 1 + below(random, 1_500), load, d === exact ? '$&.0' : '$&'),
  )
  const loads = files.map((lines) => {
    const gzip = random() < 0.4
    const content = Buffer.from(lines.map((line) => line.text).join('\n'))
    return p.open(gzip ? gzipSync(content) : content, 'ndjson', gzip ? 'gzip' : 'none', pick(random, [2_000, 10_000, 50_000]), {
      createdAt: today.toISOString(),
    })
  })
  for (const job of [...p.queue]) if (random() < 0.2) p.queue.push({ ...job })
  p.queue.sort(() => random() - 0.5)
  const kill = async (chunk: string) => {
    if (random() < kills && killsLeft-- > 0) await killer.query('SELECT pg_terminate_backend($1)', [p.backends.get(chunk)])
  }
  const died = new Set<string>()
  let over = false
  let killsLeft = 30
  // Others die at any moment: before the COPY, within the merge, between COMMIT and its answer.
  const killing = (async () => {
    while (!over && kills > 0 && killsLeft-- > 0) {
      await sleep(5 + 40 * random())
      const backends = [...p.backends.values()]
      if (backends.length > 0)
        await db.query('SELECT pg_terminate_backend($1)', [backends.at(-1 - below(random, Math.min(4, backends.length)))])
    }
  })()
  try {
    await p.drain(workers, undefined, (deps) => ({
      ...deps,
      commitChunk: (l, t, place, read, ...more) =>
        deps.commitChunk(
          l,
          t,
          place,
          async (sink, lead) => {
            await kill(`${l.id}/${place.chunk}`)
            const facts = await read(sink, lead)
            await kill(`${l.id}/${place.chunk}`)
            return facts
          },
          ...more,
        ),
      projectChunk: async (l, result) => {
        const dies = random() < kills && !died.has(`${l.id}/${result.chunk}`)
        const before = random() < 0.5
        if (dies) died.add(`${l.id}/${result.chunk}`)
        if (dies && before) throw new Error('killed before it was shown')
        await deps.projectChunk(l, result)
        if (dies) throw new Error('killed after it was shown')
      },
    }))
  } finally {
    over = true
    await killing
  }
  const what = `seed ${seed}: ${d.name}, strategy ${p.strategy}, ${files.length} loads, ${workers} workers, ${keys} keys, ${p.failures.length} failures`
  const counts = loads.map(({ id }) => p.receipt(id))
  const wanted = new Set(files.flat().flatMap(({ id }) => id ?? []))
  const sum = (outcome: 'loaded' | 'updated' | 'duplicate') => counts.reduce((total, { rows }) => total + rows[outcome], 0)
  for (const [i, { state, reconciles, rows, problem }] of counts.entries()) {
    const bad = files[i]!.flatMap(({ id }, line) => (id === undefined ? [line + 1] : []))
    assert.deepEqual([state, problem, reconciles], ['complete', null, true], what)
    assert.deepEqual([rows.received, rows.rejected, rows.pending], [files[i]!.length, bad.length, 0], what)
    assert.ok(
      Object.values(rows).every((n) => n >= 0),
      what,
    )
    assert.deepEqual(
      p
        .rejectsOf(loads[i]!.id)
        .map(({ line }) => line)
        .sort((a, b) => a - b),
      bad,
      what,
    )
    const good = files[i]!.length - bad.length
    assert.equal(rows.loaded + rows.updated + rows.duplicate, good, what)
    if (d.onConflict === 'ignore') assert.equal(rows.updated, 0, what)
    if (d === latest) assert.equal(rows.duplicate, 0, what)
  }
  assert.equal(sum('loaded'), wanted.size, what)
  const stored = (await db.query(`SELECT id::int, n FROM ${d.name} ORDER BY id`)).rows as { id: number; n: number }[]
  assert.deepEqual(
    stored.map(({ id }) => id),
    [...wanted].sort((a, b) => a - b),
    what,
  )
  for (const { id, n } of stored) {
    const versions = files.map((lines) => lines.filter((line) => line.id === id).map((line) => line.n)).filter((v) => v.length > 0)
    if (d.onConflict === 'ignore') assert.ok(versions.flat().includes(n), what)
    // Chunks of one load keep their order; loads that run at the same time have none among them.
    if (d === latest)
      assert.ok(
        versions.some((of) => of.at(-1) === n),
        `${what}: key ${id} has ${n}`,
      )
    if (d.version) assert.equal(n, Math.max(...versions.flat()), `${what}: key ${id}`)
  }
}

/** SEED=... plays one round here again; RUNS=300 plays more of them. */
const first = process.env.SEED ? Number(process.env.SEED) : below(Math.random, 2 ** 30)
const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 8)

test('whatever the policy, the strategy, what is killed and who loads at the same time: rows and counts are those of a plain model', async () => {
  for (let seed = first; seed < first + runs; seed++) await round(seed)
})
