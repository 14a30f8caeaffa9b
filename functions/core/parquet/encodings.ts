import type { Encoding, SchemaElement } from 'hyparquet'
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js'
import { readVarInt } from 'hyparquet/src/thrift.js'
import { nextAt, type Plain, plainOf } from './plain.ts'
import { RunLengths } from './runs.ts'

/** The values of one page, one after the other: decoded when they are asked for, so that a page of any number of rows takes no more than its bytes. */
export interface Values {
  readonly next: () => unknown
}

/** Values of one page that are unpacked all at once: those of the delta encodings. Writers put 20,000 rows into a page, or 1 MiB. */
const deltasAtOnce = 1024 * 1024

/**
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/
 * @param page from its values on
 * @param count values that the page says it has, nulls not counted
 * @throws Error for an encoding that is unknown, or does not go with the type
 */
export function valuesOf(encoding: Encoding, { type, type_length: length }: SchemaElement, page: Buffer, count: () => number): Values {
  if (type === 'BOOLEAN') return booleans(encoding, page)
  const plain = (): Plain => plainOf(type!, length)
  switch (encoding) {
    case 'PLAIN':
      return inTurn(page, plain())
    case 'BYTE_STREAM_SPLIT':
      if (type === 'BYTE_ARRAY') break
      return splitStreams(page, plain(), count())
    case 'DELTA_BINARY_PACKED':
      return listed(type === 'INT32' ? deltas(page, count()).numbers : bigDeltas(page, count()))
    case 'DELTA_LENGTH_BYTE_ARRAY': {
      const { numbers, end } = deltas(page, count())
      return texts(page, numbers, end)
    }
    case 'DELTA_BYTE_ARRAY':
      return prefixed(page, count())
  }
  throw new Error(`encoding ${encoding} of type ${type}`)
}

function inTurn(page: Buffer, plain: Plain): Values {
  let at = 0
  return {
    next: () => {
      const from = at
      at = nextAt(plain, page, at)
      return plain.read(page, from)
    },
  }
}

function booleans(encoding: Encoding, page: Buffer): Values {
  if (encoding === 'RLE') {
    const runs = new RunLengths(page, 4, 4 + page.readUInt32LE(0), 1)
    return { next: () => runs.next() === 1 }
  }
  if (encoding !== 'PLAIN') throw new Error(`encoding ${encoding} of booleans`)
  let bit = 0
  return { next: () => ((page.readUInt8(bit >> 3) >> (bit++ & 7)) & 1) === 1 }
}

/** The first bytes of all values, then the second ones, … */
function splitStreams(page: Buffer, plain: Plain, count: number): Values {
  const size = plain.size(page, 0)
  if (size * count > page.length) throw new Error('the streams of a page do not fit into it')
  let i = 0
  return {
    next: () => {
      const value = Buffer.alloc(size)
      for (let byte = 0; byte < size; byte++) value[byte] = page[byte * count + i]!
      i++
      return plain.read(value, 0)
    },
  }
}

function listed(values: ArrayLike<unknown>): Values {
  let i = 0
  return { next: () => values[i++] }
}

function deltas(page: Buffer, count: number): { numbers: Int32Array; end: number } {
  const numbers = new Int32Array(bounded(count))
  return { numbers, end: unpack(page, numbers) }
}

function bigDeltas(page: Buffer, count: number): BigInt64Array {
  const numbers = new BigInt64Array(bounded(count))
  unpack(page, numbers)
  return numbers
}

function unpack(page: Buffer, numbers: Int32Array | BigInt64Array): number {
  const reader = { view: new DataView(page.buffer, page.byteOffset, page.length), offset: 0 }
  const [block, miniblocks] = [readVarInt(reader), readVarInt(reader)]
  // The reader goes round for ever in blocks of other sizes.
  if (!(block > 0 && miniblocks > 0 && (block / miniblocks) % 32 === 0)) throw new Error('a block of deltas has no size that there is')
  reader.offset = 0
  deltaBinaryUnpack(reader, numbers.length, numbers)
  return reader.offset
}

function bounded(count: number): number {
  if (count > deltasAtOnce)
    throw new Error(`a page has ${count} values; pages of more than ${deltasAtOnce} in a delta encoding are not read`)
  return count
}

function texts(page: Buffer, lengths: Int32Array, from: number): { next: () => Buffer } {
  let i = 0
  let at = from
  return {
    next: () => {
      const start = at
      at += lengths[i++]!
      if (!(at >= start && at <= page.length)) throw new Error('a value goes beyond its page')
      return page.subarray(start, at)
    },
  }
}

/** Each value is the beginning of the one before it, and something more. */
function prefixed(page: Buffer, count: number): Values {
  const prefixes = deltas(page, count)
  const rest = page.subarray(prefixes.end)
  const suffixes = deltas(rest, count)
  const more = texts(rest, suffixes.numbers, suffixes.end)
  let last = Buffer.alloc(0)
  let i = 0
  return {
    next: () => {
      const prefix = prefixes.numbers[i++]!
      if (prefix < 0 || prefix > last.length) throw new Error('a value begins like more than there is')
      last = Buffer.concat([last.subarray(0, prefix), more.next()])
      return last
    },
  }
}
