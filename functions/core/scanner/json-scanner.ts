import type { Column } from '#core/columns/column.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { partitionWindow } from '#core/rows/row.ts'
import { valueCode } from './scan-code.ts'
import { jsonCode } from './scan-value.ts'
import { giveUp, writeNull } from './scan-write.ts'
import { cachedScanner, type Scanner, type ScanStep, type UseValue, writeAbsent } from './scanner.ts'

/** How often a reader learns another order of keys: a file whose rows are all different is the general parser's. */
const mostOrders = 8

/**
 * A scanner for NDJSON, with or without a space after colon and comma. It begins with the dataset's order of keys, and takes up the order of
 * a row that has another one: writers differ, but each writes its rows alike. Optional columns may be left out of any row.
 * @param lead true when every row begins with its line and offset, as staged rows do
 */
export function jsonScanner(dataset: Dataset, day: Date, lead: boolean): Scanner {
  let order: readonly string[] = Object.keys(dataset.columns)
  let scanner = compiled(dataset, day, lead, order)
  let orders = mostOrders
  /** Rows in a row that were not taken: asked for their order at the 1st, 2nd, 4th, 8th and so on. */
  let failures = 0
  return {
    get rows() {
      return scanner.rows
    },
    scan(bytes, from, to, limit, out, line, base) {
      const at = scanner.scan(bytes, from, to, limit, out, line, base)
      failures = scanner.rows > 0 ? 0 : failures + 1
      if (orders > 0 && failures > 0 && (failures & (failures - 1)) === 0) {
        const learned = learnOrder(order, bytes, at)
        if (learned) {
          orders--
          order = learned
          scanner = compiled(dataset, day, lead, order)
          return scanner.scan(bytes, from, to, limit, out, line, base)
        }
      }
      return at
    },
  }
}

/** The order of the keys of the row at `from`, and of those that it leaves out; undefined when the known order serves it too. */
function learnOrder(known: readonly string[], bytes: Buffer, from: number): readonly string[] | undefined {
  const keys = keysAt(bytes, from)?.filter((key) => known.includes(key))
  if (!keys) return undefined
  const places = keys.map((key) => known.indexOf(key))
  if (places.every((place, i) => i === 0 || place > places[i - 1]!)) return undefined
  const order = [...keys]
  for (const [i, name] of known.entries()) if (!order.includes(name)) order.splice(i === 0 ? 0 : order.indexOf(known[i - 1]!) + 1, 0, name)
  return order
}

function keysAt(bytes: Buffer, from: number): string[] | undefined {
  try {
    const row: unknown = JSON.parse(bytes.toString('utf8', from, bytes.indexOf(10, from)))
    return typeof row === 'object' && row !== null ? Object.keys(row) : undefined
  } catch {
    return undefined
  }
}

function compiled(dataset: Dataset, day: Date, lead: boolean, order: readonly string[]): Scanner {
  return cachedScanner(dataset, day, lead, `json ${order.join()}`, (use) => jsonSteps(dataset, day, order, use))
}

/** What is known of the keys before one: that there is none, that there may be one, that there is one. */
type Before = 'none' | 'some' | 'sure'

function jsonSteps(dataset: Dataset, day: Date, order: readonly string[], use: UseValue): ScanStep[] {
  const window = dataset.partitionBy && partitionWindow(dataset, day)
  const places = new Map(Object.keys(dataset.columns).map((name, i) => [name, i]))
  let before = 'none' as Before
  const steps: ScanStep[] = [{ column: undefined, code: expect('{') }]
  for (const name of order) {
    const column = dataset.columns[name]!
    const read = use(`${space}${readValue(column, name === dataset.partitionBy?.column ? window : undefined)}`)
    const absent = writeAbsent(places.get(name)!, column)
    steps.push({ column: places.get(name), code: column.optional ? optionalKey(name, before, read, absent) : key(name, before, read) })
    before = column.optional && before !== 'sure' ? 'some' : 'sure'
  }
  return [...steps, { column: undefined, code: expect('}') }]
}

/** Code for a key that every row has. */
function key(name: string, before: Before, read: string): string {
  const comma = `${expect(',')}${space}`
  const separator = before === 'none' ? '' : before === 'sure' ? comma : `if(seen){${comma}}`
  return `${separator}${expect(`${JSON.stringify(name)}:`)}${read}`
}

/** Code for a key that a row may leave out: looks behind the comma, and leaves it where it is for the next key when it is not this one. */
function optionalKey(name: string, before: Before, read: string, absent: string): string {
  const literal = [...Buffer.from(`${JSON.stringify(name)}:`)]
  const matches = literal.map((byte, i) => `b[a+${i}]===${byte}`).join('&&')
  const behindComma = 'if(b[a]===44){a++;if(b[a]===32)a++;}else there=false;'
  const separator = before === 'none' ? '' : before === 'sure' ? behindComma : `if(seen){${behindComma}}`
  return `{let a=p,there=true;${separator}if(there&&${matches}){p=a+${literal.length};${before === 'sure' ? '' : 'seen=true;'}${read}}else{${absent}}}`
}

function readValue(column: Column, window: Parameters<typeof valueCode>[1]): string {
  const read = jsonCode(valueCode(column, window, 'json'))
  return column.nullable ? `if(b[p]===110&&b[p+1]===117&&b[p+2]===108&&b[p+3]===108){p+=4;${writeNull}}else{${read}}` : read
}

const space = 'if(b[p]===32)p++;'
const expect = (literal: string): string => {
  const bytes = Buffer.from(literal)
  return `if(${[...bytes].map((byte, i) => `b[p+${i}]!==${byte}`).join('||')})${giveUp};p+=${bytes.length};`
}
