/**
 * Why a row was refused, by its stable code. `docs/errors.md` lists what to do about each.
 * Codes that begin with `sqlstate-` come from Postgres itself: a CHECK, a foreign key, a trigger.
 */
export const rejectCodes = {
  'row-too-large': 'the row is larger than the dataset allows',
  'byte-order-mark': 'a byte order mark stands before the row: files were put end to end; take it out',
  'invalid-utf8': 'the row is not valid UTF-8',
  'invalid-json': 'the row is not valid JSON',
  'not-an-object': 'the row is JSON, but not an object',
  'duplicate-key': 'a key stands twice in one JSON object',
  'missing-column': 'a column without default is missing',
  'unknown-column': 'the dataset has no such column',
  'null-not-allowed': 'the column does not take null',
  'wrong-type': 'the value has another type than the column',
  'invalid-format': 'the text is not a value of the column’s type',
  'unknown-value': 'the text is none of the values that the column declares',
  'out-of-range': 'the value does not fit the column’s type',
  'too-precise': 'the value has more digits than the column keeps',
  'too-long': 'the text has more characters than the column takes',
  'too-deep': 'the JSON is nested too deeply',
  'invalid-text': 'the text has a NUL or half a surrogate pair, which Postgres cannot store',
  'outside-partitions': 'the time lies outside the partitions that are kept',
  'dropped-by-table': 'a trigger or a rule of the table dropped the row',
  'csv-field-count': 'the row has another number of fields than the header',
  'csv-quote-invalid': 'a quote stands where none may be, or is never closed',
} as const

export type RejectCode = keyof typeof rejectCodes | `sqlstate-${string}`

/** True when a row was refused by its table: it came back from there, as JSON. */
export const isFromTable = (code: string): boolean => code.startsWith('sqlstate-') || code === 'dropped-by-table'

/** A refusal of one row; `column` is null when the row as a whole is at fault. */
export interface Refusal {
  readonly code: RejectCode
  readonly column: string | null
  readonly message: string
}

export const refuse = (code: RejectCode, column: string | null, message: string): Refusal => ({ code, column, message })
export const byteOrderMark = refuse('byte-order-mark', null, rejectCodes['byte-order-mark'])
export const rowTooLarge = refuse('row-too-large', null, rejectCodes['row-too-large'])
