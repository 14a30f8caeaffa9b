import type { Column } from '#core/columns/column.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { parseArrayLiteral } from '#core/values/array-literal.ts'
import { duplicateKey, parseExact } from '#core/values/exact-json.ts'
import { byteOrderMark, type Refusal, refuse } from '#core/values/reject.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { nearMiss } from './near-names.ts'
import { decode, encodeRow, fieldsOf, firstTwice, notUtf8, type RowEncoder, type RowOptions } from './row.ts'
import type { RowBoundaries } from './row-boundaries.ts'
import { unknownNames } from './unknown-names.ts'

/**
 * CSV by RFC 4180, in one of its dialects: quotes doubled inside quotes, newlines allowed inside quotes, LF or CRLF.
 * An empty field is NULL, a quoted empty field is the empty text, as in PostgreSQL's COPY. Empty lines are not rows.
 *
 * A quoted field that spans lines and then turns out malformed would take its neighbours with it. So such a row is taken to
 * end at its first newline: that line is refused, and reading goes on with the next.
 */
const [lf, cr] = [10, 13]

export const csvRows = (dialect: CsvDialect): RowBoundaries => {
  const [delimiter, quote] = [dialect.delimiter.charCodeAt(0), dialect.quote.charCodeAt(0)]
  return { end: (bytes, from, to, final) => rowEnd(bytes, from, to, final, delimiter, quote), blank: (_bytes, from, to) => from === to }
}

function rowEnd(bytes: Buffer, from: number, to: number, final: boolean, delimiter: number, quote: number): number {
  let p = from
  for (;;) {
    if (p < to && bytes[p] === quote) {
      p = closingQuote(bytes, p + 1, to, quote)
      if (p < 0) return final ? firstLineEnd(bytes, from, to) : -1
      p++
      if (p >= to) return final ? to : -1
      if (bytes[p] === cr && p + 1 >= to && !final) return -1
      const c = bytes[p] === cr && bytes[p + 1] === lf ? bytes[++p] : bytes[p]
      if (c === lf) return p + 1
      if (c !== delimiter) return lineEnd(bytes, from, to, final)
      p++
      continue
    }
    while (p < to && bytes[p] !== delimiter && bytes[p] !== lf) p++
    if (p >= to) return final ? to : -1
    if (bytes[p] === lf) return p + 1
    p++
  }
}

/** Index of the quote that ends the field, or -1. A quote at the very end of the bytes may be the first of two: not yet an end. */
function closingQuote(bytes: Buffer, from: number, to: number, quote: number): number {
  for (let p = bytes.indexOf(quote, from); p >= 0 && p < to; p = bytes.indexOf(quote, p + 2)) {
    if (bytes[p + 1] !== quote) return p
  }
  return -1
}

function lineEnd(bytes: Buffer, from: number, to: number, final: boolean): number {
  const next = bytes.indexOf(lf, from)
  return next >= 0 ? next + 1 : final ? to : -1
}
const firstLineEnd = (bytes: Buffer, from: number, to: number): number => lineEnd(bytes, from, to, true)

/** A field as it stood: null for one without quotes that says NULL. */
export type CsvField = string | null

/** The fields of one row, or undefined when its quoting is wrong. */
export function parseCsvRow(text: string, { delimiter, quote, null: nullText }: CsvDialect): CsvField[] | undefined {
  const fields: CsvField[] = []
  let p = 0
  for (;;) {
    if (text[p] === quote) {
      let value = ''
      for (;;) {
        const close = text.indexOf(quote, p + 1)
        if (close < 0) return undefined
        value += text.slice(p + 1, close)
        p = close + 1
        if (text[p] !== quote) break
        value += quote
      }
      if (p < text.length && text[p] !== delimiter) return undefined
      fields.push(value)
    } else {
      const next = text.indexOf(delimiter, p)
      const value = text.slice(p, next < 0 ? text.length : next)
      if (value.includes(quote)) return undefined
      fields.push(value === nullText ? null : value)
      p += value.length
    }
    if (p >= text.length) return fields
    p++
  }
}

