import { bigint, integer, text } from '#core/columns/column.ts'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { Consumer } from './consumer.ts'
import { scratchTables } from './scratch-tables.ts'

const columns = { id: bigint(), name: text({ max: 12 }), n: integer() }
const shape = { description: 'a test', columns, primaryKey: ['id'] } as const
export const items = dataset('items', { ...shape, onConflict: 'ignore' })
export const latest = dataset('latest', { ...shape, onConflict: 'update', orderingKey: 'id' })
export const newest = dataset('newest', { ...shape, onConflict: 'update', version: 'n' })
/** Takes one rejected row of a load. */
export const strict = dataset('strict', { ...shape, onConflict: 'ignore', limits: { maxRejects: 1 } })
export const named = dataset('named', { description: 'a test', columns: { name: text() }, primaryKey: ['name'], onConflict: 'ignore' })
const all = [items, latest, newest, strict, named]

/** Rows as the door puts them into an envelope. */
export const line = (id: number, n = 0, name = `name ${id}`): string => `${JSON.stringify({ id, name, n })}\n`
export const lines = (ids: readonly number[], n = 0): string => ids.map((id) => line(id, n)).join('')
export const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

/** The tables above, in which Postgres refuses rows whose `n` is 13, and consumers that load into them. */
export async function recordTables() {
  const { db, connect } = await scratchTables(all)
  for (const { name, columns } of all) if ('n' in columns) await db.query(`ALTER TABLE ${name} ADD CONSTRAINT not_13 CHECK (n <> 13)`)
  const stored = async (table: Dataset) => (await db.query(`SELECT id::int, name, n FROM ${table.name} ORDER BY id`)).rows
  return {
    db,
    connect,
    consumer: (own = connect) => new Consumer(all, own),
    stored,
    ids: async (table: Dataset): Promise<number[]> => (await stored(table)).map(({ id }) => id),
  }
}
