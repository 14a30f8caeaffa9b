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
  | 'bytea'
  | 'enum'
  | 'array'

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
  /** enum: the texts that a row may have. */
  readonly values: readonly string[] | undefined
  /** array: what its elements are. */
  readonly element: Column | undefined
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
interface Details {
  readonly max?: number
  readonly precision?: number
  readonly scale?: number
  readonly values?: readonly string[]
  readonly element?: Column
}

function column<T, const O extends Options<T>>(type: ColumnType, options: O & Details): Column<T, IsNullable<O>, IsOptional<O>> {
  const nullable = (options.nullable === true) as IsNullable<O>
  return {
    type,
    nullable,
    optional: (nullable || options.default !== undefined) as IsOptional<O>,
    default: options.default,
    max: options.max,
    precision: options.precision,
    scale: options.scale,
    values: options.values,
    element: options.element,
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
/** Bytes, sent as base64. */
export const bytea = <const O extends Options<string>>(o: O = none as O) => column<string, O>('bytea', o)
/** One of the declared texts. Values may be added later, never taken away. */
export const oneOf = <const V extends readonly string[], const O extends Options<V[number]>>(values: V, o: O = none as O) =>
  column<V[number], O>('enum', { ...o, values })
/** Values of one type, in order; a null among them only when the element is nullable. */
export const array = <E extends Column, const O extends Options<readonly ValueOf<E>[]>>(element: E, o: O = none as O) =>
  column<readonly ValueOf<E>[], O>('array', { ...o, element })

/** The type as it stands in DDL. An enum is text with a CHECK (docs/decisions/0012-enums-are-text-with-a-check.md). */
export function sqlType(c: Column): string {
  if (c.type === 'enum') return 'text'
  if (c.type === 'array') return `${sqlType(c.element!)}[]`
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
  if (c.values) return validateValues(c.values)
  if (!c.element) return undefined
  if (c.element.type === 'array') return 'an array of arrays is not supported: use jsonb'
  if (c.element.default !== undefined) return 'elements of an array have no default'
  return validateColumn(c.element)
}

/** Texts that need no escape anywhere they are written: in a CHECK, in a message, on one line. */
const valuePattern = /^[^'\\\p{C}]{1,63}$/u

function validateValues(values: readonly string[]): string | undefined {
  if (values.length === 0 || values.length > 1000) return 'it must have 1 to 1,000 values'
  if (new Set(values).size !== values.length) return 'a value stands twice'
  const wrong = values.find((value) => !valuePattern.test(value))
  return wrong === undefined
    ? undefined
    : `the value ${JSON.stringify(wrong)} must be 1 to 63 characters without ', \\ and control characters`
}

/** The texts that a column, or each element of it, may have. */
export const declaredValues = (c: Column): readonly string[] | undefined => c.values ?? c.element?.values
