import type { Dataset } from '#core/dataset/dataset.ts'
import type { Connection } from '#platform/postgres/database.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'

/** A constraint that can be judged for many staged rows at once. */
export interface RowRule {
  readonly name: string
  readonly sqlstate: '23514' | '23503'
  readonly message: string
  /** SQL that is true for a row of `staged` that breaks the rule. */
  readonly broken: string
  /** True when a row that is taken out may make others break the rule. */
  readonly own: boolean
}

interface Constraint {
  readonly name: string
  readonly kind: 'c' | 'f'
  readonly check: string | null
  readonly reference: string | null
  /** True for a foreign key into the table itself. */
  readonly own: boolean
  readonly columns: readonly string[]
  readonly referenced: readonly string[] | null
}

/**
 * The CHECK and foreign key constraints of a dataset's table, as conditions on its staging table. Those that Postgres 18 does not
 * enforce are none, and of a table with row-level security the loader may see less than a foreign key does.
 */
export async function rowRules(db: Connection, { name: dataset }: Dataset, slot: number): Promise<RowRule[]> {
  const { rows } = await db.query<Constraint>(
    `SELECT c.conname AS name, c.contype AS kind, pg_get_expr(c.conbin, c.conrelid) AS check, c.confrelid::regclass::text AS reference, c.confrelid = c.conrelid AS own,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY place) AS referenced
     FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype IN ('c', 'f') AND to_jsonb(c) ->> 'conenforced' IS DISTINCT FROM 'false'
       AND (SELECT r.relrowsecurity FROM pg_class r WHERE r.oid = c.confrelid) IS NOT TRUE ORDER BY own, c.conname`,
    [targetTable(dataset)],
  )
  return rows.map((row) => ruleOf(dataset, stagingTable(dataset, slot), row))
}

function ruleOf(dataset: string, staging: string, { name, kind, check, reference, own, columns, referenced }: Constraint): RowRule {
  if (kind === 'c') {
    const message = `new row for relation "${dataset}" violates check constraint "${name}"`
    return { name, sqlstate: '23514', message, broken: `(${check}) IS FALSE`, own }
  }
  const message = `insert or update on table "${dataset}" violates foreign key constraint "${name}"`
  const given = columns.map((c) => `staged.${identifier(c)} IS NOT NULL`).join(' AND ')
  const same = columns.map((c, i) => `other.${identifier(referenced![i]!)} = staged.${identifier(c)}`).join(' AND ')
  const missingIn = (table: string) => `NOT EXISTS (SELECT FROM ${table} AS other WHERE ${same})`
  // A row may refer to one that comes with it.
  const missing = own ? `${missingIn(reference!)} AND ${missingIn(staging)}` : missingIn(reference!)
  return { name, sqlstate: '23503', message, broken: `${given} AND ${missing}`, own }
}
