import type { Dataset } from '#core/dataset/dataset.ts'
import { csvColumns, csvRowEncoder, csvRows } from '#core/rows/csv.ts'
import { type CsvDialect, standardCsv } from '#core/rows/csv-dialect.ts'
import type { Format } from '#core/rows/encoding.ts'
import { type Ignored, IgnoredTally, ignoredInAll } from '#core/rows/ignored.ts'
import { jsonArrayBoundaries } from '#core/rows/json-array.ts'
import { ndjsonBoundaries } from '#core/rows/ndjson.ts'
import { jsonRowEncoder, type RowEncoder, type RowOptions } from '#core/rows/row.ts'
import type { RowBoundaries } from '#core/rows/row-boundaries.ts'
import { unknownNames } from '#core/rows/unknown-names.ts'
import { csvScanner } from '#core/scanner/csv-scanner.ts'
import { jsonScanner } from '#core/scanner/json-scanner.ts'
import type { Scanner } from '#core/scanner/scanner.ts'

/** How rows of one load become COPY rows: the general parser, which decides every row, and the scanner for those of the plain form. */
export interface RowReader {
  readonly encode: RowEncoder
  readonly scanner: Scanner | undefined
  /** What was passed over of the rows that were read, of which so many were encoded. */
  readonly ignored: (encoded: number) => Ignored | undefined
}

/** How the text of one format becomes rows. */
export interface RowFormat {
  /** @param offset where in the text the reading begins */
  readonly boundaries: (offset: number) => RowBoundaries
  /** True when the first row names the columns. */
  readonly hasHeader: boolean
  /** @param header the first row, when the format has one */
  readonly reader: (dataset: Dataset, options: RowOptions, header: Buffer) => RowReader
}

/** How a load's text becomes rows. */
export const rowFormatOf = (load: { readonly format: Format; readonly csv?: CsvDialect }): RowFormat => {
  if (load.format === 'parquet') throw new Error('Parquet is no text')
  return rowFormats[load.format](load)
}

const rowFormats: Readonly<Record<Exclude<Format, 'parquet'>, (load: { readonly csv?: CsvDialect }) => RowFormat>> = {
  ndjson: () => ({
    boundaries: () => ndjsonBoundaries,
    hasHeader: false,
    reader: (dataset, options) => jsonReader(dataset, options, jsonScanner(dataset, options.day, options.lead)),
  }),
  json: () => ({
    boundaries: jsonArrayBoundaries,
    hasHeader: false,
    reader: (dataset, options) => jsonReader(dataset, options, undefined),
  }),
  csv: ({ csv: dialect = standardCsv }) => ({
    boundaries: () => csvRows(dialect),
    hasHeader: dialect.header,
    reader: (dataset, options, header) => {
      const names = csvColumns(dataset, dialect, header)
      const unknown = unknownNames(dataset, names)
      return {
        encode: csvRowEncoder(dataset, options, dialect, names),
        scanner: csvScanner(dataset, options, dialect, names),
        ignored: (encoded) => ignoredInAll(unknown, encoded),
      }
    },
  }),
}

/** A row with a key that is passed over is none of the plain form: the general parser meets them all. */
function jsonReader(dataset: Dataset, options: RowOptions, scanner: Scanner | undefined): RowReader {
  const tally = new IgnoredTally()
  return { encode: jsonRowEncoder(dataset, options, tally), scanner, ignored: () => tally.sums }
}
