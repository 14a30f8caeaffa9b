/**
 * What a footer or a page's header says is believed only once it is known to be whole: hyparquet makes room for as many values as a list claims to have, and
 * reads a number for as long as its bytes go on, so that a few bytes could take all the memory or all the time there is.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
const [isTrue, isFalse, i8, i16, i32, i64, double, binary, list, struct] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]

/** Bytes of a value that says nothing of its length. A field has a boolean in its type. */
function sizeOf(type: number, inList: boolean): number {
  if (type === isTrue || type === isFalse) return inList ? 1 : 0
  if (type === i8) return 1
  if (type === double) return 8
  throw new Error(`there is no type ${type}`)
}

/** Levels of structures and lists; a footer has some eight. */
const deepest = 32
/** Bytes that there are for each structure at least, on average: an empty one has a single byte, and is held as an object of some 60. */
const bytesPerStruct = 3
/** Of small headers nothing needs to be counted. */
const structsAnyway = 64

/**
 * Walks through the structure that begins at `from`.
 * @returns where it ends
 * @throws Error when it goes beyond the bytes, or is none
 */
export function structEnd(bytes: Buffer, from: number): number {
  let at = from
  let structs = 0
  const most = structsAnyway + Math.floor((bytes.length - from) / bytesPerStruct)

  const varint = (longest: number): number => {
    let number = 0
    for (let i = 0, scale = 1; i < longest; i++, scale *= 128) {
      const byte = bytes.readUInt8(at++)
      number += (byte & 0x7f) * scale
      if (byte < 0x80) return number
    }
    throw new Error('a number is longer than its type')
  }
  const pass = (count: number): void => {
    at += count
    if (at > bytes.length) throw new Error('a structure goes beyond its bytes')
  }
  const value = (type: number, depth: number, inList: boolean): void => {
    if (depth > deepest) throw new Error('structures are nested too deeply')
    if (type === struct) fields(depth)
    else if (type === list) elements(depth)
    else if (type === i16 || type === i32) varint(5)
    else if (type === i64) varint(10)
    else pass(type === binary ? varint(5) : sizeOf(type, inList))
  }
  const elements = (depth: number): void => {
    const head = bytes.readUInt8(at++)
    const size = head >> 4 === 15 ? varint(5) : head >> 4
    for (let i = 0; i < size; i++) value(head & 15, depth + 1, true)
  }
  const fields = (depth: number): void => {
    if (++structs > most) throw new Error('there are more structures than bytes for them')
    for (let head = bytes.readUInt8(at++); (head & 15) !== 0; head = bytes.readUInt8(at++)) {
      if (head >> 4 === 0) varint(5)
      value(head & 15, depth + 1, false)
    }
  }
  fields(0)
  return at
}
