import type { Column } from '#core/columns/column.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { type Field, fieldsOf } from '#core/rows/row.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { base64 } from './scan-base64.ts'
import { field, fieldText } from './scan-field.ts'
import { jsonb } from './scan-jsonb.ts'
import { scanTools } from './scan-tools.ts'
import { giveUp, int64, writeNull } from './scan-write.ts'

/** Reads rows that are written the plain way, straight from their bytes to binary COPY, without making a value of any of them. */
export interface Scanner {
  /**
   * Encodes whole rows from `from` on, until one is not of the plain form, begins at or behind `limit`, or does not end before `to`.
   * @param line of the first row, and `base` the text offset of `bytes[0]`: written before each row when the scanner leads with them
   * @returns the index of the first byte that was not read
   */
  scan(bytes: Buffer, from: number, to: number, limit: number, out: CopyWriter, line: number, base: number): number
  /** Rows of the last call. */
  readonly rows: number
}

/** Code that reads a part of a row. */
export interface ScanStep {
  /** Place in the dataset of the column whose field the code writes; undefined for code that writes nothing. */
  readonly column: number | undefined
  readonly code: string
}

/** Makes the code that reads a value a part of a step: as it is, or called where equal columns share it. */
export type UseValue = (code: string) => string
export type StepsOf = (use: UseValue) => readonly ScanStep[]

/** A row as a scanner reads it: its parts in the order of the text. */
interface ScanPlan {
  readonly dataset: Dataset
  readonly day: Date
  readonly lead: boolean
  readonly steps: StepsOf
}

/** How much larger rows are taken to become: `"a":1,` is 6 bytes and becomes 12. A scan stops early where it is not enough. */
const growth = 3
/** The same for what leads a row: 24 bytes for at least `{"a":1}` and a newline. */
const leadGrowth = 3
/**
 * A row with more columns is read by several functions of so many steps each, and equal columns share the code that reads their values: V8 does not optimize
 * a function beyond 60 KB of bytecode, a step with its value has up to 1.5 KB, and its compiler needs memory that grows with a function's size. A table
 * of 100 columns took 309 MiB and 2.4 s of processor time for 54 MB with all code written out.
 */
const stepsAtOnce = 16
/** Rows that are left to the general parser at once after many in a row that the scanner did not take. */
const longestPause = 64

type Compiled = {
  rows: number
  at: number
  run(b: Buffer, p: number, to: number, limit: number, out: Buffer, o: number, line: number, base: number): number
}

/** Code that writes the field of a column that a row leaves out. */
export function writeAbsent(place: number, { nullable, default: value }: Column): string {
  if (value === undefined) return nullable ? writeNull : `${giveUp};`
  return `if(absent[${place}]===undefined)${giveUp};o=put(absent[${place}],out,o);`
}

/** Scanners by what they were compiled from: the machine code that V8 makes of one is worth keeping for the next chunk. */
const cache = new WeakMap<Dataset, Map<string, Scanner>>()
const mostCached = 16

/** @param key says which steps they are, for this dataset and day */
export function cachedScanner(dataset: Dataset, day: Date, lead: boolean, key: string, steps: StepsOf): Scanner {
  const known = cache.get(dataset) ?? new Map<string, Scanner>()
  cache.set(dataset, known)
  // The day decides which partitions a row may go to, and nothing else.
  const id = `${dataset.partitionBy ? day.toISOString().slice(0, 10) : ''} ${lead} ${key}`
  const scanner = known.get(id) ?? compileScanner({ dataset, day, lead, steps })
  if (!known.has(id) && known.size >= mostCached) known.clear()
  known.set(id, scanner)
  return scanner
}