/** Rows of CSV whose columns are known. */
export function csvRowEncoder(dataset: Dataset, { day, lead }: RowOptions, dialect: CsvDialect, names: readonly string[]): RowEncoder {
  const fields = fieldsOf(dataset, day)
  const places = fields.map((f) => names.indexOf(f.name))
  const columns = Object.values(dataset.columns)
  return (bytes, line, offset, out) => {
    const text = decode(bytes)
    if (text === undefined) return notUtf8
    if (text.startsWith('\ufeff')) return byteOrderMark
    const row = parseCsvRow(text, dialect)
    if (!row) return refuse('csv-quote-invalid', null, 'a quote stands where none may be, or is never closed')
    if (row.length !== names.length)
      return refuse(
        'csv-field-count',
        null,
        `the row has ${row.length} fields, ${dialect.header ? 'the header' : 'and must have'} ${names.length}`,
      )
    let refusal: Refusal | undefined
    const valueAt = (i: number): unknown => {
      const place = places[i]!
      const field = place < 0 ? undefined : row[place]!
      if (field === null || field === undefined) return field
      const value = fieldValue(columns[i]!, field)
      if (value === undefined)
        refusal ??= refuse('invalid-format', fields[i]!.name, `${JSON.stringify(field.slice(0, 40))} is not ${a(columns[i]!)}`)
      return value ?? null
    }
    const start = out.length
    const fault = encodeRow(fields, lead, valueAt, line, offset, out)
    if (refusal) out.truncate(start)
    return refusal ?? fault
  }
}

/**
 * The columns of a file, in its order.
 * @param header its first row, when the dialect has one
 * @throws LoadError csv-header-invalid when they cannot be matched with the dataset: no row of the file could be understood.
 */
export function csvColumns(dataset: Dataset, dialect: CsvDialect, header: Buffer): readonly string[] {
  const wrong = (what: string): never => {
    const who = dialect.header ? 'The first line of the file' : 'The list of columns'
    throw new LoadError('csv-header-invalid', `${who} must name the columns of dataset "${dataset.name}": ${what}`)
  }
  const names = dialect.header ? namesIn(header, dialect) : (dialect.columns ?? Object.keys(dataset.columns))
  if (!names)
    return wrong(
      decode(header) === undefined ? 'it is not UTF-8; save the file as UTF-8, without or with a byte order mark' : 'it is not valid CSV',
    )
  const twice = firstTwice(names)
  if (twice !== undefined) return wrong(`"${twice.slice(0, 63)}" stands twice`)
  if (names.some((name) => name.includes('\r'))) return wrong('its lines end with a carriage return alone; write LF or CRLF')
  const near = nearMiss(dataset, names)
  if (near !== undefined) return wrong(`it ${near}`)
  const [unknown] = unknownNames(dataset, names)
  if (unknown !== undefined && dataset.unknownColumns === 'reject') return wrong(`the dataset has no column "${unknown.slice(0, 63)}"`)
  const missing = Object.entries(dataset.columns).find(([name, c]) => !c.optional && !names.includes(name))
  if (missing) return wrong(`"${missing[0]}" is missing`)
  return names
}

/** The names in a header; undefined when it is no CSV. */
export function namesIn(header: Buffer, dialect: CsvDialect): string[] | undefined {
  const text = decode(header)
  return text === undefined ? undefined : parseCsvRow(text, dialect)?.map((name) => name ?? '')
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A CSV field as the JSON value that its column's encoder takes; undefined when it cannot be one. */
function fieldValue(column: Column, field: string): unknown {
  switch (column.type) {
    case 'smallint':
    case 'integer':
      return /^-?\d{1,15}$/.test(field) ? Number(field) : undefined
    case 'real':
    case 'double precision':
      // As its text: the encoder sees whether it is too small for a double
      return jsonNumber.test(field) ? JSON.rawJSON(field) : undefined
    case 'boolean':
      return field === 'true' || field === 't' ? true : field === 'false' || field === 'f' ? false : undefined
    case 'jsonb':
      return parseJson(field)
    case 'array':
      return arrayValue(column.element!, field)
    default:
      return field
  }
}

/** A JSON array, or an array as Postgres writes it, whose elements are then read like fields. */
function arrayValue(element: Column, field: string): unknown {
  if (field.startsWith('[')) return parseJson(field)
  const values = parseArrayLiteral(field)?.map((each) => (each === null ? null : fieldValue(element, each)))
  return values?.includes(undefined) ? undefined : values
}

function parseJson(text: string): unknown {
  try {
    const value = parseExact(text)
    return duplicateKey(text, value) ? undefined : value
  } catch {
    return undefined
  }
}

const a = ({ type }: Column): string => {
  if (type === 'boolean') return 'true, false, t or f'
  if (type === 'jsonb') return 'JSON (each key once in its object)'
  if (type === 'array') return 'an array: a JSON array, or {…} as Postgres writes it'
  return type.endsWith('int') || type === 'integer' ? 'a whole number' : 'a number'
}
