import type { Column } from '#core/columns/column.ts'

/**
 * SQL that writes a stored value as the JSON from which the loader reads the same value (docs/types.md). Postgres' own is that for most types; it
 * writes whole numbers that a double cannot hold, bytes as hex digits, and times with the offset of the session, which has had seconds in some zones.
 */
export function jsonOf(column: Column, value: string): string {
  switch (column.type) {
    case 'bigint':
      return `CASE WHEN ${value} BETWEEN -${maxSafe} AND ${maxSafe} THEN to_json(${value}) ELSE to_json(${value}::text) END`
    case 'real':
      // The loader takes a JSON number for a double first: 7.038531e-26 then becomes another real than it is written for.
      return `CASE WHEN ${value}::text::float8::real = ${value} THEN to_json(${value}) ELSE to_json(${value}::float8) END`
    case 'bytea':
      // Postgres breaks base64 into lines.
      return `to_json(translate(encode(${value}, 'base64'), E'\\n', ''))`
    case 'timestamptz':
      return `CASE WHEN ${value} < ${firstDay} THEN ${timeAt(value, '+15:59')} WHEN ${value} >= ${lastDay} THEN ${timeAt(value, '-15:59')} ELSE ${timeAt(value, 'Z')} END`
    case 'array': {
      const elements = `SELECT json_agg(${jsonOf(column.element!, 'each.value')} ORDER BY each.place) FROM unnest(${value}) WITH ORDINALITY AS each (value, place)`
      return `CASE WHEN ${value} IS NOT NULL THEN coalesce((${elements}), '[]') END`
    }
    default:
      return `to_json(${value})`
  }
}

const maxSafe = Number.MAX_SAFE_INTEGER
/** Times before and from these on have another year in UTC than ISO 8601 writes; some offset puts every time that was taken into the years 1 to 9999. */
const [firstDay, lastDay] = ["'0001-01-01 00:00:00+00'::timestamptz", "'10000-01-01 00:00:00+00'::timestamptz"]
const timeAt = (value: string, offset: string): string =>
  `to_json((to_json(${value} AT TIME ZONE INTERVAL '${offset === 'Z' ? '0' : offset}') #>> '{}') || '${offset}')`
