import { zstdCompressSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import { ByteWriter } from 'hyparquet-writer'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import { text } from '#core/columns/column.ts'
import { PageMemory, ParquetColumn } from '#core/parquet/column.ts'
import { valueReader } from '#core/parquet/values.ts'

export const stored = (bytes: Buffer) => ({ length: bytes.length, read: (from: number, to: number) => bytes.subarray(from, to) })

export const leaf = (name: string, type: SchemaElement['type'], more: Partial<SchemaElement> = {}): SchemaElement => ({
  name,
  repetition_type: 'OPTIONAL',
  ...(type && { type }),
  ...more,
})

/** A column chunk of pages made by hand, with what a file may say of them that is not so. */
export function chunk(...pages: { header: Parameters<typeof writePageHeader>[1]; bytes: Uint8Array }[]): Buffer {
  const writer = new ByteWriter()
  for (const { header, bytes } of pages) {
    writePageHeader(writer, header)
    writer.appendBytes(bytes)
  }
  return Buffer.from(writer.getBytes())
}
export const zstd = (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes))
export const dataPage = (bytes: Uint8Array, num_values: number, encoding: 'PLAIN' | 'RLE_DICTIONARY', inflated: number) => ({
  header: {
    type: 'DATA_PAGE',
    uncompressed_page_size: inflated,
    compressed_page_size: bytes.length,
    data_page_header: { num_values, encoding, definition_level_encoding: 'RLE', repetition_level_encoding: 'RLE' },
  } as const,
  bytes,
})
export const dictionaryPage = (bytes: Uint8Array, num_values: number, inflated: number) => ({
  header: {
    type: 'DICTIONARY_PAGE',
    uncompressed_page_size: inflated,
    compressed_page_size: bytes.length,
    dictionary_page_header: { num_values, encoding: 'PLAIN' },
  } as const,
  bytes,
})
export const columnOf = (
  bytes: Buffer,
  rows: number,
  element = leaf('word', 'BYTE_ARRAY', { repetition_type: 'REQUIRED' }),
  memory = new PageMemory(),
) =>
  new ParquetColumn(stored(bytes), { element, meta: { codec: 'ZSTD' }, rows, read: valueReader(element, text(), 1000)!, kept: 10, memory })
export const rowsOf = (column: ParquetColumn, rows: number) => Array.from({ length: rows }, () => column.next())
