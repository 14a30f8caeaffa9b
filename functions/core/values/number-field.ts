import { parseDecimal } from './decimal.ts'
import { isExactNumber } from './exact-json.ts'
import { type EncoderOf, quote, wrongType } from './field-encoder.ts'
import { refuse } from './reject.ts'

export const whole =
  (type: 'smallint' | 'integer', min: number, max: number): EncoderOf =>
  (name) =>
  (value, out) => {
    const number = asNumber(value)
    if (number === undefined) return wrongType(name, 'a whole number', value)
    if (!isWhole(value)) return refuse('wrong-type', name, `${numberText(value)} is not a whole number`)
    if (number < min || number > max) return refuse('out-of-range', name, `${number} does not fit ${type} (${min} to ${max})`)
    // `| 0` turns -0 into 0: the same whole number
    if (type === 'smallint') out.int16(number | 0)
    else out.int32(number | 0)
    return undefined
  }

export const bigint: EncoderOf = (name) => (value, out) => {
  const number = asNumber(value)
  if (number !== undefined) {
    if (!isWhole(value)) return refuse('wrong-type', name, `${numberText(value)} is not a whole number`)
    if (!Number.isSafeInteger(number))
      return refuse('out-of-range', name, 'a JSON number beyond 2^53 - 1 is not exact: send the digits as a string')
    out.int64(number)
    return undefined
  }
  if (typeof value !== 'string') return wrongType(name, 'a whole number or a string of digits', value)
  if (!/^-?\d{1,19}$/.test(value)) return refuse('invalid-format', name, `${quote(value)} is not a string of digits`)
  const big = BigInt(value)
  if (BigInt.asIntN(64, big) !== big) return refuse('out-of-range', name, `${value} does not fit bigint`)
  out.bigint(big)
  return undefined
}

export const numeric: EncoderOf = (name, column) => (value, out) => {
  const text = numberText(value) ?? (typeof value === 'string' ? value : undefined)
  if (text === undefined) return wrongType(name, 'a number or a string of digits', value)
  const decimal = parseDecimal(text)
  if (!decimal) return refuse('invalid-format', name, `${quote(text)} is not a decimal number of at most 2,000 digits`)
  if (column.precision !== undefined) {
    const scale = column.scale ?? 0
    if (decimal.integerDigits > column.precision - scale)
      return refuse('out-of-range', name, `${quote(text)} does not fit numeric(${column.precision},${scale})`)
    if (decimal.scale > scale) return refuse('too-precise', name, `${quote(text)} has more than ${scale} digits after the point`)
  }
  out.numeric(decimal.digits, decimal.weight, decimal.negative && decimal.digits.length > 0, column.scale ?? decimal.scale)
  return undefined
}

export const float =
  (type: 'real' | 'double precision'): EncoderOf =>
  (name) =>
  (value, out) => {
    const number = asNumber(value)
    if (number === undefined) return wrongType(name, 'a number', value)
    const stored = type === 'real' ? Math.fround(number) : number
    if (!Number.isFinite(stored) || (stored === 0 && !isZero(value))) return refuse('out-of-range', name, `the number does not fit ${type}`)
    if (type === 'real') out.float32(stored)
    else out.float64(stored)
    return undefined
  }

/** The digits of a JSON number as they were written (see exact-json.ts). */
const numberText = (value: unknown): string | undefined =>
  typeof value === 'number' ? String(value) : isExactNumber(value) ? value.rawJSON : undefined
const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : isExactNumber(value) ? Number(value.rawJSON) : undefined

/** A JSON number: digits before and behind the point, and the exponent. */
export const numberParts = /^-?(\d+)(?:\.(\d+))?(?:[eE](.+))?$/
/** True for a whole number to its last digit: 1e3 and 1.0 are, 1.00000000000000001 is not. */
function isWhole(value: unknown): boolean {
  if (!isExactNumber(value)) return Number.isInteger(value)
  const [, digits = '', fraction = '', exponent = '0'] = numberParts.exec(value.rawJSON)!
  const zeros = /0*$/.exec(digits + fraction)![0].length
  return fraction.length - zeros <= Number(exponent) || isZero(value)
}
/** True for a number that is written as zero: 1e-400 is not, though a double cannot tell. */
const isZero = (value: unknown): boolean => (isExactNumber(value) ? /^-?[0.]+(?:[eE]|$)/.test(value.rawJSON) : value === 0)
