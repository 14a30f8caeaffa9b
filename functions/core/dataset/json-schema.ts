import type { Column } from '#core/columns/column.ts'
import type { Dataset } from './dataset.ts'

type Schema = Readonly<Record<string, unknown>>

const integer = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum })
const seconds = '([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,6})?)?'

/** What a value of each type may be. Patterns say what the type takes beyond what `format` promises. */
const valueSchema: Record<Column['type'], (c: Column) => Schema> = {
  smallint: () => integer(-32_768, 32_767),
  integer: () => integer(-2_147_483_648, 2_147_483_647),
  bigint: () => ({
    anyOf: [integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), { type: 'string', pattern: '^-?\\d{1,19}$' }],
    description: 'a 64-bit integer; beyond 2^53 - 1 as a string of digits',
  }),
  numeric: ({ precision, scale = 0 }) => ({
    type: ['number', 'string'],
    description: `an exact decimal, as a number or a string${precision === undefined ? '' : `: ${precision} digits, ${scale} of them after the point`}`,
  }),
  real: () => ({ type: 'number', minimum: -3.4028235677973366e38, maximum: 3.4028235677973366e38 }),
  'double precision': () => ({ type: 'number' }),
  boolean: () => ({ type: 'boolean' }),
  text: ({ max }) => ({ type: 'string', ...(max !== undefined && { maxLength: max }) }),
  uuid: () => ({ type: 'string', format: 'uuid' }),
  date: () => ({ type: 'string', format: 'date' }),
  timestamp: () => ({
    type: 'string',
    pattern: `^\\d{4}-\\d\\d-\\d\\d[T ]${seconds}$`,
    description: 'ISO 8601 without offset, to the microsecond',
  }),
  timestamptz: () => ({
    type: 'string',
    pattern: `^\\d{4}-\\d\\d-\\d\\d[T ]${seconds}(Z|z|[+-]\\d\\d(:?\\d\\d)?)$`,
    description: 'ISO 8601 with Z or an offset, to the microsecond',
  }),
  jsonb: () => ({ description: 'any JSON value' }),
  bytea: () => ({ type: 'string', contentEncoding: 'base64', pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' }),
  enum: ({ values }) => ({ type: 'string', enum: values }),
  array: ({ element }) => ({ type: 'array', items: columnSchema(element!) }),
}

function columnSchema(column: Column): Schema {
  const schema = valueSchema[column.type](column)
  const nullable = column.nullable && column.type !== 'jsonb' ? { anyOf: [schema, { type: 'null' }] } : schema
  const plain = column.type === 'jsonb' && !column.nullable ? { ...schema, not: { type: 'null' } } : nullable
  return column.default === undefined ? plain : { ...plain, default: column.default }
}

/** JSON Schema 2020-12 of one row. What it refuses, the loader refuses; rules on several rows or on time are not in it. */
export function jsonSchema(dataset: Dataset): Schema {
  const columns = Object.entries(dataset.columns)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: dataset.name,
    description: dataset.description,
    type: 'object',
    properties: Object.fromEntries(columns.map(([name, column]) => [name, columnSchema(column)])),
    required: columns.filter(([, column]) => !column.optional).map(([name]) => name),
    additionalProperties: dataset.unknownColumns === 'ignore',
  }
}
