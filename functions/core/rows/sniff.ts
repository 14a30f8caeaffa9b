import { LoadError } from '#core/errors.ts'
import type { CsvDialect } from './csv-dialect.ts'
import type { Compression, DeclaredEncoding, Format } from './encoding.ts'
import { refuseForeign } from './foreign.ts'

/** Bytes by which a compressed file is told from others. */
export const magicBytes = 8

/** How a file is compressed, by its first bytes; text begins with none of these. RFC 1952, 2.3.1; RFC 8878, 3.1.1 and 3.1.2. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head[1] === 0xb5 && head[0] === 0x28 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd'
  // A zstd file may begin with a skippable frame, as pzstd writes it.
  if ((head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd'
  return 'none'
}

/** Bytes of text that `formatOf` wants to see: more white space than anybody puts at the beginning. */
export const textBytes = 64 * 1024

/** By the magic number and the byte behind it, which is none of a text: a CSV header may well begin with PAR1. */
const isParquet = (head: Buffer): boolean =>
  head.toString('latin1', 0, 4) === 'PAR1' && head.length > 4 && head[4]! < 32 && ![9, 10, 13].includes(head[4]!)

/** The format of a text by how it begins, once it is inflated: a JSON array, objects, or else CSV, which has no mark of its own. */
export function formatOf(head: Buffer): Format {
  if (isParquet(head)) return 'parquet'
  const first = firstSign(head)
  return first === '[' ? 'json' : first === '{' || first === '' ? 'ndjson' : 'csv'
}

const words: Readonly<Record<Compression, string>> = { none: 'not compressed', gzip: 'compressed with gzip', zstd: 'compressed with zstd' }

/** @throws LoadError compression-mismatch, or format-unsupported for what is no text either */
export function settleCompression({ compression: declared }: DeclaredEncoding, head: Buffer): Compression {
  const found = compressionOf(head)
  if (declared !== 'auto' && declared !== found) {
    if (found === 'none') refuseForeign(head)
    throw new LoadError(
      'compression-mismatch',
      `The file is ${words[found]}, but was declared as ${words[declared]}; declare compression "${found}", or leave it out.`,
    )
  }
  return found
}

const byFormat = (format: Format): string => `declare format "${format}", or leave it out`

/**
 * The declared format, unless the text cannot be that. Only what is certain counts: a bad first row must not cost its neighbours.
 * @param advice how the format is declared, for the sender of a text that is another one
 * @throws LoadError compressed-twice, format-mismatch, format-unsupported, json-over-lines, parquet-unsupported
 */
export function settleFormat(
  { format: declared, csv }: Pick<DeclaredEncoding, 'format'> & { readonly csv?: CsvDialect },
  compression: Compression,
  head: Buffer,
  advice: (found: Format) => string = byFormat,
): Format {
  const inner = compressionOf(head)
  if (inner !== 'none')
    throw new LoadError(
      'compressed-twice',
      `What is inside the ${compression === 'none' ? 'compressed' : compression} data is ${words[inner]} again; compress the text once, or send what is inside as it is.`,
    )
  refuseForeign(head)
  const found = formatOf(head)
  if (found === 'parquet' && compression !== 'none')
    throw new LoadError(
      'parquet-unsupported',
      `The Parquet file is ${words[compression]} as a whole; send it as it is, its columns are compressed.`,
    )
  if (found === 'ndjson' && !csv && declared !== 'csv' && isOverLines(head))
    throw new LoadError(
      'json-over-lines',
      'The JSON goes over several lines, so no line is a row. Write each object on one line (jq -c . FILE), or send one array of objects: [{…}, {…}].',
    )
  if (declared === 'auto') return csv && found !== 'parquet' ? 'csv' : found
  const text = head.toString('latin1').replace(/^\xef\xbb\xbf/, '')
  const impossible = {
    ndjson: /^\s*\[\s*\{/,
    json: /^\s*[^[\s]/,
    // Without a header line a first field of JSON is a field like any other.
    csv: csv?.header === false ? /(?!)/ : /^\s*[[{]/,
    // An encrypted one has another magic number, and is refused with its own words.
    parquet: /^(?!PAR[1E])/,
  }
  if (found !== 'parquet' && !impossible[declared].test(text)) return declared
  if (found === declared) return declared
  throw new LoadError('format-mismatch', `The file begins like ${names[found]}, but was declared as ${names[declared]}; ${advice(found)}.`)
}

/** Ends of objects at which it is looked whether the lines so far are one: enough for any object that a person has laid out. */
const mostEnds = 50

/**
 * True for an object that is written over lines: the first line is none, and together with the next ones it is; or it only opens what a whole file is
 * wrapped in. A bad first row is neither: what stands behind it is a row of its own.
 */
function isOverLines(head: Buffer): boolean {
  const lines = head
    .toString('utf8')
    .replace('\ufeff', '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const [first = '', next = ''] = lines
  if (lines.length < 2 || isJson(first)) return false
  if ((first === '{' && next.startsWith('"')) || /^\{\s*"[^"\\]*"\s*:\s*\[$/.test(first)) return true
  if (next.startsWith('{')) return false
  const ends = lines.flatMap((line, i) => (i > 0 && line.endsWith('}') ? [i + 1] : [])).slice(0, mostEnds)
  return ends.some((end) => isJson(lines.slice(0, end).join('\n')))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const names: Readonly<Record<Format, string>> = { ndjson: 'NDJSON', json: 'a JSON array', csv: 'CSV', parquet: 'Parquet' }

function firstSign(head: Buffer): string {
  return /[^\s\xef\xbb\xbf]/.exec(head.toString('latin1'))?.[0] ?? ''
}
