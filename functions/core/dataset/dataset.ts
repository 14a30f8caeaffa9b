import { type Column, type ValueOf, validateColumn } from '#core/columns/column.ts'
import { ConfigurationError } from '#core/errors.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { fieldEncoder } from '#core/values/field.ts'
import { isMaxRejects, type MaxRejects } from './max-rejects.ts'

export type Columns = Readonly<Record<string, Column>>

/** One UTC day per partition. Rows outside [load's day - past, load's day + ahead] are rejected. */
interface Partitioning<Name extends string = string> {
  readonly column: Name
  readonly every: 'day'
  /** Days before today that are kept writable. */
  readonly past: number
  /** Days after today that are created in advance. */
  readonly ahead: number
}

export interface DatasetOptions<C extends Columns> {
  /** One sentence for whoever reads the list of datasets. */
  readonly description: string
  readonly columns: C
  readonly primaryKey: readonly (keyof C & string)[]
  /** A row whose key is already there: `ignore` keeps the old row, `update` takes the new one. */
  readonly onConflict: 'ignore' | 'update'
  /** Rows with the same value of this column are applied in the order they came. */
  readonly orderingKey?: keyof C & string
  /**
   * With policy `update`: a row takes the place of another only when its value of this column is greater, whatever the order they come in.
   * A row that is not newer is a duplicate. Loads then need no order, and their chunks run side by side.
   */
  readonly version?: keyof C & string
  readonly partitionBy?: Partitioning<keyof C & string>
  /**
   * A key (JSON) or column (CSV) that the dataset does not have: refuse the row, or leave the value out and name it in
   * the receipt. Default `reject`.
   */
  readonly unknownColumns?: 'reject' | 'ignore'
  readonly limits?: Partial<Limits>
}
interface Limits {
  /** Bytes of one row as received. At most 1 MiB: bounds the memory of every reader. */
  readonly rowBytes: number
  /** Bytes of one uploaded object. S3's own limit is 50 TB. */
  readonly fileBytes: number
  /** Rejected rows a load takes unless it says otherwise: a count, or a share such as "1%". Without it any number. */
  readonly maxRejects?: MaxRejects
}

/** A target table and everything that follows from it: the only thing a user writes to add one. */
export interface Dataset<C extends Columns = Columns> {
  readonly name: string
  readonly description: string
  readonly columns: C
  readonly primaryKey: readonly string[]
  readonly onConflict: 'ignore' | 'update'
  readonly orderingKey: string | undefined
  readonly version: string | undefined
  readonly partitionBy: Partitioning | undefined
  readonly unknownColumns: 'reject' | 'ignore'
  readonly limits: Limits
}

/** The row type a client of the dataset sends: `RowOf<typeof flights>`. */
export type RowOf<D extends Dataset> = {
  readonly [N in keyof D['columns'] as D['columns'][N]['optional'] extends true ? never : N]: ValueOf<D['columns'][N]>
} & { readonly [N in keyof D['columns'] as D['columns'][N]['optional'] extends true ? N : never]?: ValueOf<D['columns'][N]> }

const maxRowBytes = 1024 * 1024
const defaultLimits: Limits = { rowBytes: maxRowBytes, fileBytes: 1024 ** 4 }
/** Postgres folds and cuts identifiers; these need no quoting rules and leave room for `staging_…_00`. */
const identifier = /^[a-z][a-z0-9_]{0,47}$/

/**
 * Declares a dataset.
 * @throws ConfigurationError when the declaration contradicts itself; it fails the build, not a load.
 */
