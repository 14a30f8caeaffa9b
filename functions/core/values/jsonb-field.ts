import { isExactNumber } from './exact-json.ts'
import type { EncoderOf } from './field-encoder.ts'
import { numberParts } from './number-field.ts'
import { refuse } from './reject.ts'

/** Levels of arrays and objects in one jsonb value: far below what makes Postgres or JSON.stringify run out of stack. */
const jsonDepth = 500

export const jsonb: EncoderOf = (name) => (value, out) => {
  if (deeper(value, jsonDepth)) return refuse('too-deep', name, `the JSON is nested more than ${jsonDepth} levels deep`)
  const json = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, both refused by jsonb; a backslash before them makes them harmless text
  if (json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json))
    return refuse('invalid-text', name, 'the JSON has a NUL or half a surrogate pair, which Postgres cannot store')
  if (suspicious.test(json) && hasHugeNumber(value)) return refuse('out-of-range', name, 'the JSON has a number that Postgres cannot store')
  out.text(json, 1)
  return undefined
}

/** Digits that a numeric keeps before and behind the point (https://www.postgresql.org/docs/18/datatype-numeric.html); a number in jsonb is a numeric. */
const [wholeDigits, fractionDigits] = [131_072, 16_383]
/** What a number must have to be too large. */
const suspicious = /[\d.]{4000}|\d[eE][+-]?\d{4}/
function hasHugeNumber(value: unknown): boolean {
  if (isExactNumber(value)) {
    const [, digits = '', fraction = '', exponent = '0'] = numberParts.exec(value.rawJSON)!
    return digits.length + Number(exponent) > wholeDigits || fraction.length - Number(exponent) > fractionDigits
  }
  return typeof value === 'object' && value !== null && Object.values(value).some(hasHugeNumber)
}

function deeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some((each) => deeper(each, levels - 1))
  for (const key in value) if (deeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}
