import { isUtf8 } from 'node:buffer'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { CopyWriter } from '#core/values/copy-writer.ts'
import { duplicateKey, parseExact, parseJson } from '#core/values/exact-json.ts'
import { fieldEncoder } from '#core/values/field.ts'
import type { FieldEncoder, TimeWindow } from '#core/values/field-encoder.ts'
import { keepsNumbers } from '#core/values/kept-numbers.ts'
import { daysFromCivil, dayUs } from '#core/values/moment.ts'
import { byteOrderMark, type Refusal, refuse } from '#core/values/reject.ts'
import { isFixColumn, rawColumn } from './fix-columns.ts'
import { IgnoredTally } from './ignored.ts'
import { nearNames, told } from './near-names.ts'

/** Turns the bytes of one row into one binary COPY row; a refused row leaves nothing in `out`. */
export type RowEncoder = (bytes: Buffer, line: number, offset: number, out: CopyWriter) => Refusal | undefined

export interface Field {
  readonly name: string
  readonly encode: FieldEncoder
  readonly optional: boolean
  /** JSON value for a row that leaves the column out; null when it has no default. */
  readonly absent: unknown
}

/** The dataset's columns with their encoders, in declared order. */
export function fieldsOf(dataset: Dataset, day: Date): Field[] {
  return Object.entries(dataset.columns).map(([name, column]) => ({
    name,
    encode: fieldEncoder(name, column, name === dataset.partitionBy?.column ? partitionWindow(dataset, day) : undefined),
    optional: column.optional,
    absent: column.default ?? null,
  }))
}

/** The days that a dataset keeps partitions for, counted from the load's. */
export function partitionWindow({ partitionBy }: Dataset, day: Date): TimeWindow {
  const today = daysFromCivil(day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate())
  return { from: (today - partitionBy!.past) * dayUs, to: (today + partitionBy!.ahead + 1) * dayUs }
}

/** How the rows of one load are encoded. */
export interface RowOptions {
  /** The load's day: it fixes the partition window, so that a retry decides alike. */
  readonly day: Date
  /** Lead every row with its line and offset: staging sorts by the one, and a row that only Postgres can refuse is reported by both. */
  readonly lead: boolean
}

/**
 * Encodes values that are already apart.
 * @param valueAt the value of field i, or undefined when the row leaves it out
 */
export function encodeRow(
  fields: readonly Field[],
  lead: boolean,
  valueAt: (i: number) => unknown,
  line: number,
  offset: number,
  out: CopyWriter,
): Refusal | undefined {
  const start = out.length
  out.fieldCount(fields.length + (lead ? 2 : 0))
  if (lead) {
    out.int64(line)
    out.int64(offset)
  }
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    const value = valueAt(i)
    const refusal =
      value === undefined && !field.optional
        ? refuse('missing-column', field.name, 'the column is missing and has no default')
        : field.encode(value === undefined ? field.absent : value, out)
    if (refusal) {
      out.truncate(start)
      return refusal
    }
  }
  return undefined
}

/**
 * Rows of NDJSON: one JSON object a line.
 * @param ignored counts the keys that are passed over
 */
export function jsonRowEncoder(dataset: Dataset, { day, lead }: RowOptions, ignored = new IgnoredTally()): RowEncoder {
  const fields = fieldsOf(dataset, day)
  const exact = needsExactNumbers(dataset)
  const refuseUnknown = dataset.unknownColumns === 'reject'
  const places = new Map(fields.map(({ name }, i) => [name, i]))
  const near = nearNames(dataset)
  /** The values of the row that is read, by their place in the dataset. */
  const found: unknown[] = fields.map(() => undefined)
  /** Its keys that are passed over. */
  const passedOver: string[] = []
  const valueAt = (i: number): unknown => found[i]
  return (bytes, line, offset, out) => {
    const text = decode(bytes)
    if (text === undefined) return notUtf8
    if (text.startsWith('\ufeff')) return byteOrderMark
    let row: unknown
    let twice: ReturnType<typeof duplicateKey>
    try {
      row = keepsNumbers(bytes, exact) ? parseJson(text) : parseExact(text)
      twice = duplicateKey(text, row)
    } catch (error) {
      // Nesting beyond V8's stack, which only some of what reads it goes through level by level
      if (error instanceof RangeError) return refuse('too-deep', null, 'the row is nested too deeply')
      return refuse('invalid-json', null, error instanceof Error ? error.message.replace(placeInRow, '') : 'not JSON')
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      return refuse('not-an-object', null, 'a row must be a JSON object: {"column": value, …}')
    const values = row as Record<string, unknown>
    if (twice)
      return refuse('duplicate-key', shortened(twice.under), `the key ${JSON.stringify(shortened(twice.key))} stands twice in one object`)
    found.fill(undefined)
    let nearKey: string | undefined
    passedOver.length = 0
    for (const key in values) {
      const place = places.get(key)
      if (place !== undefined) found[place] = values[key]
      else if (key === rawColumn || (refuseUnknown && !isFixColumn(key))) return unknownColumn(key, near(key))
      else {
        passedOver.push(key)
        nearKey ??= near(key) === undefined ? undefined : key
      }
    }
    if (nearKey !== undefined && found[places.get(near(nearKey)!)!] === undefined) return unknownColumn(nearKey, near(nearKey))
    const refusal = encodeRow(fields, lead, valueAt, line, offset, out)
    if (!refusal) for (const key of passedOver) if (!isFixColumn(key)) ignored.add(key)
    return refusal
  }
}

/** What V8 says of the place of a fault: a line of the row, which is none of the file. */
const placeInRow = / \(line \d+ column \d+\)/

/** The first name that stands there twice. */
export function firstTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find((name) => seen.size === seen.add(name).size)
}

export const notUtf8 = refuse('invalid-utf8', null, 'the row is not valid UTF-8')

/** UTF-8 to text, or undefined. Only a text with a replacement character needs the second look at its bytes. */
export function decode(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') && !isUtf8(bytes) ? undefined : text
}

function unknownColumn(key: string, near: string | undefined): Refusal {
  return refuse('unknown-column', shortened(key), near === undefined ? 'the dataset has no such column' : `the row ${told(key, near)}`)
}

const shortened = (key: string): string => (key.length > 63 ? `${key.slice(0, 63)}…` : key)

const needsExactNumbers = (dataset: Dataset): boolean =>
  Object.values(dataset.columns).some(({ type, element }) => ['numeric', 'jsonb'].includes(element?.type ?? type))
