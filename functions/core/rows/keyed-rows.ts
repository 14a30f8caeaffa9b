import { randomBytes } from 'node:crypto'
import type { ColumnType } from '#core/columns/column.ts'
import type { Dataset } from '#core/dataset/dataset.ts'

/**
 * Key types of which equal values have equal bytes in binary COPY, by the number that Postgres gives their arrays' elements (pg_type.dat). Not
 * among them: numeric (1.5 and 1.50), real and double precision (0 and -0), jsonb and arrays.
 */
const elementOids: Partial<Record<ColumnType, number>> = {
  smallint: 21,
  integer: 23,
  bigint: 20,
  boolean: 16,
  text: 25,
  enum: 25,
  uuid: 2950,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  bytea: 17,
}

/** Where a dataset's key stands among the fields of a row, and how its parts are sent to Postgres as arrays. */
export interface RowKey {
  readonly places: readonly number[]
  readonly oids: readonly number[]
  /** SQL type of each part's array. */
  readonly arrayTypes: readonly string[]
}

/** Undefined when equal keys may have different bytes. */
export function rowKey({ columns, primaryKey }: Dataset): RowKey | undefined {
  const names = Object.keys(columns)
  const types = primaryKey.map((name) => columns[name]!.type)
  const oids = types.map((type) => elementOids[type])
  if (!oids.every((oid) => oid !== undefined)) return undefined
  const arrayTypes = types.map((type) => `${type === 'enum' ? 'text' : type}[]`)
  return { places: primaryKey.map((name) => names.indexOf(name)), oids, arrayTypes }
}

/** Bytes of a binary array of one dimension before its elements (array_recv in PostgreSQL's arrayfuncs.c). */
const arrayHead = 20
/** What nobody who sends rows knows: they cannot choose keys that all fall into one place of the table. */
const seed = randomBytes(4).readInt32LE()

/** Rows of binary COPY held together with their keys: those whose key came before, or is known to be elsewhere, can be left out. */
export class KeyedRows {
  readonly #key: RowKey
  readonly #parts: number
  /** Which part of the key a field is, or -1. */
  readonly #partOf: Int32Array
  #bytes = Buffer.alloc(0)
  #length = 0
  #rows = 0
  #starts = new Int32Array(1024)
  /** Of each row and part of its key where the field begins (its length) and ends. */
  #spans: Int32Array
  #hashes = new Int32Array(0)
  /** Rows by their key's hash, open addressing: 0 for none, else the row's number plus 1. */
  #table = new Int32Array(0)
  /** 1 for a row that is left out. */
  #out = new Uint8Array(0)
  /** The rows whose keys were asked for, in that order. */
  #asked = new Int32Array(0)
  #askedCount = 0

  constructor(key: RowKey, columns: number) {
    this.#key = key
    this.#parts = key.places.length
    this.#partOf = new Int32Array(columns).fill(-1)
    for (const [part, place] of key.places.entries()) this.#partOf[place] = part
    this.#spans = new Int32Array(2 * this.#parts * this.#starts.length)
  }

  /** Bytes held. */
  get length(): number {
    return this.#length
  }
  get rows(): number {
    return this.#rows
  }

