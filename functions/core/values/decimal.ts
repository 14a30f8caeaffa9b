/** An exact decimal in the parts that PostgreSQL's binary `numeric` wants. */
export interface Decimal {
  /** Base-10000 digits, most significant first, without leading or trailing zeros. */
  readonly digits: readonly number[]
  /** Power of 10000 of the first digit. */
  readonly weight: number
  readonly negative: boolean
  /** Decimal digits after the point, as written. */
  readonly scale: number
  /** Decimal digits before the point, without leading zeros. */
  readonly integerDigits: number
}

const pattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,5}))?$/

/** Digits in all: bounds the work an exponent can ask for. */
const mostDigits = 2000

/** Reads plain or scientific notation; undefined when it is neither, or too long. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const shift = Number(exponent)
  if (whole.length + fraction.length + Math.abs(shift) > mostDigits) return undefined
  const all = whole + fraction
  const point = whole.length + shift
  const padded = point <= 0 ? '0'.repeat(1 - point) + all : all.padEnd(point, '0')
  const split = point <= 0 ? 1 : point
  const integer = padded.slice(0, split).replace(/^0+/, '')
  const decimals = padded.slice(split)
  return { ...group(integer, decimals), negative: sign === '-', scale: decimals.length, integerDigits: integer.length }
}

function group(integer: string, decimals: string): { digits: number[]; weight: number } {
  const left = integer.padStart(Math.ceil(integer.length / 4) * 4, '0')
  const right = decimals.padEnd(Math.ceil(decimals.length / 4) * 4, '0')
  const digits = (left + right).match(/\d{4}/g)?.map(Number) ?? []
  let weight = left.length / 4 - 1
  while (digits.length > 0 && digits[0] === 0) {
    digits.shift()
    weight--
  }
  while (digits.length > 0 && digits.at(-1) === 0) digits.pop()
  return { digits, weight: digits.length === 0 ? 0 : weight }
}
