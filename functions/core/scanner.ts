import type { CopyWriter } from './copy-writer.ts'
import type { Dataset } from './dataset.ts'
import { daysFromCivil, isDate } from './moment.ts'
import { partitionWindow } from './row.ts'
import { giveUp, int64, valueCode } from './scan-code.ts'

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

/** How much larger rows may become when they are encoded: `"a":1,` is 6 bytes and becomes 12. */
const growth = 3
/** The same for what leads a row: 24 bytes for at least `{"a":1}` and a newline. */
const leadGrowth = 3

type Compiled = (b: Buffer, p: number, to: number, limit: number, out: Buffer, o: number, line: number, base: number) => number

/**
 * A scanner for NDJSON whose keys stand in the dataset's order, with or without a space after colon and comma.
 * @param lead true when every row begins with its line and offset, as staged rows do
 * @returns undefined when the dataset has a column that only the general parser reads
 */
export function jsonScanner(dataset: Dataset, day: Date, lead: boolean): Scanner | undefined {
  const window = dataset.partitionBy && partitionWindow(dataset, day)
  const columns = Object.entries(dataset.columns)
  const values = columns.map(([name, column]) => valueCode(column, name === dataset.partitionBy?.column ? window : undefined))
  if (values.includes(undefined)) return undefined
  const fields = columns.map(([name, column], i) => {
    const { code, quoted } = values[i]!
    const read = quoted ? `${expect('"')}{const stop=34;${code}}${expect('"')}` : `{${code}}`
    return `${i === 0 ? expect('{') : `${expect(',')}${space}`}${expect(`${JSON.stringify(name)}:`)}${space}${column.nullable ? orNull(read) : read}`
  })
  return compile(columns.length, lead, dataset.limits.rowBytes, `${fields.join('\n')}${expect('}')}`)
}

const space = 'if(b[p]===32)p++;'
const expect = (literal: string): string => {
  const bytes = Buffer.from(literal)
  return `if(${[...bytes].map((byte, i) => `b[p+${i}]!==${byte}`).join('||')})${giveUp};p+=${bytes.length};`
}
const writeNull = 'out[o]=255;out[o+1]=255;out[o+2]=255;out[o+3]=255;o+=4;'
const orNull = (read: string): string => `if(b[p]===110&&b[p+1]===117&&b[p+2]===108&&b[p+3]===108){p+=4;${writeNull}}else{${read}}`

function compile(columns: number, lead: boolean, rowBytes: number, body: string): Scanner {
  const count = columns + (lead ? 2 : 0)
  const source = `
  let rows = 0, end = 0;
  const one = (b, p, out, o, line, offset) => {
    const row = -1, start = p; let c = 0;
    out[o] = ${count >> 8}; out[o + 1] = ${count & 255}; o += 2;
    ${lead ? `${int64('line')}${int64('offset')}` : ''}
    ${body}
    if (p - start > ${rowBytes}) ${giveUp};
    if (b[p] === 13) p++;
    if (b[p] !== 10) ${giveUp};
    end = p + 1;
    return o;
  };
  return {
    get rows() { return rows },
    run(b, p, to, limit, out, o, line, base) {
      rows = 0; end = p;
      while (end < to && end < limit) {
        const next = one(b, end, out, o, line + rows, base + end);
        if (next < 0) break;
        o = next; rows++;
      }
      this.at = end;
      return o;
    },
    at: 0,
  }`
  // The code is made of column declarations alone, never of data.
  const made = new Function('powers', 'hex', 'dates', 'dayOf', source)(powers, hex, { last: -1, day: 0 }, dayOf) as {
    rows: number
    at: number
    run: Compiled
  }
  return {
    get rows() {
      return made.rows
    },
    scan(bytes, from, to, limit, out, line, base) {
      const { buffer, at } = out.reserve((to - from) * (lead ? growth + leadGrowth : growth) + 64)
      out.advance(made.run(bytes, from, to, limit, buffer, at, line, base))
      return made.at
    },
  }
}

const powers = Array.from({ length: 23 }, (_, n) => 10 ** n)
/** The value of a hex digit by its byte; 255 for every other byte. */
const hex = Uint8Array.from({ length: 256 }, (_, c) =>
  /[0-9a-fA-F]/.test(String.fromCharCode(c)) ? Number.parseInt(String.fromCharCode(c), 16) : 255,
)
const dayOf = (year: number, month: number, day: number): number | undefined =>
  isDate(year, month, day) ? daysFromCivil(year, month, day) : undefined
