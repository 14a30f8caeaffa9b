import { csvRowEncoder, csvScanner } from './csv.ts'
import type { Dataset } from './dataset.ts'
import type { Format } from './load.ts'
import { ndjsonScanner } from './ndjson.ts'
import { jsonRowEncoder, type RowEncoder } from './row.ts'
import type { RowScanner } from './row-splitter.ts'

/** How the text of one format becomes rows. */
export interface RowFormat {
  readonly scanner: RowScanner
  /** True when the first row names the columns. */
  readonly hasHeader: boolean
  /** @param header the first row, when the format has one; `day` is the load's, see fieldsOf */
  readonly encoder: (dataset: Dataset, day: Date, header: Buffer) => RowEncoder
}

export const rowFormats: Readonly<Record<Format, RowFormat>> = {
  ndjson: { scanner: ndjsonScanner, hasHeader: false, encoder: jsonRowEncoder },
  csv: { scanner: csvScanner, hasHeader: true, encoder: (dataset, day, header) => csvRowEncoder(dataset, header, day) },
}
