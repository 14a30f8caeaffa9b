import { type Column, declaredValues, sqlType } from '#core/columns/column.ts'
import type { Dataset } from './dataset.ts'

/** A column as Postgres describes it; `type` as `format_type` writes it. */
interface ExistingColumn {
  readonly name: string
  readonly type: string
  readonly notNull: boolean
  /** A default, an identity or a generated column: an INSERT may leave it out. */
  readonly hasDefault: boolean
  /** False when texts that differ may be equal: a collation that knows no case. */
  readonly deterministic: boolean
  /** The definition of its constraint `<column>_values`, as Postgres writes it out. */
  readonly check: string | null
}

export interface ExistingTable {
  readonly columns: readonly ExistingColumn[]
  readonly primaryKey: readonly string[]
  /** True when the primary key is asked at the end of a statement or transaction only. */
  readonly deferrableKey: boolean
  /** Column of a RANGE partitioning, or null. */
  readonly partitionColumn: string | null
}

/** One additive step. */
export type SchemaChange =
  | { readonly kind: 'create-table' }
  | { readonly kind: 'add-column'; readonly column: string }
  | { readonly kind: 'widen-column'; readonly column: string }
  | { readonly kind: 'widen-values'; readonly column: string }
  | { readonly kind: 'drop-not-null'; readonly column: string }

export interface SchemaComparison {
  readonly changes: readonly SchemaChange[]
  /** Why the table cannot become what the dataset declares without touching what is there. */
  readonly conflicts: readonly string[]
}

/** What must happen to a table so that the dataset's rows fit. Only additions: nothing that is stored is rewritten or removed. */
export function compareSchema(dataset: Dataset, table: ExistingTable | undefined): SchemaComparison {
  if (!table) return { changes: [{ kind: 'create-table' }], conflicts: [] }
  const changes: SchemaChange[] = []
  const conflicts: string[] = []
  const existing = new Map(table.columns.map((c) => [c.name, c]))
  for (const [name, column] of Object.entries(dataset.columns)) {
    const old = existing.get(name)
    if (!old) {
      if (column.optional) changes.push({ kind: 'add-column', column: name })
      else
        conflicts.push(
          `column "${name}" is new but neither nullable nor with a default: the rows that are there would have no value for it`,
        )
      continue
    }
    const wanted = canonicalType(column)
    if (old.type !== wanted) {
      if (widens(old.type, wanted)) changes.push({ kind: 'widen-column', column: name })
      else conflicts.push(`column "${name}" is ${old.type} in the table, but ${wanted} in the dataset: add a new column instead`)
    }
    const values = compareValues(old.check, declaredValues(column))
    if (values === 'wider') changes.push({ kind: 'widen-values', column: name })
    else if (values) conflicts.push(`column "${name}" ${values}`)
    if (old.notNull && column.nullable) changes.push({ kind: 'drop-not-null', column: name })
    if (!old.notNull && !column.nullable) conflicts.push(`column "${name}" takes null in the table: the rows that are there may have none`)
  }
  for (const old of table.columns)
    if (!Object.hasOwn(dataset.columns, old.name) && old.notNull && !old.hasDefault)
      conflicts.push(
        `column "${old.name}" is not in the dataset, and the table demands a value for it: make it nullable before you leave it out`,
      )
  if (table.primaryKey.join() !== dataset.primaryKey.join())
    conflicts.push(
      `the primary key is (${table.primaryKey.join(', ')}) in the table, but (${dataset.primaryKey.join(', ')}) in the dataset`,
    )
  for (const name of dataset.primaryKey)
    if (existing.get(name)?.deterministic === false)
      conflicts.push(
        `the key column "${name}" has a collation in the table that takes different texts for equal: which row of a key comes last could not be told`,
      )
  if (table.deferrableKey) conflicts.push('the primary key is deferrable in the table: Postgres does not tell then which rows it has')
  const partition = dataset.partitionBy?.column ?? null
  if (table.partitionColumn !== partition)
    conflicts.push(`the table is ${by(table.partitionColumn)}, the dataset ${by(partition)}: partitioning cannot be changed in place`)
  return { changes, conflicts }
}

/** How the declared values stand to those of the table: `wider`, what contradicts them, or undefined when they are the same. */
function compareValues(check: string | null, wanted: readonly string[] | undefined): string | undefined {
  const had = check === null ? undefined : Array.from(check.matchAll(/'([^']*)'::/g), ([, value]) => value!)
  if (!wanted) return had && 'wider'
  if (!had) return 'takes any text in the table: the rows that are there may have other values than the declared ones'
  const gone = had.filter((value) => !wanted.includes(value))
  if (gone.length > 0) return `may be ${gone.map((value) => `"${value}"`).join(', ')} in the table: the rows that are there may have it`
  return wanted.length > had.length ? 'wider' : undefined
}

const by = (column: string | null): string => (column === null ? 'not partitioned' : `partitioned by "${column}"`)

/** The type as `format_type` writes it. */
export function canonicalType(column: Column): string {
  if (column.element) return `${canonicalType(column.element)}[]`
  const type = sqlType(column)
  if (type === 'timestamptz') return 'timestamp with time zone'
  if (type === 'timestamp') return 'timestamp without time zone'
  return type.replace(/^varchar/, 'character varying')
}

/** True for the changes that Postgres makes without touching a row: longer or unlimited text, more digits before the point. */
function widens(from: string, to: string): boolean {
  const [oldText, newText] = [textLimit(from), textLimit(to)]
  if (oldText !== undefined && newText !== undefined) return newText > oldText
  const [oldNumber, newNumber] = [numericSize(from), numericSize(to)]
  if (!oldNumber || !newNumber) return false
  return (
    newNumber.precision === Number.POSITIVE_INFINITY || (newNumber.precision > oldNumber.precision && newNumber.scale === oldNumber.scale)
  )
}

function textLimit(type: string): number | undefined {
  if (type === 'text') return Number.POSITIVE_INFINITY
  const match = /^character varying\((\d+)\)$/.exec(type)
  return match ? Number(match[1]) : undefined
}

function numericSize(type: string): { precision: number; scale: number } | undefined {
  if (type === 'numeric') return { precision: Number.POSITIVE_INFINITY, scale: 0 }
  const match = /^numeric\((\d+),(\d+)\)$/.exec(type)
  return match ? { precision: Number(match[1]), scale: Number(match[2]) } : undefined
}
