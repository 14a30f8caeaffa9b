import { csvRowEncoder, csvScanner } from './csv.ts'
import type { Dataset } from './dataset.ts'
import type { Format } from './load.ts'
import { ndjsonScanner } from './ndjson.ts'
import { jsonRowEncoder, type RowEncoder, type RowOptions } from './row.ts'
import type { RowScanner } from './row-splitter.ts'
import { jsonScanner, type Scanner } from './scanner.ts'

/** How rows of one load become COPY rows: the general parser, which decides every row, and the scanner for those of the plain form. */
export interface RowReader {
  readonly encode: RowEncoder
  readonly scanner: Scanner | undefined
}

/** How the text of one format becomes rows. */
export interface RowFormat {
  readonly scanner: RowScanner
  /** True when the first row names the columns. */
  readonly hasHeader: boolean
  /** @param header the first row, when the format has one */
  readonly reader: (dataset: Dataset, options: RowOptions, header: Buffer) => RowReader
}

export const rowFormats: Readonly<Record<Format, RowFormat>> = {
  ndjson: {
    scanner: ndjsonScanner,
    hasHeader: false,
    reader: (dataset, options) => ({ encode: jsonRowEncoder(dataset, options), scanner: jsonScanner(dataset, options.day, options.lead) }),
  },
  csv: {
    scanner: csvScanner,
    hasHeader: true,
    reader: (dataset, options, header) => ({ encode: csvRowEncoder(dataset, options, header), scanner: undefined }),
  },
}
