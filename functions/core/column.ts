/** A column's type, by Postgres' own name. */
export type ColumnType =
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double precision'
  | 'boolean'
  | 'text'
  | 'uuid'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'jsonb'

export interface Column<T = unknown, Nullable extends boolean = boolean, Optional extends boolean = boolean> {
  readonly type: ColumnType
  readonly nullable: Nullable
  /** True when a row may leave the column out: it is nullable or has a default. */
  readonly optional: Optional
  /** The value a row gets that leaves the column out, as JSON. */
  readonly default: unknown
  /** text: most characters (Unicode code points, as Postgres counts); such a column is a varchar(max). */
  readonly max: number | undefined
  /** numeric: digits in all and after the point. */
  readonly precision: number | undefined
  readonly scale: number | undefined
  /** Only for the type checker: what a client sends. */
  readonly value?: T
}
export type ValueOf<C extends Column> = C extends Column<infer T, infer N, boolean> ? (N extends true ? T | null : T) : never

interface Options<T> {
  readonly nullable?: boolean
  readonly default?: T
}
type IsNullable<O> = O extends { nullable: true } ? true : false
type IsOptional<O> = O extends { nullable: true } | { default: unknown } ? true : false
type Sized = { readonly max?: number; readonly precision?: number; readonly scale?: number }

function column<T, const O extends Options<T>>(type: ColumnType, options: O & Sized): Column<T, IsNullable<O>, IsOptional<O>> {
  const nullable = (options.nullable === true) as IsNullable<O>
  return {
    type,
    nullable,
    optional: (nullable || options.default !== undefined) as IsOptional<O>,
    default: options.default,
    max: options.max,
    precision: options.precision,
    scale: options.scale,
  }
}

const none = {}
/** 16-bit integer. */
export const smallint = <const O extends Options<number>>(o: O = none as O) => column<number, O>('smallint', o)
/** 32-bit integer. */
export const integer = <const O extends Options<number>>(o: O = none as O) => column<number, O>('integer', o)
/** 64-bit integer: a JSON number up to 2^53 - 1, a string of digits beyond. */
export const bigint = <const O extends Options<number | string>>(o: O = none as O) => column<number | string, O>('bigint', o)
/** Exact decimal: a JSON number, or a string when it has more than 15 digits. */
export const numeric = <const O extends Options<number | string> & { precision?: number; scale?: number }>(o: O = none as O) =>
  column<number | string, O>('numeric', o)
export const real = <const O extends Options<number>>(o: O = none as O) => column<number, O>('real', o)
export const doublePrecision = <const O extends Options<number>>(o: O = none as O) => column<number, O>('double precision', o)
export const boolean = <const O extends Options<boolean>>(o: O = none as O) => column<boolean, O>('boolean', o)
/** Text without NUL; with `max` a varchar. */
export const text = <const O extends Options<string> & { max?: number }>(o: O = none as O) => column<string, O>('text', o)
export const uuid = <const O extends Options<string>>(o: O = none as O) => column<string, O>('uuid', o)
/** `YYYY-MM-DD`. */
export const date = <const O extends Options<string>>(o: O = none as O) => column<string, O>('date', o)
/** ISO 8601 without offset. */
export const timestamp = <const O extends Options<string>>(o: O = none as O) => column<string, O>('timestamp', o)
/** ISO 8601 with `Z` or an offset. */
export const timestamptz = <const O extends Options<string>>(o: O = none as O) => column<string, O>('timestamptz', o)
/** Any JSON value. */
export const jsonb = <const O extends Options<unknown>>(o: O = none as O) => column<unknown, O>('jsonb', o)

/** The type as it stands in DDL. */
export function sqlType(c: Column): string {
  if (c.type === 'text' && c.max !== undefined) return `varchar(${c.max})`
  if (c.type === 'numeric' && c.precision !== undefined) return `numeric(${c.precision},${c.scale ?? 0})`
  return c.type
}

/** What is wrong with a column's declaration, or undefined. */
export function validateColumn(c: Column): string | undefined {
  if (c.max !== undefined && (!Number.isInteger(c.max) || c.max < 1 || c.max > 10_485_760)) return 'max must be 1 to 10,485,760'
  if (c.precision !== undefined && (!Number.isInteger(c.precision) || c.precision < 1 || c.precision > 1000))
    return 'precision must be 1 to 1,000'
  if (c.scale !== undefined && (c.precision === undefined || !Number.isInteger(c.scale) || c.scale < 0 || c.scale > c.precision))
    return 'scale must be 0 to the precision'
  return undefined
}
