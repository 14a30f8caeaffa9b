import type { Column } from './column.ts'
import type { CopyWriter } from './copy-writer.ts'
import { parseDecimal } from './decimal.ts'
import { isExactNumber } from './exact-json.ts'
import { dayUs, type MomentFault, parseDate, parseTimestamp } from './moment.ts'
import { type Refusal, refuse } from './reject.ts'

/**
 * Writes one JSON value as one binary COPY field, or says why it cannot. Nothing is coerced: a string is never a number,
 * a number never text. This is the definition of what each column takes; `docs/types.md` shows it as a table.
 */
export type FieldEncoder = (value: unknown, out: CopyWriter) => Refusal | undefined

export function fieldEncoder(name: string, column: Column, window?: TimeWindow): FieldEncoder {
  const encode = encoders[column.type](name, column, window)
  const noNull = refuse('null-not-allowed', name, 'the column does not take null')
  return (value, out) => {
    if (value !== null) return encode(value, out)
    if (!column.nullable) return noNull
    out.null()
    return undefined
  }
}

/** Microseconds since 2000-01-01, [from, to): the partitions that exist for a partitioned dataset. */
export interface TimeWindow {
  readonly from: number
  readonly to: number
}

type EncoderOf = (name: string, column: Column, window?: TimeWindow) => FieldEncoder

const whole =
  (type: 'smallint' | 'integer', min: number, max: number): EncoderOf =>
  (name) =>
  (value, out) => {
    const number = asNumber(value)
    if (number === undefined) return wrongType(name, 'a whole number', value)
    if (!isWhole(value)) return refuse('wrong-type', name, `${numberText(value)} is not a whole number`)
    if (number < min || number > max) return refuse('out-of-range', name, `${number} does not fit ${type} (${min} to ${max})`)
    // `| 0` turns -0 into 0: the same whole number
    if (type === 'smallint') out.int16(number | 0)
    else out.int32(number | 0)
    return undefined
  }

const bigint: EncoderOf = (name) => (value, out) => {
  const number = asNumber(value)
  if (number !== undefined) {
    if (!isWhole(value)) return refuse('wrong-type', name, `${numberText(value)} is not a whole number`)
    if (!Number.isSafeInteger(number))
      return refuse('out-of-range', name, 'a JSON number beyond 2^53 - 1 is not exact: send the digits as a string')
    out.int64(number)
    return undefined
  }
  if (typeof value !== 'string') return wrongType(name, 'a whole number or a string of digits', value)
  if (!/^-?\d{1,19}$/.test(value)) return refuse('invalid-format', name, `${quote(value)} is not a string of digits`)
  const big = BigInt(value)
  if (BigInt.asIntN(64, big) !== big) return refuse('out-of-range', name, `${value} does not fit bigint`)
  out.bigint(big)
  return undefined
}

const numeric: EncoderOf = (name, column) => (value, out) => {
  const text = numberText(value) ?? (typeof value === 'string' ? value : undefined)
  if (text === undefined) return wrongType(name, 'a number or a string of digits', value)
  const decimal = parseDecimal(text)
  if (!decimal) return refuse('invalid-format', name, `${quote(text)} is not a decimal number of at most 2,000 digits`)
  if (column.precision !== undefined) {
    const scale = column.scale ?? 0
    if (decimal.integerDigits > column.precision - scale)
      return refuse('out-of-range', name, `${quote(text)} does not fit numeric(${column.precision},${scale})`)
    if (decimal.scale > scale) return refuse('too-precise', name, `${quote(text)} has more than ${scale} digits after the point`)
  }
  out.numeric(decimal.digits, decimal.weight, decimal.negative && decimal.digits.length > 0, column.scale ?? decimal.scale)
  return undefined
}

const float =
  (type: 'real' | 'double precision'): EncoderOf =>
  (name) =>
  (value, out) => {
    const number = asNumber(value)
    if (number === undefined) return wrongType(name, 'a number', value)
    const stored = type === 'real' ? Math.fround(number) : number
    if (!Number.isFinite(stored) || (stored === 0 && !isZero(value))) return refuse('out-of-range', name, `the number does not fit ${type}`)
    if (type === 'real') out.float32(stored)
    else out.float64(stored)
    return undefined
  }