export function dataset<const C extends Columns>(name: string, options: DatasetOptions<C>): Dataset<C> {
  const limits = { ...defaultLimits, ...options.limits }
  const wrong = (what: string): never => {
    throw new ConfigurationError(`dataset "${name}": ${what}`)
  }
  if (!identifier.test(name)) wrong('the name must be lower case letters, digits and _, 48 at most, beginning with a letter')
  const names = Object.keys(options.columns)
  if (names.length === 0 || names.length > 1000) wrong('it must have 1 to 1,000 columns')
  for (const column of names) {
    if (!identifier.test(column)) wrong(`column "${column}": the name must be lower case letters, digits and _, 48 at most`)
    const fault = validateColumn(options.columns[column]!) ?? defaultFault(column, options.columns[column]!)
    if (fault) wrong(`column "${column}": ${fault}`)
  }
  if (options.primaryKey.length === 0) wrong('it needs a primary key: without one a retry could not be told from a new row')
  for (const key of options.primaryKey) {
    if (!options.columns[key]) wrong(`primary key column "${key}" is not declared`)
    if (options.columns[key]!.nullable) wrong(`primary key column "${key}" must not be nullable`)
  }
  if (new Set(options.primaryKey).size !== options.primaryKey.length) wrong('a primary key column is named twice')
  if (options.orderingKey !== undefined && !options.primaryKey.includes(options.orderingKey))
    wrong('the ordering key must be a part of the primary key, or two rows of one key could overtake each other')
  const ordering = options.orderingKey === undefined ? undefined : options.columns[options.orderingKey]!.type
  if (ordering !== undefined && unorderedTypes.includes(ordering))
    wrong(`the ordering key is of type ${ordering}, of which one value may have several forms: it could go to two lanes`)
  if (options.onConflict === 'update' && options.orderingKey === undefined && options.version === undefined)
    wrong('policy "update" needs an ordering key or a version')
  const version = versionFault(options.version, options.onConflict, options.columns)
  if (version) wrong(version)
  const partition = options.partitionBy
  if (partition) {
    const column = options.columns[partition.column]
    if (!column || !['date', 'timestamp', 'timestamptz'].includes(column.type)) wrong('partitionBy needs a date or timestamp column')
    if (!options.primaryKey.includes(partition.column)) wrong('Postgres demands that the partition column is part of the primary key')
    for (const days of [partition.past, partition.ahead])
      if (!Number.isInteger(days) || days < 0 || days > 1000) wrong('partitionBy.past and .ahead are days from 0 to 1,000')
  }
  if (limits.rowBytes < 2 || limits.rowBytes > maxRowBytes) wrong('limits.rowBytes must be 2 to 1,048,576')
  if (limits.fileBytes < 1 || limits.fileBytes > 50e12) wrong('limits.fileBytes must be 1 to 50 TB')
  if (limits.maxRejects !== undefined && !isMaxRejects(limits.maxRejects))
    wrong('limits.maxRejects must be a count, or a share such as "1%"')
  return {
    name,
    description: options.description,
    columns: options.columns,
    primaryKey: options.primaryKey,
    onConflict: options.onConflict,
    orderingKey: options.orderingKey,
    version: options.version,
    partitionBy: options.partitionBy,
    unknownColumns: options.unknownColumns ?? 'reject',
    limits,
  }
}

/** Types of which equal values may be different bytes (0 and -0, the order of keys in JSON), so that a lane cannot be told from them. */
const unorderedTypes: readonly string[] = ['real', 'double precision', 'jsonb', 'array']

/** Types with one order that every client and Postgres agree on. */
const versionTypes: readonly string[] = ['smallint', 'integer', 'bigint', 'numeric', 'date', 'timestamp', 'timestamptz']

function versionFault(version: string | undefined, onConflict: 'ignore' | 'update', columns: Columns): string | undefined {
  if (version === undefined) return undefined
  const column = columns[version]
  if (onConflict !== 'update') return 'a version means something only with policy "update"'
  if (!column || !versionTypes.includes(column.type)) return `the version must be a column of type ${versionTypes.join(', ')}`
  return column.nullable ? 'the version column must not be nullable: a row without one is neither newer nor older' : undefined
}

/** A default that the column itself would refuse. */
function defaultFault(name: string, column: Column): string | undefined {
  const refusal = column.default === undefined ? undefined : fieldEncoder(name, column)(column.default, new CopyWriter())
  return refusal && `its default: ${refusal.message}`
}

/** True when chunks of one load may run side by side: whatever their order, the table comes out the same. */
export const chunksCommute = (d: Dataset): boolean => d.onConflict === 'ignore' || d.version !== undefined
