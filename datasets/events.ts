import { bigint, jsonb, text, timestamptz } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'

export const events = dataset('events', {
  description: 'The latest event of each stream: a later one of the same stream and number replaces the earlier',
  columns: {
    stream: text({ max: 200 }),
    sequence: bigint(),
    type: text({ max: 100 }),
    at: timestamptz(),
    payload: jsonb({ nullable: true }),
  },
  primaryKey: ['stream', 'sequence'],
  onConflict: 'update',
  orderingKey: 'stream',
})
