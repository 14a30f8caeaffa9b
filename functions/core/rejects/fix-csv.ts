import type { Columns } from '#core/dataset/dataset.ts'
import { parseCsvRow } from '#core/rows/csv.ts'
import type { CsvDialect } from '#core/rows/csv-dialect.ts'
import { errorColumn, isFixColumn, lineColumn } from '#core/rows/fix-columns.ts'
import { isExactNumber, parseExact } from '#core/values/exact-json.ts'
import { isFromTable } from '#core/values/reject.ts'
import { errorOf, type FixFile, isKeptInPart } from './fix-file.ts'
import type { Reject } from './reject.ts'

/**
 * CSV in the dialect of the load, always with a header: without one nobody could tell which columns are the file's own.
 * @param names the columns of the load's file, in its order
 * @param columns those of the dataset
 */
export function csvFixFile(dialect: CsvDialect, names: readonly string[], columns: Columns = {}): FixFile {
  const { delimiter, quote } = dialect
  const quoted = (text: string): string => quote + text.replaceAll(quote, () => quote + quote) + quote
  const special = (text: string): boolean => text.includes(delimiter) || text.includes(quote) || /[\r\n]/.test(text)
  const field = (value: string | null): string =>
    value === null ? dialect.null : value === '' || value === dialect.null || special(value) ? quoted(value) : value
  const own = names.flatMap((name, i) => (isFixColumn(name) ? [] : [i]))
  const marked = own.length < names.length

  const text = (reject: Reject): string => {
    const { raw, code } = reject
    // One field and the marks: too few, or too many, so that it is refused again unless somebody writes the row anew.
    if (isKeptInPart(reject)) return own.length === 1 ? `${quoted(raw)}${delimiter}` : quoted(raw)
    if (isFromTable(code)) {
      const row = parseExact(raw) as Record<string, unknown>
      return own.map((i) => field(textOf(row, names[i]!, columns))).join(delimiter)
    }
    const fields = marked ? parseCsvRow(raw, dialect) : undefined
    return fields?.length === names.length ? own.map((i) => field(fields[i]!)).join(delimiter) : marked ? unmarked(raw, dialect) : raw
  }
  // What follows an open quote is never taken for the end of its field: the error begins with neither of the two.
  const quotedError = (error: string): string =>
    quoted(error[0] === delimiter || error[0] === quote ? `${[' ', '!', '~'].find((c) => c !== delimiter && c !== quote)}${error}` : error)
  return {
    extension: 'csv',
    head: `${[...own.map((i) => names[i]!), errorColumn, lineColumn].map(field).join(delimiter)}\n`,
    row: (reject) =>
      [text(reject), quotedError(errorOf(reject)), reject.line === null ? '' : field(String(reject.line))].join(delimiter).concat('\n'),
  }
}

/** A row that cannot be told apart, without the error and line that an earlier file of rejects has added at its end. */
function unmarked(raw: string, dialect: CsvDialect): string {
  const line = lastField(raw, dialect)
  const error = lastField(raw.slice(0, Math.max(0, line - 1)), dialect)
  const marks = error > 0 && raw[error] === dialect.quote ? parseCsvRow(raw.slice(error), dialect) : undefined
  return marks?.length === 2 && /^\d*$/.test(marks[1] ?? '') ? raw.slice(0, error - 1) : raw
}

/** Where the last field of a text begins, whatever comes before it. */
function lastField(text: string, { delimiter, quote }: CsvDialect): number {
  if (!text.endsWith(quote)) return text.lastIndexOf(delimiter) + 1
  // Quotes inside the field come in pairs: going back, the first that stands alone opens it.
  let at = text.length - 2
  while (at > 0 && (text[at] !== quote || text[at - 1] === quote)) at -= text[at] === quote ? 2 : 1
  return at > 0 && text[at - 1] === delimiter ? at : 0
}

/** A value of a row that Postgres refused, which is kept as JSON, as the column reads it from CSV. */
function textOf(row: Record<string, unknown>, name: string, columns: Columns): string | null {
  // A file may have columns that the dataset has not, of any name.
  const value = Object.hasOwn(row, name) ? row[name] : null
  if (value === null) return null
  if (typeof value === 'string' && columns[name]?.type !== 'jsonb') return value
  return isExactNumber(value) ? value.rawJSON : JSON.stringify(value)
}
