import { crc32 } from 'node:zlib'
import type { ColumnMetaData, PageHeader, SchemaElement } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { LoadError } from '#core/errors.ts'
import { type Values, valuesOf } from './encodings.ts'
import { inflate, largestPage, pageTooLarge } from './inflate.ts'
import { nextAt, type Plain, plainOf } from './plain.ts'
import { RunLengths } from './runs.ts'
import { structEnd } from './thrift.ts'
import type { ValueReader } from './values.ts'

/** What the columns of a row group hold between them. */
export class PageMemory {
  /** Bytes of pages, inflated: one of each column, and its dictionary. 64 columns of 1 MiB pages each with a dictionary take half of them. */
  static readonly most = 256 * 1024 * 1024
  #held = 0

  /** @throws LoadError parquet-row-group-too-large */
  change(bytes: number): void {
    this.#held += bytes
    if (this.#held > PageMemory.most)
      throw new LoadError(
        'parquet-row-group-too-large',
        `The pages that hold one row inflate to more than ${PageMemory.most} bytes; write pages of 1 MiB, or of fewer rows.`,
      )
  }
}

/** The bytes of a column as they are stored. */
export interface Stored {
  readonly length: number
  /** The bytes [from, to), for as long as somebody holds them. */
  readonly read: (from: number, to: number) => Buffer
}

/** Bytes in which a page's header is looked for at first, and at most: it may hold the least and the greatest value of its page. */
const [headerBytes, mostHeaderBytes] = [512, 2 * 1024 * 1024]

/** How a column is read. */
export interface ColumnReading {
  readonly element: SchemaElement
  readonly meta: Pick<ColumnMetaData, 'codec'>
  /** Rows of the group. */
  readonly rows: number
  readonly read: ValueReader
  /** Values of a dictionary that are kept as read; a larger one is read value by value. */
  readonly kept: number
  readonly memory: PageMemory
}

/**
 * One flat column of a row group, read value by value in the order of its rows. Of its pages only one is inflated at a time, and nothing is decoded
 * before it is asked for: a group takes what it takes as stored, and a page for each column.
 */
export class ParquetColumn {
  readonly #reading: ColumnReading
  readonly #stored: Stored
  #at = 0
  /** Rows in pages to come, and rows left of this page. */
  #rowsLeft: number
  #left = 0
  /** 1 for a row that has a value; undefined where every row has one. */
  #levels: RunLengths | undefined
  #values: Values = { next: () => undefined }
  #dictionary: Dictionary | undefined
  #pageBytes = 0

  /** @param stored the column chunk */
  constructor(stored: Stored, reading: ColumnReading) {
    this.#stored = stored
    this.#reading = reading
    this.#rowsLeft = reading.rows
  }

