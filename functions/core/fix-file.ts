import type { Reject } from './contract.ts'
import { parseCsvRow } from './csv.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { isExactNumber, parseExact } from './exact-json.ts'
import { errorColumn, isFixColumn, lineColumn, rawColumn } from './fix-columns.ts'

/** A file of rejects in the format of the load, each row with its error: to correct and to send again. */
export interface FixFile {
  readonly extension: 'ndjson' | 'csv'
  /** What stands before the rows. */
  readonly head: string
  /** One reject, with its newline. */
  readonly row: (reject: Reject) => string
}

/** NDJSON, also for loads of JSON arrays: a row per line is what an editor and `grep` can work with. */
export const jsonFixFile: FixFile = { extension: 'ndjson', head: '', row: jsonRow }

/** What an earlier file of rejects had added at the end of the row. */
const earlierMarks = new RegExp(`,?\\s*"${errorColumn}":"(?:[^"\\\\]|\\\\.)*",\\s*"${lineColumn}":(?:\\d+|null)\\s*\\}$`)

/** The row as it was received with two keys more, or what is no JSON object inside one that is. */
function jsonRow(reject: Reject): string {
  const marks = `${JSON.stringify(errorColumn)}:${JSON.stringify(errorOf(reject))},${JSON.stringify(lineColumn)}:${reject.line}}`
  const object = reject.truncated ? undefined : objectIn(reject.raw)
  if (object === undefined) return `{${JSON.stringify(rawColumn)}:${JSON.stringify(reject.raw)},${marks}\n`
  // Newlines in JSON stand between its tokens only.
  const row = unmarked(object.replaceAll(/[\r\n]/g, ' '))
    .slice(0, -1)
    .trimEnd()
  return `${row}${row === '{' ? '' : ','}${marks}\n`
}

/** The object without the marks of an earlier file of rejects; a row may not have a key twice. */
function unmarked(object: string): string {
  const text = object.replace(earlierMarks, '}')
  const row = parseExact(text) as Record<string, unknown>
  if (!Object.keys(row).some(isFixColumn)) return text
  return JSON.stringify(Object.fromEntries(Object.entries(row).filter(([key]) => !isFixColumn(key))))
}

function objectIn(raw: string): string | undefined {
  const text = raw.trim()
  if (!text.startsWith('{')) return undefined
  try {
    const row: unknown = JSON.parse(text)
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? text : undefined
  } catch {
    return undefined
  }
}

/**
 * CSV in the dialect of the load, always with a header: without one nobody could tell which columns are the file's own.
 * @param names the columns of the load's file, in its order
 */
export function csvFixFile(dialect: CsvDialect, names: readonly string[]): FixFile {
  const { delimiter, quote } = dialect
  const quoted = (text: string): string => quote + text.replaceAll(quote, quote + quote) + quote
  const special = (text: string): boolean => text.includes(delimiter) || text.includes(quote) || /[\r\n]/.test(text)
  const field = (value: string | null): string =>
    value === null ? dialect.null : value === '' || value === dialect.null || special(value) ? quoted(value) : value
  const [d, q] = [escaped(delimiter), escaped(quote)]
  const marks = new RegExp(`${d}${q}(?:[^${q}]|${q}${q})*${q}${d}\\d*$`)
  const own = names.flatMap((name, i) => (isFixColumn(name) ? [] : [i]))
  const marked = own.length < names.length

  const text = ({ raw, code, truncated }: Reject): string => {
    // One field and the marks: too few, or too many, so that it is refused again unless somebody writes the row anew.
    if (truncated) return own.length === 1 ? `${quoted(raw)}${delimiter}` : quoted(raw)
    if (code.startsWith('sqlstate-')) return own.map((i) => field(textOf(parseExact(raw), names[i]!))).join(delimiter)
    const fields = marked ? parseCsvRow(raw, dialect) : undefined
    return fields?.length === names.length ? own.map((i) => field(fields[i]!)).join(delimiter) : marked ? raw.replace(marks, '') : raw
  }
  return {
    extension: 'csv',
    head: `${[...own.map((i) => (special(names[i]!) ? quoted(names[i]!) : names[i]!)), errorColumn, lineColumn].join(delimiter)}\n`,
    row: (reject) => `${text(reject)}${delimiter}${quoted(errorOf(reject))}${delimiter}${reject.line ?? ''}\n`,
  }
}

/** A byte as a regular expression has it, inside brackets too. */
const escaped = (byte: string): string => `\\u${byte.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A value of a row that Postgres refused, which is kept as JSON, as CSV has it. */
function textOf(row: unknown, name: string): string | null {
  const value = typeof row === 'object' && row !== null ? (row as Record<string, unknown>)[name] : undefined
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  return isExactNumber(value) ? value.rawJSON : JSON.stringify(value)
}

/** Begins with the code, so that what follows an open quote is never taken for the end of a field. */
function errorOf({ code, column, message, truncated }: Reject): string {
  const cut = truncated ? '; only the beginning of the row is kept: take it from the original file' : ''
  return `${code}${column === null ? '' : ` in ${column}`}: ${message.replaceAll(/[\r\n]+/g, ' ')}${cut}`
}