  /** Adds whole rows. */
  add(rows: Uint8Array): void {
    const end = this.#length + rows.length
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(rows, this.#length)
    this.#walk(this.#length, end)
    this.#length = end
  }

  /** Finds the keys of the rows in [from, end). */
  #walk(from: number, end: number): void {
    const [bytes, partOf, step] = [this.#bytes, this.#partOf, 2 * this.#parts]
    let [starts, spans, row] = [this.#starts, this.#spans, this.#rows]
    for (let p = from; p < end; row++) {
      if (row === starts.length) {
        this.#starts = starts = doubled(starts)
        this.#spans = spans = doubled(spans)
      }
      starts[row] = p
      const fields = (bytes[p]! << 8) | bytes[p + 1]!
      p += 2
      for (let field = 0; field < fields; field++) {
        const length = int32(bytes, p)
        const next = p + 4 + Math.max(length, 0)
        const part = partOf[field]!
        if (part >= 0) {
          spans[row * step + 2 * part] = p
          spans[row * step + 2 * part + 1] = next
        }
        p = next
      }
    }
    this.#rows = row
  }

  /** Leaves out every row whose key an earlier one has, and gives the keys of the others: a binary array for each part. */
  keys(): Buffer[] {
    this.#index()
    return this.#key.oids.map((oid, part) => this.#array(oid, part))
  }

  #array(oid: number, part: number): Buffer {
    const [bytes, spans, asked, count] = [this.#bytes, this.#spans, this.#asked, this.#askedCount]
    const step = 2 * this.#parts
    let length = arrayHead
    for (let i = 0; i < count; i++) length += spans[asked[i]! * step + 2 * part + 1]! - spans[asked[i]! * step + 2 * part]!
    const array = Buffer.allocUnsafe(length)
    for (const [i, v] of [1, 0, oid, count, 1].entries()) array.writeInt32BE(v, 4 * i)
    let w = arrayHead
    for (let i = 0; i < count; i++) {
      const at = asked[i]! * step + 2 * part
      let p = spans[at]!
      const end = spans[at + 1]!
      if (end - p > 64) w += bytes.copy(array, w, p, end)
      else while (p < end) array[w++] = bytes[p++]!
    }
    return array
  }

  #index(): void {
    const rows = this.#rows
    const slots = 1 << (32 - Math.clz32(2 * rows))
    if (this.#table.length < slots) this.#table = new Int32Array(slots)
    else this.#table.fill(0)
    if (this.#hashes.length < rows) {
      this.#hashes = new Int32Array(this.#starts.length)
      this.#out = new Uint8Array(this.#starts.length)
      this.#asked = new Int32Array(this.#starts.length)
    } else this.#out.fill(0, 0, rows)
    const [bytes, spans, hashes, table, asked, parts] = [this.#bytes, this.#spans, this.#hashes, this.#table, this.#asked, this.#parts]
    let count = 0
    for (let row = 0; row < rows; row++) {
      let hash = seed
      for (let at = 2 * row * parts; at < 2 * (row + 1) * parts; at += 2) hash = hashOf(bytes, spans[at]! + 4, spans[at + 1]!, hash)
      hashes[row] = hash
      const slot = this.#slotOf(hash, bytes, spans, 2 * row * parts)
      if (table[slot]) this.#out[row] = 1
      else {
        table[slot] = row + 1
        asked[count++] = row
      }
    }
    this.#askedCount = count
  }

  /** Where the row with this key stands in the table, or would. @param at of the key's first span */
  #slotOf(hash: number, bytes: Uint8Array, spans: Int32Array, at: number): number {
    const [table, hashes] = [this.#table, this.#hashes]
    const mask = table.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = table[slot]! - 1
      if (row < 0) return slot
      if (hashes[row] === hash && this.#same(row, bytes, spans, at)) return slot
    }
  }

  #same(row: number, bytes: Uint8Array, spans: Int32Array, at: number): boolean {
    for (let i = 0; i < 2 * this.#parts; i += 2) {
      const [p, end] = [this.#spans[2 * row * this.#parts + i]!, this.#spans[2 * row * this.#parts + i + 1]!]
      const other = spans[at + i]!
      if (end - p !== spans[at + i + 1]! - other) return false
      for (let k = p + 4, j = other + 4; k < end; k++, j++) if (this.#bytes[k] !== bytes[j]) return false
    }
    return true
  }

  /** Leaves out the rows with these keys. @param present a binary array: of keys of one part; of longer keys their places, from 1, among those asked for */
  leaveOut(present: Buffer): void {
    if (present.readInt32BE(0) === 0) return
    const span = new Int32Array(2)
    for (let p = arrayHead; p < present.length; ) {
      const end = p + 4 + int32(present, p)
      if (this.#parts > 1) this.#out[this.#asked[Number(present.readBigInt64BE(p + 4)) - 1]!] = 1
      else {
        span[0] = p
        span[1] = end
        const row = this.#table[this.#slotOf(hashOf(present, p + 4, end, seed), present, span, 0)]! - 1
        if (row >= 0) this.#out[row] = 1
      }
      p = end
    }
  }

  /** The rows that are not left out, moved together, and how many were. The others are forgotten. @param onLeft told the number of each that is left out */
  take(onLeft?: (row: number) => void): { readonly kept: Buffer; readonly left: number } {
    let [w, left] = [0, 0]
    for (let row = 0; row < this.#rows; ) {
      if (this.#out[row]) {
        left++
        onLeft?.(row)
        row++
        continue
      }
      const from = this.#starts[row]!
      while (row < this.#rows && !this.#out[row]) row++
      const to = row < this.#rows ? this.#starts[row]! : this.#length
      if (from !== w) this.#bytes.copyWithin(w, from, to)
      w += to - from
    }
    this.#length = 0
    this.#rows = 0
    return { kept: this.#bytes.subarray(0, w), left }
  }
}

const int32 = (bytes: Uint8Array, p: number): number => (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!

function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed ^ (to - from)
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

function doubled(old: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * old.length)
  grown.set(old)
  return grown
}