const text: EncoderOf = (name, column) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'text', value)
  if (column.max !== undefined && value.length > column.max && codePoints(value) > column.max)
    return refuse('too-long', name, `the text has ${codePoints(value)} characters; the column takes ${column.max}`)
  if (!storable(value)) return refuse('invalid-text', name, 'the text has a NUL or half a surrogate pair, which Postgres cannot store')
  out.text(value)
  return undefined
}

/** Levels of arrays and objects in one jsonb value: far below what makes Postgres or JSON.stringify run out of stack. */
const jsonDepth = 500

const jsonb: EncoderOf = (name) => (value, out) => {
  if (deeper(value, jsonDepth)) return refuse('too-deep', name, `the JSON is nested more than ${jsonDepth} levels deep`)
  const json = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, both refused by jsonb; a backslash before them makes them harmless text
  if (json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json))
    return refuse('invalid-text', name, 'the JSON has a NUL or half a surrogate pair, which Postgres cannot store')
  if (suspicious.test(json) && hasHugeNumber(value)) return refuse('out-of-range', name, 'the JSON has a number that Postgres cannot store')
  out.text(json, 1)
  return undefined
}

/** Digits that a numeric keeps before and behind the point (https://www.postgresql.org/docs/18/datatype-numeric.html); a number in jsonb is a numeric. */
const [wholeDigits, fractionDigits] = [131_072, 16_383]
/** What a number must have to be too large. */
const suspicious = /[\d.]{4000}|\d[eE][+-]?\d{4}/
function hasHugeNumber(value: unknown): boolean {
  if (isExactNumber(value)) {
    const [, digits = '', fraction = '', exponent = '0'] = numberParts.exec(value.rawJSON)!
    return digits.length + Number(exponent) > wholeDigits || fraction.length - Number(exponent) > fractionDigits
  }
  return typeof value === 'object' && value !== null && Object.values(value).some(hasHugeNumber)
}

function deeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  for (const key in value) if (deeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}

const uuid: EncoderOf = (name) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'a UUID', value)
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value))
    return refuse('invalid-format', name, `${quote(value)} is not a UUID (8-4-4-4-12 hex digits)`)
  out.uuid(value.replaceAll('-', ''))
  return undefined
}

const date: EncoderOf = (name, _, window) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'a date (YYYY-MM-DD)', value)
  const days = parseDate(value)
  if (typeof days !== 'number') return momentFault(name, value, days, 'a date (YYYY-MM-DD)')
  if (window && outside(days * dayUs, window)) return outsidePartitions(name, value)
  out.int32(days)
  return undefined
}

const moment =
  (offset: boolean): EncoderOf =>
  (name, _, window) =>
  (value, out) => {
    const what = offset ? 'an ISO 8601 time with Z or an offset' : 'an ISO 8601 time without offset'
    if (typeof value !== 'string') return wrongType(name, what, value)
    const us = parseTimestamp(value, offset)
    if (typeof us === 'string') return momentFault(name, value, us, what)
    if (window && outside(us, window)) return outsidePartitions(name, value)
    if (typeof us === 'number') out.int64(us)
    else out.bigint(us)
    return undefined
  }

const boolean: EncoderOf = (name) => (value, out) => {
  if (typeof value !== 'boolean') return wrongType(name, 'true or false', value)
  out.boolean(value)
  return undefined
}

const bytea: EncoderOf = (name) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'base64', value)
  const bytes = Buffer.from(value, 'base64')
  // Buffer.from passes over what is not base64: only a text that comes back the same was read to the last bit
  if (bytes.toString('base64') !== value)
    return refuse('invalid-format', name, `${quote(value)} is not base64 (RFC 4648, section 4, with padding)`)
  out.bytes(bytes)
  return undefined
}

const oneOf: EncoderOf = (name, column) => {
  const values = new Set(column.values)
  return (value, out) => {
    if (typeof value !== 'string') return wrongType(name, 'text', value)
    if (!values.has(value)) return refuse('unknown-value', name, `${quote(value)} is none of the values that the column declares`)
    out.text(value)
    return undefined
  }
}

