import { bigint, boolean, doublePrecision, integer, jsonb, numeric, smallint, text, timestamptz, uuid } from '#core/columns/column.ts'
import { type Columns, type Dataset, dataset } from '#core/dataset/dataset.ts'

/** Data that is not like flights: generated, the same at every run. */
export interface Shape {
  readonly key: string
  readonly name: string
  readonly dataset: Dataset
  /** Bytes of NDJSON of one row, about: how many rows make a file of some size. */
  readonly bytes: number
  readonly row: (id: number, random: Random) => Record<string, unknown>
}

/** A whole number from 0 up to, not including, `n`. */
export type Random = (n: number) => number

/** Mulberry32: small, fast, and the same everywhere. */
export function seeded(seed: number): Random {
  let state = seed
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n)
  }
}

const iso = (random: Random): string => new Date(978_307_200_000 + random(800_000_000) * 1000).toISOString()
const words = 'the quick brown fox jumps over a lazy dog while seven wizards box and nobody minds the rain at all'.split(' ')
const sentence = (random: Random, n: number, from: readonly string[] = words): string =>
  Array.from({ length: n }, () => from[random(from.length)]).join(' ')
const foreign = 'ночь улица фонарь аптека 東京 大阪 naïve façade Århus smörgåsbord Ελλάδα שלום 🌊'.split(' ')

const wideTypes = [
  integer(),
  bigint(),
  doublePrecision(),
  text({ max: 20 }),
  timestamptz(),
  boolean(),
  smallint(),
  uuid(),
  integer(),
  text(),
]
const wideValues: readonly ((random: Random) => unknown)[] = [
  (r) => r(2_000_000_000) - 1_000_000_000,
  (r) => r(2 ** 45),
  (r) => r(1_000_000) / 1000,
  (r) => words[r(words.length)],
  iso,
  (r) => r(2) === 1,
  (r) => r(30_000),
  (r) => hex(r, 8) + ['', '', '', ''].map(() => `-${hex(r, 4)}`).join('') + hex(r, 8),
  (r) => r(100),
  (r) => sentence(r, 3),
]
const hex = (random: Random, n: number): string => Array.from({ length: n }, () => random(16).toString(16)).join('')
const wideNames = Array.from({ length: 99 }, (_, i) => `c${i + 1}`)

const keyed = (name: string, columns: Columns): Dataset =>
  dataset(name, { description: 'made up for the bench', columns: { id: bigint(), ...columns }, primaryKey: ['id'], onConflict: 'ignore' })

export const shapes: readonly Shape[] = [
  {
    key: 'wide',
    name: '100 columns',
    dataset: keyed('bench_wide', Object.fromEntries(wideNames.map((name, i) => [name, wideTypes[i % 10]!]))),
    bytes: 2300,
    row: (id, random) => ({ id, ...Object.fromEntries(wideNames.map((name, i) => [name, wideValues[i % 10]!(random)])) }),
  },
  {
    key: 'long-text',
    name: 'text of 1 to 3 kB',
    dataset: keyed('bench_long', { title: text({ max: 200 }), body: text() }),
    bytes: 2100,
    row: (id, random) => ({ id, title: sentence(random, 6), body: sentence(random, 200 + random(400)) }),
  },
  {
    key: 'jsonb',
    name: 'mostly jsonb',
    dataset: keyed('bench_jsonb', { at: timestamptz(), payload: jsonb() }),
    bytes: 380,
    row: (id, random) => ({
      id,
      at: iso(random),
      payload: {
        user: { id: random(1e6), name: sentence(random, 2), tags: [words[random(words.length)], words[random(words.length)]] },
        items: Array.from({ length: 4 }, () => ({ sku: hex(random, 8), quantity: random(10), price: random(100_000) / 100 })),
        note: sentence(random, 8),
        paid: random(2) === 1,
        coupon: null,
      },
    }),
  },
  {
    key: 'nulls',
    name: 'many NULLs',
    dataset: keyed(
      'bench_nulls',
      Object.fromEntries(
        [
          integer({ nullable: true }),
          text({ nullable: true }),
          doublePrecision({ nullable: true }),
          timestamptz({ nullable: true }),
          numeric({ nullable: true, precision: 12, scale: 2 }),
        ]
          .flatMap((column) => [column, column, column, column])
          .map((column, i) => [`c${i + 1}`, column]),
      ),
    ),
    bytes: 310,
    row: (id, random) => ({
      id,
      ...Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => {
          const value = () =>
            [() => random(1000), () => words[random(words.length)], () => random(1000) / 8, () => iso(random), () => random(100_000) / 100][
              Math.floor(i / 4)
            ]!()
          return [`c${i + 1}`, random(10) === 0 ? value() : null]
        }),
      ),
    }),
  },
  {
    key: 'non-ascii',
    name: 'text that is not ASCII',
    dataset: keyed('bench_unicode', { name: text({ max: 100 }), city: text(), note: text() }),
    bytes: 270,
    row: (id, random) => ({
      id,
      name: sentence(random, 2, foreign),
      city: foreign[random(foreign.length)],
      note: sentence(random, 12, foreign),
    }),
  },
]