/** Compiles a plan. Rows are written in the dataset's order; where the text has another one, they take a way round through `scratch`. */
function compileScanner({ dataset, day, lead, steps }: ScanPlan): Scanner {
  const fields = fieldsOf(dataset, day)
  const absent = fields.map(absentField)
  const absentBytes = absent.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0)
  const scratch = { bytes: Buffer.alloc(0) }
  const source = sourceOf(fields.length, lead, dataset.limits.rowBytes, steps)
  const tools = { ...scanTools, jsonb, base64, field, fieldText, absent, scratch, spans: new Int32Array(2 * fields.length) }
  // The code is made of column declarations and header names alone, never of data.
  const made = new Function(...Object.keys(tools), source)(...Object.values(tools)) as Compiled
  let failures = 0
  let pause = 0
  return {
    get rows() {
      return made.rows
    },
    scan(bytes, from, to, limit, out, line, base) {
      made.rows = 0
      if (pause > 0) {
        pause--
        return from
      }
      const room = (to - from) * (lead ? growth + leadGrowth : growth) + Math.min((to - from) * absentBytes, 1024 * 1024) + absentBytes + 64
      const row = (Math.min(to - from, dataset.limits.rowBytes) + 64) * growth + absentBytes
      if (scratch.bytes.length < row) scratch.bytes = Buffer.allocUnsafe(row)
      const { buffer, at } = out.reserve(room)
      out.advance(made.run(bytes, from, to, limit, buffer, at, line, base))
      failures = made.rows > 0 ? 0 : failures + 1
      pause = Math.min(failures >> 2, longestPause)
      return made.at
    },
  }
}

/** The field of a row that leaves the column out; undefined when it cannot be left out. */
function absentField({ encode, absent, optional }: Field): Buffer | undefined {
  const out = new CopyWriter(64)
  return !optional || encode(absent, out) ? undefined : out.written
}

function sourceOf(columns: number, lead: boolean, rowBytes: number, stepsOf: StepsOf): string {
  const shared = new Map<string, string>()
  const wide = columns > stepsAtOnce
  const steps = stepsOf((code) => {
    if (!wide) return `{${code}}`
    const name = shared.get(code) ?? `value${shared.size}`
    shared.set(code, name)
    return `o=${name}(b,p,out,o);if(o<0)${giveUp};p=place;`
  })
  const written = steps.flatMap(({ column }) => (column === undefined ? [] : [column]))
  const inOrder = written.every((column, i) => column === i)
  const parts = steps.map(({ column, code }) =>
    inOrder || column === undefined ? code : `spans[${2 * column}]=o;${code}spans[${2 * column + 1}]=o;`,
  )
  const groups = Array.from({ length: Math.ceil(parts.length / stepsAtOnce) }, (_, i) =>
    parts.slice(i * stepsAtOnce, (i + 1) * stepsAtOnce).join('\n'),
  )
  const count = columns + (lead ? 2 : 0)
  const head = `out[o]=${count >> 8};out[o+1]=${count & 255};o+=2;${lead ? `${int64('line')}${int64('offset')}` : ''}`
  const body =
    groups.length === 1 ? `let c=0;${groups[0]}` : groups.map((_, i) => `o=part${i}(b,p,out,o);if(o<0)${giveUp};p=place;`).join('\n')
  return `
  let end = 0, place = 0, seen = false;
  ${Array.from(shared, ([code, name]) => `const ${name}=(b,p,out,o)=>{let c=0;${code}place=p;return o;};`).join('\n')}
  ${groups.length === 1 ? '' : groups.map((code, i) => `const part${i}=(b,p,out,o)=>{let c=0;${code}place=p;return o;};`).join('\n')}
  const one = (b, p, target, o0, line, offset) => {
    const start = p; let out = target, o = o0; seen = false;
    ${inOrder ? head : 'out = scratch.bytes; o = 0;'}
    ${body}
    if (p - start > ${rowBytes}) ${giveUp};
    if (b[p] === 13) p++;
    if (b[p] !== 10) ${giveUp};
    end = p + 1;
    ${inOrder ? '' : `if (o > out.length) ${giveUp}; out = target; o = o0; ${head} ${permute(columns)}`}
    return o;
  };
  return {
    rows: 0,
    at: 0,
    run(b, p, to, limit, out, o, line, base) {
      let rows = 0, at = p;
      while (at < to && at < limit) {
        const next = one(b, at, out, o, line + rows, base + at);
        // Bytes that had no room were not written: the row is read again into a larger buffer
        if (next < 0 || next > out.length) break;
        o = next; at = end; rows++;
      }
      this.rows = rows; this.at = at;
      return o;
    },
  }`
}

/** Writes the fields that stand in `scratch`, in the order of the text, in the order of the dataset. */
const permute = (columns: number): string => `
    const from = scratch.bytes;
    for (let i = 0; i < ${2 * columns}; i += 2) {
      let s = spans[i]; const e = spans[i + 1];
      if (e - s > 64) { from.copy(out, o, s, e); o += e - s; }
      else while (s < e) out[o++] = from[s++];
    }`
