import type { Compression, DeclaredEncoding, Format } from '../../../functions/core/rows/encoding.ts'
import { compressionOf, formatOf, magicBytes, textBytes } from '../../../functions/core/rows/sniff.ts'
import type { Source } from '../source.ts'
import { UsageError } from './exit.ts'

interface Given {
  readonly format?: Format | 'auto' | undefined
  readonly compression?: Compression | 'auto' | undefined
}
const formatOfEnding: Readonly<Record<string, Format>> = { ndjson: 'ndjson', jsonl: 'ndjson', csv: 'csv', parquet: 'parquet' }
const compressionOfEnding: Readonly<Record<string, Compression>> = { gz: 'gzip', zst: 'zstd' }
const words: Readonly<Record<Compression, string>> = { none: 'not compressed', gzip: 'gzip data', zstd: 'zstd data' }

/** What the file holds: as told, else by its name and its first bytes. What neither tells, the server finds when it has the file. */
export async function detectEncoding(source: Source, given: Given): Promise<DeclaredEncoding> {
  const head = Buffer.from(await source.read(0, Math.min(textBytes, source.size)))
  const found = compressionOf(head.subarray(0, magicBytes))
  const [ending = '', inner = ''] = endingsOf(source.name)
  const named = compressionOfEnding[ending]
  const told = given.compression === 'auto' ? undefined : given.compression
  const compression = told ?? named ?? found
  if (source.size > 0 && compression !== found) {
    const why = told ? `--compression ${told} was given` : `its name ends in .${ending}`
    throw new UsageError(`${source.name} is ${words[found]} by its first bytes, but ${why}. Nothing was sent.`)
  }
  const format = given.format ?? formatOfEnding[named ? inner : ending] ?? (compression === 'none' ? formatOf(head) : 'auto')
  return { format, compression }
}

/** The name's endings in lower case, the last one first. */
const endingsOf = (name: string): string[] => name.toLowerCase().split('.').slice(1).reverse()
