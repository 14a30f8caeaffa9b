/** One rejected row, as the API answers and the rejects file holds it. */
export interface Reject {
  /** Line in the file, from 1 (CSV: of the row's first line); null until every earlier chunk is committed. */
  readonly line: number | null
  /** Byte offset of the row in the text (after decompression). */
  readonly offset: number
  readonly column: string | null
  readonly code: string
  readonly message: string
  /** The row as received, cut after 8 KiB. */
  readonly raw: string
  readonly truncated: boolean
}
