import type { Column } from '#core/columns/column.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import type { CsvDialect } from '#core/rows/csv-dialect.ts'
import { partitionWindow, type RowOptions } from '#core/rows/row.ts'
import { valueCode } from './scan-code.ts'
import { giveUp, writeNull } from './scan-write.ts'
import { cachedScanner, type Scanner, type ScanStep, type UseValue, writeAbsent } from './scanner.ts'

/** Bytes that values are made of: where one of them delimits fields, only the general parser can tell them apart. */
const valueBytes = /[0-9A-Za-z+\-.:/= ]/

/**
 * A scanner for CSV whose fields have no newlines inside; they may stand in quotes.
 * @param names the columns of the file, in its order
 */
export function csvScanner(
  dataset: Dataset,
  { day, lead }: RowOptions,
  dialect: CsvDialect,
  names: readonly string[],
): Scanner | undefined {
  if (valueBytes.test(dialect.delimiter + dialect.quote)) return undefined
  const key = JSON.stringify([dialect.delimiter, dialect.quote, dialect.null, names])
  return cachedScanner(dataset, day, lead, `csv ${key}`, (use) => csvSteps(dataset, day, dialect, names, use))
}

function csvSteps(dataset: Dataset, day: Date, dialect: CsvDialect, names: readonly string[], use: UseValue): ScanStep[] {
  const window = dataset.partitionBy && partitionWindow(dataset, day)
  const [delimiter, quote] = [dialect.delimiter.charCodeAt(0), dialect.quote.charCodeAt(0)]
  const columns = Object.entries(dataset.columns)
  // An empty line is no row, even where one empty field would be one; and a row may begin with a byte order mark (0xEF …).
  const steps: ScanStep[] = [{ column: undefined, code: `if(b[p]===10||b[p]===13||b[p]===239)${giveUp};` }]
  for (const [i, name] of names.entries()) {
    const column = dataset.columns[name]
    const separator = i === 0 ? '' : `if(b[p]!==${delimiter})${giveUp};p++;`
    const read = column
      ? use(readField(column, name === dataset.partitionBy?.column ? window : undefined, dialect))
      : skip(delimiter, quote)
    steps.push({ column: column && columns.findIndex(([n]) => n === name), code: `${separator}${read}` })
  }
  // A column that the file does not have is written behind the one before it: so fields in the dataset's order stay in order.
  for (const [i, [name, column]] of columns.entries())
    if (!names.includes(name))
      steps.splice(Math.max(1, steps.findIndex((step) => step.column === i - 1) + 1), 0, { column: i, code: `{${writeAbsent(i, column)}}` })
  return steps
}

function readField(column: Column, window: Parameters<typeof valueCode>[1], dialect: CsvDialect): string {
  const [delimiter, quote] = [dialect.delimiter.charCodeAt(0), dialect.quote.charCodeAt(0)]
  const { code } = valueCode(column, window, { delimiter, quote })
  const nullText = [...Buffer.from(dialect.null)]
  const end = `b[p+${nullText.length}]`
  const isNull = [...nullText.map((byte, i) => `b[p+${i}]===${byte}`), `((c=${end})===${delimiter}||c===10||c===13)`].join('&&')
  const noValue = column.nullable ? `p+=${nullText.length};${writeNull}` : `${giveUp};`
  return `if(${isNull}){${noValue}}else{const quoted=b[p]===${quote};if(quoted)p++;
    {const stop=quoted?${quote}:${delimiter};${code}}if(quoted){if(b[p]!==${quote})${giveUp};p++;}}`
}

/** Passes a field of a column that the dataset does not have. */
const skip = (delimiter: number, quote: number): string => `while((c=b[p])!==${delimiter}&&(c>=32&&c<128||c===9)&&c!==${quote})p++;`
