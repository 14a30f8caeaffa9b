import type { Encoding, SchemaElement } from 'hyparquet'
import { Deltas } from './deltas.ts'
import { nextAt, type Plain, plainOf } from './plain.ts'
import { RunLengths } from './runs.ts'

/** The values of one page, one after the other: decoded when they are asked for, so that a page of any number of rows takes no more than its bytes. */
export interface Values {
  /** Bytes hold until the next value is asked for. @throws Error when there are no more */
  readonly next: () => unknown
}

/**
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/
 * @param page from its values on
 * @param count values that the page has, nulls not counted
 * @throws Error for an encoding that is unknown, or does not go with the type
 */
export function valuesOf(encoding: Encoding, { type, type_length: length }: SchemaElement, page: Buffer, count: () => number): Values {
  switch (encoding) {
    case 'PLAIN':
      return type === 'BOOLEAN' ? bits(page) : inTurn(page, plainOf(type!, length))
    case 'RLE':
      if (type === 'BOOLEAN') return runsOfBits(page)
      break
    case 'BYTE_STREAM_SPLIT':
      if (type !== 'BYTE_ARRAY') return splitStreams(page, plainOf(type!, length), count())
      break
    case 'DELTA_BINARY_PACKED':
      if (type === 'INT32' || type === 'INT64') return new Deltas(page, type === 'INT32' ? 32 : 64)
      break
    case 'DELTA_LENGTH_BYTE_ARRAY':
      return lengthsFirst(page)
    case 'DELTA_BYTE_ARRAY':
      return prefixed(page)
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

function bits(page: Buffer): Values {
  let bit = 0
  return { next: () => ((page.readUInt8(bit >> 3) >> (bit++ & 7)) & 1) === 1 }
}

function runsOfBits(page: Buffer): Values {
  const runs = new RunLengths(page, 4, 4 + page.readUInt32LE(0), 1)
  return { next: () => runs.next() === 1 }
}

/** The first bytes of all values, then the second ones, … */
function splitStreams(page: Buffer, plain: Plain, count: number): Values {
  const size = plain.size(page, 0)
  if (size * count > page.length) throw new Error('the streams of a page do not fit into it')
  let i = 0
  return {
    next: () => {
      if (i === count) throw new Error('the streams of a page end early')
      const value = Buffer.alloc(size)
      for (let byte = 0; byte < size; byte++) value[byte] = page[byte * count + i]!
      i++
      return plain.read(value, 0)
    },
  }
}

/** The lengths of all values, then their bytes. */
function lengthsFirst(page: Buffer): { next: () => Buffer } {
  const lengths = new Deltas(page, 32)
  let at = lengths.end()
  return {
    next: () => {
      const from = at
      at += Number(lengths.next())
      if (!(at >= from && at <= page.length)) throw new Error('a value goes beyond its page')
      return page.subarray(from, at)
    },
  }
}

/** Each value is the beginning of the one before it, and something more. Only that is copied: a million values may share a long beginning. */
function prefixed(page: Buffer): Values {
  const prefixes = new Deltas(page, 32)
  const suffixes = lengthsFirst(page.subarray(prefixes.end()))
  let room = Buffer.alloc(0)
  let length = 0
  return {
    next: () => {
      const prefix = Number(prefixes.next())
      if (!(prefix >= 0 && prefix <= length)) throw new Error('a value begins like more than there is')
      const suffix = suffixes.next()
      length = prefix + suffix.length
      if (length > room.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * room.length))
        room.copy(larger, 0, 0, prefix)
        room = larger
      }
      suffix.copy(room, prefix)
      return room.subarray(0, length)
    },
  }
}
