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
  readonly columns?: readonly string[] | undefined
}

export const standardCsv: CsvDialect = { delimiter: ',', quote: '"', null: '', header: true }

/** A byte that may delimit or quote: printable ASCII or a tab, so that it is never part of a UTF-8 sequence or the end of a line. */
export const csvByte = /^[\t\x20-\x7e]$/

/** What contradicts itself in a dialect, or undefined. */
export function csvDialectFault({ delimiter, quote, null: nullText, header, columns }: CsvDialect): string | undefined {
  if (delimiter === quote) return 'delimiter and quote must differ'
  if (nullText.includes(delimiter) || nullText.includes(quote)) return 'the text of NULL must hold neither delimiter nor quote'
  if (header && columns) return 'a file whose header names the columns needs no list of them'
  if (columns && new Set(columns).size !== columns.length) return 'a column stands twice in the list'
  return undefined
}
