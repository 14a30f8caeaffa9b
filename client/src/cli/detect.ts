import type { Compression, Encoding, Format } from '../../../functions/core/load.ts'
import { compressionOf, magicBytes } from '../../../functions/core/sniff.ts'
import type { Source } from '../source.ts'
import { UsageError } from './exit.ts'

interface Given {
  readonly format?: Format | undefined
  readonly compression?: Compression | undefined
}
const formatOfEnding: Readonly<Record<string, Format>> = { ndjson: 'ndjson', jsonl: 'ndjson', csv: 'csv' }
const compressionOfEnding: Readonly<Record<string, Compression>> = { gz: 'gzip', zst: 'zstd' }
const words: Readonly<Record<Compression, string>> = { none: 'not compressed', gzip: 'gzip data', zstd: 'zstd data' }

/** What the file holds: as told, else by its name and its first bytes, which must agree about the compression. */
export async function detectEncoding(source: Source, given: Given): Promise<Encoding> {
  const found = compressionOf(await source.read(0, Math.min(magicBytes, source.size)))
  const [ending = '', inner = ''] = endingsOf(source.name)
  const named = compressionOfEnding[ending]
  const compression = given.compression ?? named ?? found
  if (source.size > 0 && compression !== found) {
    const why = given.compression ? `--compression ${given.compression} was given` : `its name ends in .${ending}`
    throw new UsageError(`${source.name} is ${words[found]} by its first bytes, but ${why}. Nothing was sent.`)
  }
  const format = given.format ?? formatOfEnding[named ? inner : ending]
  if (!format) throw new UsageError(`The format cannot be told from the name ${source.name}: give --format ndjson or --format csv.`)
  return { format, compression }
}

/** The name's endings in lower case, the last one first. */
const endingsOf = (name: string): string[] => name.toLowerCase().split('.').slice(1).reverse()