/** Types by the numbers that Postgres gives them (pg_type.dat); a binary array names its elements' type. */
const oids: Record<Exclude<Column['type'], 'array'>, number> = {
  smallint: 21,
  integer: 23,
  bigint: 20,
  numeric: 1700,
  real: 700,
  'double precision': 701,
  boolean: 16,
  text: 25,
  uuid: 2950,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  jsonb: 3802,
  bytea: 17,
  enum: 25,
}
const varcharOid = 1043

const array: EncoderOf = (name, column) => {
  const element = column.element!
  const encode = fieldEncoder(name, element)
  const oid = element.type === 'array' ? 0 : element.max === undefined ? oids[element.type] : varcharOid
  return (value, out) => {
    if (!Array.isArray(value)) return wrongType(name, 'an array', value)
    const start = out.beginArray(oid, value.length, value.includes(null))
    for (const [i, each] of value.entries()) {
      const refusal = encode(each, out)
      if (refusal) return { ...refusal, message: `element ${i + 1}: ${refusal.message}` }
    }
    out.endArray(start)
    return undefined
  }
}

const encoders: Record<Column['type'], EncoderOf> = {
  smallint: whole('smallint', -32768, 32767),
  integer: whole('integer', -2147483648, 2147483647),
  bigint,
  numeric,
  real: float('real'),
  'double precision': float('double precision'),
  boolean,
  text,
  uuid,
  date,
  timestamp: moment(false),
  timestamptz: moment(true),
  jsonb,
  bytea,
  enum: oneOf,
  array,
}

/** The digits of a JSON number as they were written (see exact-json.ts). */
const numberText = (value: unknown): string | undefined =>
  typeof value === 'number' ? String(value) : isExactNumber(value) ? value.rawJSON : undefined
const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : isExactNumber(value) ? Number(value.rawJSON) : undefined

/** A JSON number: digits before and behind the point, and the exponent. */
const numberParts = /^-?(\d+)(?:\.(\d+))?(?:[eE](.+))?$/
/** True for a whole number to its last digit: 1e3 and 1.0 are, 1.00000000000000001 is not. */
function isWhole(value: unknown): boolean {
  if (!isExactNumber(value)) return Number.isInteger(value)
  const [, digits = '', fraction = '', exponent = '0'] = numberParts.exec(value.rawJSON)!
  const zeros = /0*$/.exec(digits + fraction)![0].length
  return fraction.length - zeros <= Number(exponent) || isZero(value)
}
/** True for a number that is written as zero: 1e-400 is not, though a double cannot tell. */
const isZero = (value: unknown): boolean => (isExactNumber(value) ? /^-?[0.]+(?:[eE]|$)/.test(value.rawJSON) : value === 0)

/** Postgres stores neither NUL nor half a surrogate pair. */
const storable = (value: string): boolean => !value.includes('\0') && value.isWellFormed()

/** Unicode code points, which is how Postgres counts the characters of a varchar. */
function codePoints(value: string): number {
  let n = 0
  for (const _ of value) n++
  return n
}

function wrongType(name: string, wanted: string, value: unknown): Refusal {
  const got = value === undefined ? 'nothing' : Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`
  return refuse('wrong-type', name, `${wanted} is needed, not ${got}`)
}

function momentFault(name: string, value: string, fault: MomentFault, wanted: string): Refusal {
  if (fault === 'range') return refuse('out-of-range', name, `${quote(value)} is no time that exists`)
  if (fault === 'precision') return refuse('too-precise', name, `${quote(value)} has more than 6 digits of a second`)
  return refuse('invalid-format', name, `${quote(value)} is not ${wanted}`)
}

const outside = (us: number | bigint, window: TimeWindow): boolean => us < window.from || us >= window.to
const outsidePartitions = (name: string, value: string): Refusal =>
  refuse('outside-partitions', name, `${quote(value)} lies outside the days that the dataset keeps partitions for`)

/** A value as it may stand in a message: short and on one line. */
const quote = (value: string): string => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
