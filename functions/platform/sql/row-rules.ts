import type { Connection } from '../database.ts'
import { identifier, targetTable } from './identifier.ts'

/** A constraint that can be judged for many staged rows at once. */
export interface RowRule {
  readonly name: string
  readonly sqlstate: '23514' | '23503'
  readonly message: string
  /** SQL that is true for a row of `staged` that breaks the rule. */
  readonly broken: string
}

interface Constraint {
  readonly name: string
  readonly kind: 'c' | 'f'
  readonly check: string | null
  readonly reference: string | null
  readonly columns: readonly string[]
  readonly referenced: readonly string[] | null
}

/** The CHECK and foreign key constraints of a dataset's table, as conditions on its staging table. */
export async function rowRules(db: Connection, dataset: string): Promise<RowRule[]> {
  const { rows } = await db.query<Constraint>(
    `SELECT c.conname AS name, c.contype AS kind, pg_get_expr(c.conbin, c.conrelid) AS check, c.confrelid::regclass::text AS reference,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY place) AS referenced
     FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype IN ('c', 'f') ORDER BY c.conname`,
    [targetTable(dataset)],
  )
  return rows.map((row) => ruleOf(dataset, row))
}

function ruleOf(dataset: string, { name, kind, check, reference, columns, referenced }: Constraint): RowRule {
  if (kind === 'c') {
    const message = `new row for relation "${dataset}" violates check constraint "${name}"`
    return { name, sqlstate: '23514', message, broken: `(${check}) IS FALSE` }
  }
  const message = `insert or update on table "${dataset}" violates foreign key constraint "${name}"`
  const given = columns.map((c) => `staged.${identifier(c)} IS NOT NULL`).join(' AND ')
  const same = columns.map((c, i) => `other.${identifier(referenced![i]!)} = staged.${identifier(c)}`).join(' AND ')
  return { name, sqlstate: '23503', message, broken: `${given} AND NOT EXISTS (SELECT FROM ${reference} AS other WHERE ${same})` }
}
