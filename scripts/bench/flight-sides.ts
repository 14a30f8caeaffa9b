import { join } from 'node:path'
import { type Dataset, dataset } from '#core/dataset/dataset.ts'
import { flights } from '../../datasets/flights.ts'
import { copyAtOnce } from './copying.ts'
import { measureFile } from './file-rows.ts'
import { badFlights, flightsCsv, repeatedFlights, repeatsIn } from './flight-files.ts'
import { flightsParquet } from './flights-parquet.ts'
import { loadFile, newLoadId } from './loading.ts'
import { columnsOf, emptyTable, handRun, loaderRun, memo, nothing, type Sides, type Stage, tableOf } from './sides.ts'

const all = (rows: number) => ({ loaded: rows })

/** The flights under another name. */
export const likeFlights = (name: string, more: { onConflict?: 'update'; orderingKey?: 'id' } = {}): Dataset =>
  dataset(name, { description: flights.description, columns: flights.columns, primaryKey: ['id'], onConflict: 'ignore', ...more })

/** Holds every flight from the beginning to the end: what is there already, and where rows are taken from. */
const full = likeFlights('flights_full')

/** Fills `flights_full` once, by the product. @returns the id of that load */
export const fullTable = ({ server, rows }: Stage, flightsPath: string) =>
  memo(async () => {
    const id = newLoadId()
    await server.fresh(full)
    const file = await measureFile(flightsPath, rows)
    await loadFile({ dataset: full, format: 'ndjson', file }, { url: server.url, workers: 2, expected: all(rows), id })
    await server.query(`VACUUM ANALYZE ${tableOf(full)}`)
    return id
  })

/** The sides that all load the same flights. */
export function flightSides(stage: Stage, flightsPath: string, filled: () => Promise<string>): Sides {
  const { server, folder, rows } = stage
  const ndjson = memo(() => measureFile(flightsPath, rows))
  const csv = memo(() => flightsCsv(flightsPath, rows, folder))
  const parquet = memo(() => flightsParquet(flightsPath, rows, folder))
  const bad = memo(() => badFlights(flightsPath, rows, folder))
  const repeated = memo(() => repeatedFlights(flightsPath, rows, folder))
  const clean = (workers: number) => ({
    ...emptyTable(stage, flights, ndjson),
    run: loaderRun(stage, { dataset: flights, file: ndjson, workers, expected: all }),
  })
  const hundredth = `INSERT INTO ${tableOf(flights)} SELECT * FROM ${tableOf(full)} WHERE id % 100 = 0`
  const binary = (connections: number) => binarySide(stage, connections, filled)
  return {
    psql: { ...emptyTable(stage, flights, csv), run: handRun(stage, flights, csv) },
    'ndjson-2': clean(2),
    'binary-2': binary(2),
    'ndjson-1': clean(1),
    'binary-1': binary(1),
    'csv-2': {
      ...emptyTable(stage, flights, csv),
      run: loaderRun(stage, { dataset: flights, file: csv, format: 'csv', workers: 2, expected: all }),
    },
    'parquet-2': {
      ...emptyTable(stage, flights, parquet),
      run: loaderRun(stage, { dataset: flights, file: parquet, format: 'parquet', workers: 2, expected: all }),
    },
    'duplicates-table': {
      ...emptyTable(stage, flights),
      prepare: async () => {
        await filled()
        await server.fresh(flights)
        await server.query(hundredth)
        await server.query(`ANALYZE ${tableOf(flights)}`)
      },
      run: loaderRun(stage, {
        dataset: flights,
        file: ndjson,
        workers: 2,
        expected: (n) => ({ loaded: n - Math.floor(n / 100), duplicate: Math.floor(n / 100) }),
      }),
    },
    'duplicates-file': {
      ...emptyTable(stage, flights, repeated),
      run: loaderRun(stage, {
        dataset: flights,
        file: repeated,
        workers: 2,
        expected: (n) => ({ loaded: n - repeatsIn(n), duplicate: repeatsIn(n) }),
      }),
    },
    'again-ledger': {
      prepare: async () => void (await filled()),
      run: async () => loaderRun(stage, { dataset: full, file: ndjson, workers: 2, expected: all, id: await filled() })(),
      tidy: nothing,
    },
    'again-new': {
      prepare: async () => void (await filled()),
      run: loaderRun(stage, { dataset: full, file: ndjson, workers: 2, expected: (n) => ({ duplicate: n }) }),
      tidy: nothing,
    },
    'bad-rows': {
      ...emptyTable(stage, flights, bad),
      run: loaderRun(stage, {
        dataset: flights,
        file: bad,
        workers: 2,
        expected: (n) => ({ loaded: n - Math.round(n / 1000), rejected: Math.round(n / 1000) }),
      }),
    },
  }
}

/** What the server takes at most: rows that are encoded already, each connection its own share of them in one COPY. */
function binarySide(stage: Stage, connections: number, filled: () => Promise<string>) {
  const { server, folder, rows } = stage
  const orders = memo(async () => {
    await filled()
    return Promise.all(
      Array.from({ length: connections }, async (_, i) => {
        const path = join(folder, `binary-${i + 1}-of-${connections}`)
        const [from, to] = [i, i + 1].map((n) => Math.round((rows / connections) * n))
        await server.save(`SELECT * FROM ${tableOf(full)} WHERE id > ${from} AND id <= ${to} ORDER BY id`, path)
        return { sql: `COPY ${tableOf(flights)} (${columnsOf(flights)}) FROM STDIN (FORMAT binary)`, path, recipe: 'bytes' as const }
      }),
    )
  })
  return { ...emptyTable(stage, flights, orders), run: async () => copyAtOnce(server.url, await orders()) }
}
