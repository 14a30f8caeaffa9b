import type { Column } from '#core/columns/column.ts'

/** Types by the numbers that Postgres gives them (pg_type.dat); a binary array names its elements' type. */
const oids: Record<Exclude<Column['type'], 'array'>, number> = {
  smallint: 21,
  integer: 23,
  bigint: 20,
  numeric: 1700,
  real: 700,
  'double precision': 701,
  boolean: 16,
  text: 25,
  uuid: 2950,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  jsonb: 3802,
  bytea: 17,
  enum: 25,
}
const varcharOid = 1043

/** The type of an array's elements. */
export function elementOid({ type, max }: Column): number {
  if (type === 'array') throw new Error('an array of arrays cannot be declared')
  return max === undefined ? oids[type] : varcharOid
}
