import { bigint, integer, text, timestamptz } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'

export const flights = dataset('flights', {
  description: 'Flights in the United States in 2001: the demo data of vega-datasets, with a running id',
  columns: {
    id: bigint(),
    date: timestamptz(),
    delay: integer(),
    distance: integer(),
    origin: text({ max: 3 }),
    destination: text({ max: 3 }),
  },
  primaryKey: ['id'],
  onConflict: 'ignore',
})
