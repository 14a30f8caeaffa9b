import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { fileWriter, parquetWriteRows } from 'hyparquet-writer'
import { type DataFile, measureFile } from './file-rows.ts'
import { flightsOf } from './flight-files.ts'

/** Rows of a row group, and pages that are never full: one for each column of a group, as Polars writes them. It is the most that a reader must hold. */
const rowGroupSize = 262_144
const pageSize = 64 * 1024 * 1024

/** The same flights as Parquet, with dictionaries where they pay, zstd. */
export async function flightsParquet(flights: string, rows: number, folder: string): Promise<DataFile> {
  const path = join(folder, 'flights.parquet')
  await parquetWriteRows({
    writer: fileWriter(path),
    rows: withDates(flightsOf(flights, rows)),
    columns: [
      { name: 'id', type: 'INT32' },
      { name: 'date', type: 'TIMESTAMP' },
      { name: 'delay', type: 'INT32' },
      { name: 'distance', type: 'INT32' },
      { name: 'origin', type: 'STRING' },
      { name: 'destination', type: 'STRING' },
    ],
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
    rowGroupSize,
    pageSize,
  })
  return measureFile(path, rows)
}

async function* withDates(flights: ReturnType<typeof flightsOf>) {
  for await (const flight of flights) yield { ...flight, date: new Date(flight.date) }
}
