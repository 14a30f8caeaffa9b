/** How a format tells where its rows begin and end. */
export interface RowBoundaries {
  /** Index just behind the row that begins at `from`, its newline included; -1 when the row does not end before `to`. Never -1 when `final`. */
  end(bytes: Buffer, from: number, to: number, final: boolean): number
  /** True for a line that is not a row. `to` excludes the newline. */
  blank(bytes: Buffer, from: number, to: number): boolean
  /** Where the row begins in what `end` took, when something stands before it. Rows of such a format need not end with a line. */
  begin?(bytes: Buffer, from: number, to: number): number
  /** Passes through a row that is too large to be held, from its beginning on: index behind it, or -1, never when `final`. Without it such a row ends with its line. */
  pass?(bytes: Buffer, from: number, to: number, final: boolean): number
  /** True when no row can follow: what is left of the text belongs to this chunk, and is looked at. */
  over?(): boolean
}

/**
 * Takes as many rows as it can at once, from `from` on; they must begin before `limit` and end before `to` (both indices).
 * @returns the index of the first byte it left, and how many rows it took
 */
export type BulkReader = (
  bytes: Buffer,
  from: number,
  to: number,
  limit: number,
  line: number,
  base: number,
) => { at: number; rows: number }
