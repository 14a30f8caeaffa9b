import { chunksCommute, type Dataset } from '#core/dataset/dataset.ts'

/** The place of a chunk in the order in which batches were accepted. */
export interface OrderPlace {
  readonly load: string
  readonly chunk: number
  /** Sequence number of its first record. */
  readonly position: string
  /** When the stream took that one, ISO 8601. */
  readonly arrivedAt: string
  readonly lane?: number | undefined
  readonly lanes?: number | undefined
}

/** True when a row that is loaded late takes the place of a newer one: nothing in the rows themselves tells which is which. */
export const orderMatters = (dataset: Dataset): boolean => !chunksCommute(dataset)

/** What is asked before chunks are sent again. */
export type OrderQuestion =
  /** Chunks that were set aside, and where they lie. */
  | {
      readonly kind: 'deadLetters'
      readonly dataset: string
      readonly deadLetters: readonly (OrderPlace & { readonly object: string; readonly record: number })[]
    }
  /** Rows of a file, none of which was read: anything that was committed since counts. */
  | { readonly kind: 'since'; readonly dataset: string; readonly load: string; readonly since: string }

/** What was committed after rows that are to be loaded now, and would be lost by it. */
export interface OrderAnswer {
  /** Chunks whose rows may take the place of newer ones: how many rows, and the keys of some. */
  readonly older: readonly { readonly chunk: number; readonly rows: number; readonly keys: readonly string[] }[]
  /** Of a file: whether anything was committed since. */
  readonly newer: boolean
  /** Chunks that cannot be read: nothing of them will be loaded. */
  readonly unreadable: readonly number[]
}

export const olderRowsDetail = (rows: number, keys: readonly string[]): string =>
  `${rows} ${rows === 1 ? 'row' : 'rows'} may take the place of newer ones, such as ${keys.join(', ')}: later batches of the same keys are in the table.`
