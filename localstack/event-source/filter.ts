import { type Json, matchesRules } from './filter-rule.ts'
import type { StreamRecord } from './ports.ts'
import { MappingRefused } from './settings.ts'

type Pattern = Readonly<Record<string, Json>>

/**
 * Decides whether a record is delivered. Pages invocation-eventfiltering and with-kinesis-filtering:
 * - "If an event satisfies any one of these filters, Lambda sends the event to your function. Otherwise, Lambda discards the event";
 * - `data` is decoded from base64 and must be JSON: with a pattern for `data`, a record that is not JSON is dropped; without one, only the other
 *   properties count;
 * - a pattern for `data` that is no JSON object is refused when the mapping is made.
 * The newer page says that Kinesis mappings filter on `data` only; the older one shows `partitionKey` too, and both are taken here. Any
 * other property is refused.
 * @throws MappingRefused for a pattern that is not understood.
 */
export function compileFilters(patterns: readonly string[]): (record: StreamRecord) => boolean {
  const filters = patterns.map(compile)
  if (filters.length === 0) return () => true
  return (record) => {
    const parsed = parseOnce(record)
    return filters.some((matches) => matches(record, parsed))
  }
}

type Filter = (record: StreamRecord, data: () => Json | undefined) => boolean

function compile(text: string): Filter {
  const pattern = parse(text)
  if (!isObject(pattern)) throw new MappingRefused(`The filter pattern ${text} is not a JSON object.`)
  for (const name of Object.keys(pattern))
    if (name !== 'data' && name !== 'partitionKey')
      throw new MappingRefused(`The filter pattern ${text} is on "${name}", not on data or partitionKey.`)
  const { data, partitionKey } = pattern
  if (data !== undefined && !isObject(data)) throw new MappingRefused(`The filter pattern ${text} does not name properties of data.`)
  matchesPattern({}, pattern) // refuses an operator that is not known here, not at the first record
  return (record, parsed) => {
    if (partitionKey !== undefined && !matchesRules(record.partitionKey, partitionKey)) return false
    if (data === undefined) return true
    const value = parsed()
    return value !== undefined && matchesPattern(value, data)
  }
}

/** Every property of the pattern must match; properties it does not name do not count. */
function matchesPattern(value: Json | undefined, pattern: Pattern): boolean {
  let all = true
  for (const [name, wanted] of Object.entries(pattern)) {
    if (name === '$or') all = matchesAny(value, wanted) && all
    else {
      const found = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
      all = (isObject(wanted) ? matchesPattern(found, wanted) : matchesRules(found, wanted)) && all
    }
  }
  return all
}

function matchesAny(value: Json | undefined, patterns: Json): boolean {
  if (!Array.isArray(patterns) || !patterns.every(isObject)) throw new MappingRefused('$or in a filter pattern needs a list of patterns.')
  return patterns.map((pattern) => matchesPattern(value, pattern)).some(Boolean)
}

function parseOnce(record: StreamRecord): () => Json | undefined {
  let value: { json: Json | undefined } | undefined
  return () => {
    value ??= { json: parse(new TextDecoder().decode(record.data)) }
    return value.json
  }
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

const isObject = (value: Json | undefined): value is Pattern => typeof value === 'object' && value !== null && !Array.isArray(value)
