import { MappingRefused } from './settings.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * One leaf of a pattern: a list of rules, of which one must hold. Page invocation-eventfiltering, "Filter rule syntax", and EventBridge User
 * Guide, eb-create-pattern-operators. A list in the record matches when one of its elements does (eb-event-patterns, "matching arrays").
 * Not as on AWS: numbers are compared by value here; there 300, 300.0 and 3.0e2 differ.
 * @param value undefined when the record does not have the property.
 */
export function matchesRules(value: Json | undefined, rules: Json): boolean {
  if (!Array.isArray(rules)) throw new MappingRefused(`The filter rule ${JSON.stringify(rules)} is not a list.`)
  return rules.map((rule: Json) => compileRule(rule)(value)).some(Boolean)
}

type Test = (value: Json | undefined) => boolean

function compileRule(rule: Json): Test {
  if (typeof rule !== 'object' || rule === null) return anyElement((value) => value === rule)
  const [[name, operand] = ['', null], ...more] = Object.entries(rule)
  if (more.length > 0) throw unknown(rule)
  switch (name) {
    case 'exists':
      // Only leaves exist: an object is no value to match.
      return (value) => (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) === operand
    case 'prefix':
      return text(rule, operand, (value, wanted) => value.startsWith(wanted))
    case 'suffix':
      return text(rule, operand, (value, wanted) => value.endsWith(wanted))
    case 'equals-ignore-case':
      return text(rule, operand, (value, wanted) => value.toLowerCase() === wanted.toLowerCase())
    case 'anything-but':
      return anythingBut(rule, operand)
    case 'numeric':
      return numeric(rule, operand)
    default:
      throw unknown(rule)
  }
}

const unknown = (rule: Json): MappingRefused => new MappingRefused(`The filter rule ${JSON.stringify(rule)} is not played here.`)

const anyElement =
  (test: (value: Json) => boolean): Test =>
  (value) =>
    value !== undefined && (Array.isArray(value) ? value.some(test) : test(value))

function text(rule: Json, operand: Json, test: (value: string, operand: string) => boolean): Test {
  if (typeof operand !== 'string') throw unknown(rule)
  return anyElement((value) => typeof value === 'string' && test(value, operand))
}

/** Any value but these; a property that is missing is no value. */
function anythingBut(rule: Json, operand: Json): Test {
  const values = new Set<Json>(Array.isArray(operand) ? operand : [operand])
  for (const value of values) if (typeof value !== 'string' && typeof value !== 'number') throw unknown(rule)
  return anyElement((value) => !values.has(value))
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

function numeric(rule: Json, operand: Json): Test {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0) throw unknown(rule)
  const tests = Array.from({ length: operand.length / 2 }, (_, i) => {
    const [sign, limit]: readonly (Json | undefined)[] = operand.slice(i * 2, i * 2 + 2)
    const compare = typeof sign === 'string' ? comparisons[sign] : undefined
    if (!compare || typeof limit !== 'number') throw unknown(rule)
    return (value: number) => compare(value, limit)
  })
  return anyElement((value) => typeof value === 'number' && tests.every((test) => test(value)))
}
