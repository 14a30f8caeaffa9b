import type { SchemaElement } from 'hyparquet'
import { parseFloat16 } from 'hyparquet/src/convert.js'
import type { Column } from '#core/columns/column.ts'
import { decode } from '#core/rows/row.ts'
import { duplicateKey, parseExact } from '#core/values/exact-json.ts'
import { rowTooLarge } from '#core/values/reject.ts'
import { exact } from './plain.ts'

/** A value that is none: the row is refused with this code. */
export class BadValue {
  readonly code: 'wrong-type' | 'invalid-utf8' | 'invalid-format' | 'out-of-range' | 'row-too-large'
  readonly message: string
  /** What it looks like, as nearly as text can say it. */
  readonly shown: string

  constructor(code: BadValue['code'], message: string, shown = '') {
    this.code = code
    this.message = message
    this.shown = shown
  }
}

const tooLarge = new BadValue('row-too-large', rowTooLarge.message)

/** One stored value, as `plain.ts` has it, as the JSON value that a column's encoder takes. Never called with null. */
export type ValueReader = (stored: unknown) => unknown

/**
 * How the values of a Parquet column become those of a dataset's: by the stored type and what is declared of it, never by a guess.
 * Types: https://parquet.apache.org/docs/file-format/types/logicaltypes/
 * @param largest bytes of a row
 * @returns undefined for a type that no column of a dataset can hold
 */
export function valueReader(element: SchemaElement, column: Column, largest: number): ValueReader | undefined {
  const read = readerOf(element, column)
  // Not to be decoded for nothing: a dictionary may have such a value once and a million rows that point to it.
  const isBytes = element.type === 'BYTE_ARRAY' || element.type === 'FIXED_LEN_BYTE_ARRAY'
  return read && isBytes ? (stored) => ((stored as Buffer).length > largest ? tooLarge : read(stored)) : read
}

function readerOf(element: SchemaElement, column: Column): ValueReader | undefined {
  const kind = kindOf(element)
  switch (kind.name) {
    case 'plain':
      return (stored) =>
        typeof stored === 'bigint' ? whole(stored) : Buffer.isBuffer(stored) ? bytesAs(stored, column) : floatAs(stored, column)
    case 'half':
      return (stored) => floatAs(parseFloat16(stored as Buffer), column)
    case 'unsigned':
      return (stored) => whole(BigInt.asUintN(kind.bits, BigInt(stored as number | bigint)))
    case 'decimal':
      if (kind.scale > 0 && inexact.includes(column.type)) return (stored) => notExactly(element, kind.scale, column, stored)
      return (stored) => (Buffer.isBuffer(stored) && stored.length > largestDecimal ? noDecimal : decimal(unscaled(stored), kind.scale))
    case 'none':
      return () => new BadValue('invalid-format', 'a value in a column that is declared to have none')
    case 'text':
      return column.type === 'jsonb' ? (stored) => jsonOf(stored as Buffer) : (stored) => textOf(stored as Buffer)
    case 'uuid':
      return (stored) => uuid((stored as Buffer).toString('hex'))
    case 'date':
      return (stored) => dateOf(stored as number)
    case 'time':
      return (stored) => timeOf(stored as number | bigint, kind.perSecond, kind.utc)
    default:
      return undefined
  }
}

type Kind =
  | { readonly name: 'none' | 'plain' | 'half' | 'text' | 'uuid' | 'date' | 'other' }
  | { readonly name: 'unsigned'; readonly bits: number }
  | { readonly name: 'decimal'; readonly scale: number }
  | { readonly name: 'time'; readonly perSecond: number; readonly utc: boolean }

const perSecond = { MILLIS: 1000, MICROS: 1_000_000, NANOS: 1_000_000_000 } as const

/** What a column holds. Newer files say it by the logical type, older ones by the converted type. */
function kindOf({ type, converted_type: old, logical_type: logical, scale }: SchemaElement): Kind {
  switch (logical?.type) {
    case 'STRING':
    case 'ENUM':
    case 'JSON':
      return { name: 'text' }
    case 'UUID':
      return { name: 'uuid' }
    case 'DATE':
      return { name: 'date' }
    case 'DECIMAL':
      return decimalOf(logical.scale)
    case 'INTEGER':
      return logical.isSigned ? { name: 'plain' } : { name: 'unsigned', bits: logical.bitWidth }
    case 'TIMESTAMP':
      return { name: 'time', perSecond: perSecond[logical.unit], utc: logical.isAdjustedToUTC }
    case 'FLOAT16':
      return { name: 'half' }
    // What pandas and others write of a column without a single value.
    case 'NULL':
      return { name: 'none' }
    case undefined:
      break
    default:
      return { name: 'other' }
  }
  switch (old) {
    case 'UTF8':
    case 'ENUM':
    case 'JSON':
      return { name: 'text' }
    case 'DATE':
      return { name: 'date' }
    case 'DECIMAL':
      return decimalOf(scale)
    case 'UINT_8':
    case 'UINT_16':
    case 'UINT_32':
    case 'UINT_64':
      return { name: 'unsigned', bits: Number(old.slice(5)) }
    case 'INT_8':
    case 'INT_16':
    case 'INT_32':
    case 'INT_64':
      return { name: 'plain' }
    case 'TIMESTAMP_MILLIS':
      return { name: 'time', perSecond: perSecond.MILLIS, utc: true }
    case 'TIMESTAMP_MICROS':
      return { name: 'time', perSecond: perSecond.MICROS, utc: true }
    case undefined:
      // INT96 is how Spark and Hive wrote points in time; the reader gives nanoseconds.
      return type === 'INT96' ? { name: 'time', perSecond: perSecond.NANOS, utc: true } : { name: 'plain' }
    default:
      return { name: 'other' }
  }
}

