import { rawColumn } from '../fix-columns.ts'
import { BadValue } from './values.ts'

/**
 * A row that has no text of its own, as JSON from which the loader reads the same values. One that JSON does not have stands there as text, and `_raw`
 * names its column: a row with that is refused until it is corrected.
 */
export function shownRow(names: readonly string[], values: readonly unknown[]): Buffer {
  const bad: string[] = []
  const row = names.map((name, i): [string, unknown] => {
    const value = values[i]
    if (Object.is(value, -0)) return [name, JSON.rawJSON('-0')]
    const isBad = value instanceof BadValue
    if (!isBad && (typeof value !== 'number' || Number.isFinite(value))) return [name, value]
    bad.push(name)
    return [name, isBad ? value.shown : String(value)]
  })
  if (bad.length > 0) row.push([rawColumn, bad.join(', ')])
  return Buffer.from(JSON.stringify(Object.fromEntries(row)))
}