  /**
   * The next row's value as a JSON value, null for none.
   * @throws LoadError parquet-row-group-too-large; Error when the column is damaged
   */
  next(): unknown {
    while (this.#left === 0) this.#turn()
    this.#left--
    return this.#levels !== undefined && this.#levels.next() === 0 ? null : this.#values.next()
  }

  /** Turns to the next page. */
  #turn(): void {
    const header = this.#header()
    const { compressed_page_size: size, uncompressed_page_size: length } = header
    if (!(size >= 0 && length >= 0 && size <= this.#stored.length - this.#at)) throw new Error('a page is not where it should be')
    // Compressed, too, a page is held while it is read.
    if (size > largestPage) throw pageTooLarge(size)
    const stored = this.#stored.read(this.#at, this.#at + size)
    this.#at += size
    if (header.crc !== undefined && (header.crc | 0) !== (crc32(stored) | 0))
      throw new Error('the bytes of a page do not have its checksum')
    if (header.type === 'DICTIONARY_PAGE') this.#readDictionary(header, stored)
    else if (header.type === 'DATA_PAGE') this.#readPage(header, stored)
    else if (header.type === 'DATA_PAGE_V2') this.#readPageV2(header, stored)
  }

  #header(): PageHeader {
    if (this.#at >= this.#stored.length) throw new Error('a column has fewer rows than its group')
    for (let most = headerBytes; ; most *= 8) {
      const bytes = this.#stored.read(this.#at, Math.min(this.#at + most, this.#stored.length))
      try {
        const end = structEnd(bytes, 0)
        const header = parquetHeader({ view: new DataView(bytes.buffer, bytes.byteOffset, end), offset: 0 })
        this.#at += end
        return header
      } catch (error) {
        if (bytes.length < most || most >= mostHeaderBytes) throw error
      }
    }
  }

  #readDictionary({ dictionary_page_header: header, uncompressed_page_size: length }: PageHeader, stored: Buffer): void {
    if (!header || this.#dictionary) throw new Error('a column has two dictionaries, or one without a header')
    const { element, meta, read, kept, memory } = this.#reading
    const count = header.num_values
    if (!(count >= 0 && count <= length)) throw new Error('a dictionary has more values than bytes')
    memory.change(length + count * Uint32Array.BYTES_PER_ELEMENT)
    const page = inflate(meta.codec, stored, length)
    this.#dictionary = new Dictionary(page, count, plainOf(element.type!, element.type_length), read, kept)
  }

  #readPage({ data_page_header: header, uncompressed_page_size: length }: PageHeader, stored: Buffer): void {
    if (!header) throw new Error('a page has no header')
    this.#hold(length)
    const page = inflate(this.#reading.meta.codec, stored, length)
    const { num_values: rows, encoding, definition_level_encoding: levels } = header
    const optional = this.#isOptional
    if (optional && levels !== 'RLE') throw new Error(`levels in encoding ${levels}`)
    const end = optional ? 4 + page.readUInt32LE(0) : 0
    this.#open(rows, encoding, optional ? () => new RunLengths(page, 4, end, 1) : undefined, page.subarray(end))
  }

  /** Levels stand before what is compressed. */
  #readPageV2({ data_page_header_v2: header, uncompressed_page_size: length }: PageHeader, stored: Buffer): void {
    if (!header) throw new Error('a page has no header')
    this.#hold(length)
    const { num_rows: rows, num_values, encoding, definition_levels_byte_length: levels, repetition_levels_byte_length: repeats } = header
    if (rows !== num_values || repeats !== 0 || !(levels >= 0 && levels <= stored.length))
      throw new Error('a page of a flat column is not flat')
    const codec = header.is_compressed === false ? 'UNCOMPRESSED' : this.#reading.meta.codec
    const page = inflate(codec, stored.subarray(levels), length - levels)
    // A copy: nothing else of what is stored is held.
    const own = Buffer.from(stored.subarray(0, levels))
    this.#open(rows, encoding, this.#isOptional ? () => new RunLengths(own, 0, levels, 1) : undefined, page)
  }

  get #isOptional(): boolean {
    return this.#reading.element.repetition_type !== 'REQUIRED'
  }

  #hold(length: number): void {
    this.#reading.memory.change(length - this.#pageBytes)
    this.#pageBytes = length
  }

  #open(rows: number, encoding: Parameters<typeof valuesOf>[0], levels: (() => RunLengths) | undefined, page: Buffer): void {
    if (!(rows >= 0 && rows <= this.#rowsLeft)) throw new Error('a column has more rows than its group')
    this.#rowsLeft -= rows
    this.#left = rows
    this.#levels = levels?.()
    if (encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY') {
      this.#values = this.#indexed(page)
      return
    }
    const { element, read } = this.#reading
    const values = valuesOf(encoding, element, page, () => (levels ? present(levels(), rows) : rows))
    this.#values = { next: () => read(values.next()) }
  }

  #indexed(page: Buffer): Values {
    const dictionary = this.#dictionary
    if (!dictionary) throw new Error('a page needs a dictionary, and there is none')
    // A page without values may be empty.
    const indices = page.length === 0 ? undefined : new RunLengths(page, 1, page.length, page[0]!)
    return { next: () => dictionary.at(indices!.next()) }
  }
}

function present(levels: RunLengths, rows: number): number {
  let count = 0
  for (let i = 0; i < rows; i++) count += levels.next()
  return count
}

/** The values that a column's pages point to. */
class Dictionary {
  readonly #page: Buffer
  readonly #plain: Plain
  readonly #read: ValueReader
  /** Where each value begins. */
  readonly #starts: Uint32Array
  /** Values that were asked for. */
  readonly #seen: unknown[] | undefined

  constructor(page: Buffer, count: number, plain: Plain, read: ValueReader, kept: number) {
    this.#page = page
    this.#plain = plain
    this.#read = read
    this.#starts = new Uint32Array(count)
    this.#seen = count <= kept ? new Array(count) : undefined
    for (let i = 0, at = 0; i < count; i++) {
      this.#starts[i] = at
      at = nextAt(plain, page, at)
    }
  }

  at(i: number): unknown {
    const seen = this.#seen?.[i]
    if (seen !== undefined) return seen
    if (i >= this.#starts.length) throw new Error('a page points to a value that its dictionary does not have')
    const value = this.#read(this.#plain.read(this.#page, this.#starts[i]!))
    if (this.#seen) this.#seen[i] = value
    return value
  }
}
