import { bigint, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'

/** The plain tables of tests, and rows of theirs as NDJSON without the newline. */
export const items = dataset('items', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12, nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
export const latest = dataset('latest', {
  description: 'a test',
  columns: { id: bigint(), name: text({ max: 12 }) },
  primaryKey: ['id'],
  onConflict: 'update',
  orderingKey: 'id',
})

export const line = (id: number, name = `name ${id}`): string => JSON.stringify({ id, name })
export const lines = (n: number, from = 0): string[] => Array.from({ length: n }, (_, i) => line(from + i))
