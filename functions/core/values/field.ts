import type { Column } from '#core/columns/column.ts'
import { type EncoderOf, type FieldEncoder, quote, type TimeWindow, wrongType } from './field-encoder.ts'
import { jsonb } from './jsonb-field.ts'
import { date, moment } from './moment-field.ts'
import { bigint, float, numeric, whole } from './number-field.ts'
import { refuse } from './reject.ts'
import { elementOid } from './type-oid.ts'

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

const text: EncoderOf = (name, column) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'text', value)
  if (column.max !== undefined && value.length > column.max && codePoints(value) > column.max)
    return refuse('too-long', name, `the text has ${codePoints(value)} characters; the column takes ${column.max}`)
  if (!storable(value)) return refuse('invalid-text', name, 'the text has a NUL or half a surrogate pair, which Postgres cannot store')
  out.text(value)
  return undefined
}

const uuid: EncoderOf = (name) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'a UUID', value)
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value))
    return refuse('invalid-format', name, `${quote(value)} is not a UUID (8-4-4-4-12 hex digits)`)
  out.uuid(value.replaceAll('-', ''))
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

const array: EncoderOf = (name, column) => {
  const element = column.element!
  const encode = fieldEncoder(name, element)
  const oid = elementOid(element)
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

/** Postgres stores neither NUL nor half a surrogate pair. */
const storable = (value: string): boolean => !value.includes('\0') && value.isWellFormed()

/** Unicode code points, which is how Postgres counts the characters of a varchar. */
function codePoints(value: string): number {
  let n = 0
  for (const _ of value) n++
  return n
}
