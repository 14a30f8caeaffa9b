import { flights } from '../../datasets/flights.ts'
import { copyAtOnce } from './copying.ts'
import { flightsCsv, oddFlights } from './flight-files.ts'
import { likeFlights } from './flight-sides.ts'
import { columnsOf, emptyTable, handRun, loaderRun, memo, type Sides, type Stage, tableOf } from './sides.ts'

const changing = likeFlights('flights_update', { onConflict: 'update', orderingKey: 'id' })

/** Policy `update`: every row is there already and is written again. */
export function updateSides(
  stage: Stage,
  flightsPath: string,
  ndjson: () => Promise<{ path: string; size: number; crc32: number; rows: number }>,
  filled: () => Promise<string>,
): Sides {
  const { server, folder, rows } = stage
  const csv = memo(() => flightsCsv(flightsPath, rows, folder))
  const table = emptyTable(stage, changing)
  const prepare = async (): Promise<void> => {
    await filled()
    await Promise.all([csv(), ndjson()])
    await server.fresh(changing)
    await server.query(`INSERT INTO ${tableOf(changing)} SELECT * FROM public.flights_full WHERE id <= ${rows} ORDER BY id`)
    await server.query(`VACUUM ANALYZE ${tableOf(changing)}`)
  }
  const columns = columnsOf(changing)
  const set = columns
    .split(', ')
    .slice(1)
    .map((c) => `${c} = EXCLUDED.${c}`)
    .join(', ')
  return {
    'update-by-hand': {
      ...table,
      prepare,
      run: handRun(
        stage,
        changing,
        csv,
        'staging',
        [`CREATE TEMP TABLE staging (LIKE ${tableOf(changing)}) ON COMMIT DROP`],
        [`INSERT INTO ${tableOf(changing)} (${columns}) SELECT ${columns} FROM staging ON CONFLICT (id) DO UPDATE SET ${set}`],
      ),
    },
    update: {
      ...table,
      prepare,
      run: loaderRun(stage, { dataset: changing, file: ndjson, workers: 2, expected: (n) => ({ updated: n }) }),
    },
  }
}

/** Rows that are not of the plain form, against the recipe that everybody writes first. */
export function generalSides(stage: Stage, flightsPath: string): Sides {
  const { server, folder, rows } = stage
  const odd = memo(() => oddFlights(flightsPath, rows, folder))
  const sql = `COPY ${tableOf(flights)} (${columnsOf(flights)}) FROM STDIN (FORMAT csv)`
  const loader = (workers: number) => ({
    ...emptyTable(stage, flights, odd),
    run: loaderRun(stage, { dataset: flights, file: odd, workers, expected: (n) => ({ loaded: n }) }),
  })
  return {
    naive: {
      ...emptyTable(stage, flights, odd),
      run: async () => copyAtOnce(server.url, [{ sql, path: (await odd()).path, recipe: Object.keys(flights.columns) }]),
    },
    'general-1': loader(1),
    'general-2': loader(2),
  }
}
