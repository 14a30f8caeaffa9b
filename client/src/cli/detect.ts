import type { Compression, Encoding, Format } from '../../../functions/core/load.ts'
import type { Source } from '../source.ts'
import { UsageError } from './exit.ts'

interface Given {
  readonly format?: Format | undefined
  readonly compression?: Compression | undefined
}
const formatOfEnding: Readonly<Record<string, Format>> = { ndjson: 'ndjson', jsonl: 'ndjson', csv: 'csv' }

/** What the file holds: as told, else by its name; gzip's first two bytes must agree either way. */
export async function detectEncoding(source: Source, given: Given): Promise<Encoding> {
  const gzipped = source.size >= 2 && isGzip(await source.read(0, 2))
  const named = /\.gz$/i.test(source.name)
  const compression = given.compression ?? (named || gzipped ? 'gzip' : 'none')
  if (source.size > 0 && (compression === 'gzip') !== gzipped) {
    const why = given.compression ? `--compression ${given.compression} was given` : 'its name ends in .gz'
    throw new UsageError(`${source.name} ${gzipped ? 'is' : 'is not'} gzip data by its first bytes, but ${why}. Nothing was sent.`)
  }
  const ending = /\.([^.]+)$/.exec(source.name.replace(/\.gz$/i, ''))?.[1]?.toLowerCase() ?? ''
  const format = given.format ?? formatOfEnding[ending]
  if (!format) throw new UsageError(`The format cannot be told from the name ${source.name}: give --format ndjson or --format csv.`)
  return { format, compression }
}

/** RFC 1952, 2.3.1. */
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
