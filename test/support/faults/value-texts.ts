import { bigint, boolean, doublePrecision, jsonb, numeric, text, timestamptz } from '#core/columns/column.ts'
import type { Values } from './values.ts'

/** Characters that a note may have. */
export const noteLength = 80

/** Columns of a dataset that has the values of `valuesOf`. */
export const valueColumns = {
  big: bigint({ nullable: true }),
  amount: numeric({ precision: 24, scale: 6, nullable: true }),
  ratio: doublePrecision({ nullable: true }),
  note: text({ max: noteLength, nullable: true }),
  at: timestamptz({ nullable: true }),
  doc: jsonb({ nullable: true }),
  ok: boolean({ nullable: true }),
}
export const valueNames = Object.keys(valueColumns) as (keyof typeof valueColumns)[]

/**
 * Members of a JSON object; decimals as numbers or as text, and other characters than ASCII as escapes, by the row's
 * number.
 */
export function jsonMembers({ big, amount, ratio, note, at, doc, ok }: Values, n: number): string {
  const decimal = amount === null || n % 3 === 0 ? amount : `"${amount}"`
  const written = note === null ? null : n % 5 === 0 ? escaped(note) : JSON.stringify(note)
  const [digits, moment] = [big, at].map((value) => (value === null ? null : `"${value}"`))
  return `"big":${digits},"amount":${decimal},"ratio":${ratio},"note":${written},"at":${moment},"doc":${doc},"ok":${ok}`
}

const escaped = (value: string): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Fields of a line of CSV. */
export const csvFields = ({ big, amount, ratio, note, at, doc, ok }: Values): string =>
  `${big ?? ''},${amount ?? ''},${ratio ?? ''},${quoted(note)},${at ?? ''},${quoted(doc)},${ok ?? ''}`

const quoted = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`)

/** What is selected of them, for COPY TO to write as `copyFields` does. */
export const valuesSelected = valueNames
  .map((name) => (name === 'at' ? `to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')` : name))
  .join(', ')

/** https://www.postgresql.org/docs/18/sql-copy.html, "Text Format". */
const escapes: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}
const special = new RegExp(
  `[${Object.keys(escapes)
    .map((c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .join('')}]`,
  'g',
)
const field = (value: string | number | null): string =>
  value === null ? '\\N' : typeof value === 'number' ? String(value) : value.replace(special, (c) => escapes[c]!)

/** Fields of a line of COPY TO, text format, as Postgres writes what it has stored. */
export function copyFields({ big, amountStored, ratio, note, atStored, docStored, ok }: Values): string {
  const truth = ok === null ? null : ok ? 't' : 'f'
  return `${field(big)}\t${field(amountStored)}\t${field(ratio)}\t${field(note)}\t${field(atStored)}\t${field(docStored)}\t${field(truth)}`
}
