import { join } from 'node:path'
import { bigRows, bigRowsFile, tooLong } from './big-rows.ts'
import { csvLine } from './csv-text.ts'
import { writeLines } from './file-rows.ts'
import { hopelessFlights } from './flight-files.ts'
import { likeFlights } from './flight-sides.ts'
import { largeCrc32, largeRows, largeSize } from './large-object.ts'
import { type Shape, seeded } from './shapes.ts'
import { columnsOf, emptyTable, handRun, loaderRun, memo, type Sides, type Stage } from './sides.ts'

/** One kind of generated data, by the product and by psql. */
export function shapeSides(stage: Stage, { key, dataset, bytes, row }: Shape, fileBytes: number): Sides {
  const rows = Math.ceil(fileBytes / bytes)
  function* made(write: (row: Record<string, unknown>) => string): Generator<string> {
    const random = seeded(1)
    for (let id = 1; id <= rows; id++) yield write(row(id, random))
  }
  const ndjson = memo(() =>
    writeLines(
      join(stage.folder, `${key}.ndjson`),
      made((r) => `${JSON.stringify(r)}\n`),
    ),
  )
  const csv = memo(() =>
    writeLines(
      join(stage.folder, `${key}.csv`),
      made((r) => csvLine(Object.values(r))),
      `${columnsOf(dataset)}\n`,
    ),
  )
  return {
    [`${key}-psql`]: { ...emptyTable(stage, dataset, csv), run: handRun(stage, dataset, csv) },
    [key]: {
      ...emptyTable(stage, dataset, ndjson),
      run: loaderRun(stage, { dataset, file: ndjson, workers: 2, expected: (n) => ({ loaded: n }) }),
    },
  }
}

/** Loads that are about memory alone, by two workers. */
export function memorySides(stage: Stage, flightsPath: string, bigRowCount: number, gibibytes: number): { rows: Sides; file: Sides } {
  const big = memo(() => bigRowsFile(bigRowCount, stage.folder))
  const dataset = likeFlights('flights_large')
  const hopeless = memo(() => hopelessFlights(flightsPath, stage.rows, stage.folder))
  const large = memo(async () => {
    const rows = largeRows(gibibytes)
    return { path: undefined, rows, size: largeSize(rows), crc32: largeCrc32(rows) }
  })
  return {
    rows: {
      'rows-1mib': {
        ...emptyTable(stage, bigRows, big),
        run: loaderRun(stage, {
          dataset: bigRows,
          file: big,
          workers: 2,
          expected: (n) => ({ loaded: n - tooLong(n), rejected: tooLong(n) }),
        }),
      },
      'rows-bad': {
        ...emptyTable(stage, dataset, hopeless),
        run: loaderRun(stage, { dataset, file: hopeless, workers: 2, expected: (n) => ({ rejected: n }) }),
      },
    },
    file: {
      'large-file': {
        ...emptyTable(stage, dataset, large),
        run: loaderRun(stage, { dataset, file: large, workers: 2, expected: (n) => ({ loaded: n }) }),
      },
    },
  }
}
