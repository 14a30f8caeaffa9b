/** How a CSV file is written. Every file has one from its load; what is not told is RFC 4180 with a header line. */
export interface CsvDialect {
  /** One ASCII byte between fields. */
  readonly delimiter: string
  /** One ASCII byte around a field; doubled inside it. */
  readonly quote: string
  /** What a field without quotes says when it is NULL. */
  readonly null: string
  /** True when the first line names the columns. */
  readonly header: boolean
  /** The columns of a file without header, in its order; without them they are the dataset's. */
  readonly columns?: readonly string[]
}

export const standardCsv: CsvDialect = { delimiter: ',', quote: '"', null: '', header: true }
