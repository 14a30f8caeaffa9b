import { rawBytes } from '#core/rejects/reject-row.ts'
import { rawColumn } from '#core/rows/fix-columns.ts'
import { BadValue } from './values.ts'

/**
 * A row that has no text of its own, as JSON from which the loader reads the same values. One that JSON does not have stands there as text, and `_raw`
 * names its column: a row with that is refused until it is corrected. Of a row larger than what is kept of a reject there is not much more than that, whatever its columns hold.
 */
export function shownRow(names: readonly string[], values: readonly unknown[]): Buffer {
  const bad: string[] = []
  const shown = (name: string, value: unknown): unknown => {
    if (Object.is(value, -0)) return JSON.rawJSON('-0')
    const isBad = value instanceof BadValue
    if (!isBad && (typeof value !== 'number' || Number.isFinite(value))) return value
    bad.push(name)
    return isBad ? value.shown : String(value)
  }
  let text = ''
  const add = (name: string, value: unknown): void => {
    if (value === undefined || text.length > rawBytes) return
    const kept = typeof value === 'string' ? value.slice(0, rawBytes + 1) : value
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(kept)}`
  }
  for (const [i, name] of names.entries()) add(name, shown(name, values[i]))
  if (bad.length > 0) add(rawColumn, bad.join(', '))
  return Buffer.from(`{${text}}`)
}
