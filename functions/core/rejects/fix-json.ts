import { errorColumn, isFixColumn, lineColumn, rawColumn } from '#core/rows/fix-columns.ts'
import { duplicateKey, parseExact } from '#core/values/exact-json.ts'
import { errorOf, type FixFile, isKeptInPart } from './fix-file.ts'

/**
 * NDJSON, also for loads of JSON arrays and of Parquet: a row per line is what an editor and `grep` can work with.
 * A row comes as it was received with two keys more, and what is no JSON object inside one that is.
 */
export const jsonFixFile: FixFile = {
  extension: 'ndjson',
  head: '',
  row: (reject) => {
    const beginning = (isKeptInPart(reject) ? markedUnreadable(reject.raw) : beginningOf(reject.raw)) ?? `{${pair(rawColumn, reject.raw)}`
    const marks = `${pair(errorColumn, errorOf(reject))},${pair(lineColumn, reject.line)}`
    return `${beginning}${beginning === '{' ? '' : ','}${marks}}\n`
  },
}

const pair = (key: string, value: unknown): string => `${JSON.stringify(key)}:${JSON.stringify(value)}`

/** A JSON object without its last brace and without the marks of an earlier file of rejects: a row may not have a key twice. Undefined for what is none. */
function beginningOf(raw: string): string | undefined {
  const row = objectIn(raw)
  if (!row) return undefined
  // Newlines in JSON stand between its tokens only.
  const text = raw
    .slice(raw.indexOf('{'), raw.lastIndexOf('}'))
    .replaceAll(/[\r\n]/g, ' ')
    .trimEnd()
  // Of a key that stands twice one would be lost, and with it what is wrong with the row.
  if (!Object.keys(row).some(isFixColumn) || duplicateKey(raw, row)) return text
  return unmarked(text) ?? JSON.stringify(Object.fromEntries(Object.entries(row).filter(([key]) => !isFixColumn(key)))).slice(0, -1)
}

/** Such a row may come as an object only when it says of itself that it is none to be loaded. */
function markedUnreadable(raw: string): string | undefined {
  const row = objectIn(raw)
  return row && Object.hasOwn(row, rawColumn) ? beginningOf(raw) : undefined
}

function objectIn(raw: string): Record<string, unknown> | undefined {
  try {
    const row = parseExact(raw)
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? (row as Record<string, unknown>) : undefined
  } catch {
    // No JSON, or nested too deeply to be read
    return undefined
  }
}

/** What an earlier file of rejects has added at the end, and the last brace. */
const earlierMarks = new RegExp(`"${errorColumn}":"(?:[^"\\\\]|\\\\.)*",\\s*"${lineColumn}":(?:\\d+|null)$`, 'y')

/** The text without the marks at its end; undefined when they do not stand there. */
function unmarked(text: string): string | undefined {
  earlierMarks.lastIndex = Math.max(0, text.lastIndexOf(`"${errorColumn}":`))
  const { lastIndex } = earlierMarks
  if (!earlierMarks.test(text)) return undefined
  const row = text.slice(0, lastIndex).trimEnd()
  return row.endsWith(',') ? row.slice(0, -1) : row
}
