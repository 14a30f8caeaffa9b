import pg from 'pg'
import type { Dataset } from '#core/dataset/dataset.ts'
import { targetTable } from './identifier.ts'

/**
 * SQL for all that decides whether rows may be sent to a table, as JSON text: a `LiveTable`.
 * https://www.postgresql.org/docs/18/catalog-pg-attribute.html, https://www.postgresql.org/docs/18/catalog-pg-index.html
 */
export const shapeSql = (table: string): string => `
  SELECT json_build_object('kind', c.relkind, 'persistence', c.relpersistence,
    'columns', coalesce((SELECT json_agg(json_build_object(
        'name', a.attname,
        'type', CASE WHEN t.typbasetype = 0 THEN format_type(a.atttypid, a.atttypmod) ELSE format_type(t.typbasetype, t.typtypmod) END,
        'notNull', a.attnotnull,
        'hasDefault', a.atthasdef OR a.attidentity <> '',
        'generated', a.attgenerated <> '' OR a.attidentity = 'a',
        'deterministic', coalesce((SELECT l.collisdeterministic FROM pg_collation l WHERE l.oid = a.attcollation), true)) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
    'keys', coalesce((SELECT json_agg((SELECT json_agg(a.attname) FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts) ORDER BY i.indexrelid)
      FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL), '[]'),
    'unfitPartitions', CASE WHEN c.relkind = 'p' THEN coalesce((SELECT json_agg(p.oid::regclass::text) FROM (
        SELECT l.oid FROM pg_inherits h JOIN pg_class l ON l.oid = h.inhrelid
        WHERE h.inhparent = c.oid AND (l.relpersistence <> 'p' OR l.relkind = 'f') ORDER BY l.relname LIMIT 5) p), '[]') ELSE '[]' END)::text
  FROM pg_class c WHERE c.oid = ${pg.escapeLiteral(table)}::regclass`

/**
 * SQL for a text that changes whenever the shape of a table may have changed: the versions (xmin) of its rows in the catalog. Measured on
 * PostgreSQL 18 with 6 columns: 0.1 ms, where the shape itself takes 0.5 ms, most of it planning.
 */
export const shapeVersionSql = ({ name, partitionBy }: Pick<Dataset, 'name' | 'partitionBy'>): string => `
  SELECT concat_ws(' ', c.oid, c.xmin,
    (SELECT string_agg(a.xmin::text, ',') FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    (SELECT string_agg(i.xmin::text, ',') FROM pg_index i WHERE i.indrelid = c.oid)${partitionBy ? `, (${partitionsSql})` : ''})
  FROM pg_class c WHERE c.oid = ${pg.escapeLiteral(targetTable(name))}::regclass`

const partitionsSql =
  "SELECT string_agg(p.xmin::text, ',') FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid WHERE h.inhparent = c.oid"
