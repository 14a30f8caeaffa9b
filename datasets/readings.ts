import { doublePrecision, smallint, text, timestamptz, uuid } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'

export const readings = dataset('readings', {
  description: 'Readings of sensors, one partition a day',
  columns: {
    sensor: uuid(),
    at: timestamptz(),
    value: doublePrecision({ nullable: true }),
    quality: smallint({ default: 0 }),
    unit: text({ max: 16, nullable: true }),
  },
  primaryKey: ['sensor', 'at'],
  onConflict: 'ignore',
  partitionBy: { column: 'at', every: 'day', past: 30, ahead: 7 },
  unknownColumns: 'ignore',
})
