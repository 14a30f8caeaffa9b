import { rawColumn } from '#core/rows/fix-columns.ts'
import type { Reject } from './reject.ts'

/** A file of rejects in the format of the load, each row with its error: to correct and to send again. Sent as it is, each of its rows is refused again. */
export interface FixFile {
  readonly extension: 'ndjson' | 'csv'
  /** What stands before the rows. */
  readonly head: string
  /** One reject, with its newline. */
  readonly row: (reject: Reject) => string
}

/** True for a row of which not every byte is kept: taken for a row, it could be loaded as another one. */
export const isKeptInPart = ({ truncated, code }: Reject): boolean => truncated || code === 'invalid-utf8'

/** Why a row was refused, on one line. Begins with the code. */
export function errorOf({ code, column, message, truncated }: Reject): string {
  const what = column === rawColumn ? `write the row that is meant in the place of this one, without "${rawColumn}"` : message
  const cut = truncated ? '; only the beginning of the row is kept: take it from the original file' : ''
  const lost = code === 'invalid-utf8' ? '; what is no UTF-8 stands here as \ufffd' : ''
  return `${code}${column === null ? '' : ` in ${column}`}: ${what.replaceAll(/[\r\n]+/g, ' ')}${cut}${lost}`
}