/** Digits behind the point that Postgres can keep. */
const largestScale = 16_383
const decimalOf = (scale = 0): Kind => (scale >= 0 && scale <= largestScale ? { name: 'decimal', scale } : { name: 'other' })
/** Bytes of a decimal: Postgres keeps 131,072 digits before the point and those behind it. */
const largestDecimal = 64 * 1024
const noDecimal = new BadValue('out-of-range', 'the number has more digits than Postgres keeps')

/** Types that do not keep digits behind a point as they are. */
const inexact: readonly Column['type'][] = ['smallint', 'integer', 'bigint', 'real', 'double precision']
const notExactly = ({ precision, logical_type: logical }: SchemaElement, scale: number, { type }: Column, stored: unknown): BadValue => {
  const digits = (logical?.type === 'DECIMAL' ? logical.precision : precision) ?? scale
  return new BadValue(
    'wrong-type',
    `the file has DECIMAL(${digits},${scale}), which a column of type ${type} would not keep exactly; numeric({ precision: ${digits}, scale: ${scale} }) takes it`,
    Buffer.isBuffer(stored) && stored.length > largestDecimal ? '' : String(decimal(unscaled(stored), scale)),
  )
}

/** A whole number as JSON has it: a number while that is exact, else its digits. */
function whole(value: bigint): number | string {
  const number = exact(value)
  return typeof number === 'number' ? number : String(number)
}

function unscaled(stored: unknown): bigint {
  if (!Buffer.isBuffer(stored)) return BigInt(stored as number | bigint)
  if (stored.length === 0) return 0n
  return BigInt.asIntN(stored.length * 8, BigInt(`0x${stored.toString('hex')}`))
}

function decimal(value: bigint, scale: number): number | string {
  if (scale === 0) return whole(value)
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A column of numbers says itself what it does not take; JSON would have null in the place of NaN and the infinities. */
const floatAs = (stored: unknown, column: Column): unknown =>
  column.type === 'jsonb' && typeof stored === 'number' && !Number.isFinite(stored)
    ? new BadValue('invalid-format', 'a number that JSON does not have', String(stored))
    : stored

/** Bytes of which the file says nothing: a bytea's, or text, which older writers meant by them. */
function bytesAs(stored: Buffer, column: Column): unknown {
  if (column.type === 'bytea') return stored.toString('base64')
  return column.type === 'text' || column.type === 'enum'
    ? textOf(stored)
    : new BadValue('invalid-format', 'bytes of which the file does not say what they are', stored.toString('base64'))
}

const textOf = (stored: Buffer): string | BadValue =>
  decode(stored) ?? new BadValue('invalid-utf8', 'the text is not valid UTF-8', stored.toString())

function jsonOf(stored: Buffer): unknown {
  const text = textOf(stored)
  if (text instanceof BadValue) return text
  try {
    const value = parseExact(text)
    if (!duplicateKey(text, value)) return value
  } catch {
    // Said below
  }
  return new BadValue('invalid-format', 'the text is not JSON (each key once in its object)', text)
}

const uuid = (hex: string): string => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`

/** @param days since 1970-01-01 */
const dateOf = (days: number): unknown => isoOf(days * 86_400)?.slice(0, 10) ?? noTime(days)

/** ISO 8601; with Z when the file says that the time is UTC, without when it is somebody's local time. */
function timeOf(value: number | bigint, unit: number, utc: boolean): unknown {
  const left = typeof value === 'number' ? value % unit : Number(value % BigInt(unit))
  const fraction = left < 0 ? left + unit : left
  const seconds = typeof value === 'number' ? (value - fraction) / unit : Number((value - BigInt(fraction)) / BigInt(unit))
  const iso = isoOf(seconds)
  if (iso === undefined) return noTime(value)
  const digits = String(fraction).padStart(String(unit).length - 1, '0')
  // What is finer than Postgres stores is only said where it is not zero.
  const short = digits.length > 6 && digits.endsWith('000') ? digits.slice(0, 6) : digits
  return `${iso.slice(0, 19)}.${short}${utc ? 'Z' : ''}`
}

const noTime = (value: unknown): BadValue =>
  new BadValue('invalid-format', `${String(value)} is no time from the year 1 to 9999`, String(value))

/** Rows often come in the order of time: one conversion serves many. */
let lastSeconds: number | undefined
let lastIso: string | undefined
function isoOf(seconds: number): string | undefined {
  if (seconds !== lastSeconds) {
    lastSeconds = seconds
    lastIso = seconds >= -62_135_596_800 && seconds <= 253_402_300_799 ? new Date(seconds * 1000).toISOString() : undefined
  }
  return lastIso
}
