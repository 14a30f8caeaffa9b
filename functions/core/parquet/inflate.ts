import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { CompressionCodec } from 'hyparquet'
import { compressors as portable } from 'hyparquet-compressors'
import { LoadError } from '#core/errors.ts'
import { hadoopLz4, lz4 } from './lz4.ts'

/** Bytes of one page. Writers keep to 1 MiB; a page is made of whole rows, and is held. */
export const largestPage = 64 * 1024 * 1024

type Inflate = (input: Uint8Array, length: number) => Uint8Array

/** Node's own decoders where it has them; none inflates beyond what a page may have. */
const inflaters: { readonly [codec in CompressionCodec]?: Inflate | undefined } = {
  SNAPPY: portable.SNAPPY,
  UNCOMPRESSED: (input) => input,
  LZ4: hadoopLz4,
  LZ4_RAW: lz4,
  GZIP: (input, maxOutputLength) => gunzipSync(input, { maxOutputLength }),
  BROTLI: (input, maxOutputLength) => brotliDecompressSync(input, { maxOutputLength }),
  ZSTD: (input, maxOutputLength) => zstdDecompressSync(input, { maxOutputLength }),
}

/**
 * A page as it was before it was compressed.
 * @param length bytes that it is said to have
 * @throws LoadError parquet-row-group-too-large; Error when it is damaged
 */
export function inflate(codec: CompressionCodec, input: Buffer, length: number): Buffer {
  if (length > largestPage) throw pageTooLarge(length)
  if (length === 0) return Buffer.alloc(0)
  const output = inflaters[codec]?.(input, length)
  if (!output) throw new Error(`compression ${codec}`)
  if (output.length !== length) throw new Error(`a page has ${output.length} bytes, not ${length}`)
  return Buffer.from(output.buffer, output.byteOffset, length)
}

export const pageTooLarge = (length: number): LoadError =>
  new LoadError('parquet-row-group-too-large', `A page has ${length} bytes, more than ${largestPage}; write pages of 1 MiB.`)
