import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { asyncBufferFromFile, parquetScan } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

/** Rows that `data/flights-3m.parquet` of the npm package vega-datasets holds: US flights of January to June 2001. */
export const allFlights = 3_000_000
/** Part of the cached file's name: raise it when the bytes written below change. */
const version = 1
/** Rows turned into text at a time: about 3.5 MB. */
const batch = 32_768

/**
 * The first `rows` flights as NDJSON, with a running `id` from 1: made once, then found in `folder`.
 * @returns the path of the file
 */
export async function flightsFile(rows: number, folder: string): Promise<string> {
  const path = join(folder, `flights-${rows}-v${version}.ndjson`)
  if (await exists(path)) return path
  await mkdir(folder, { recursive: true })
  // A conversion that dies leaves a half under another name; two at once write two halves, and the later rename wins.
  const half = `${path}.${process.pid}.half`
  try {
    await convert(rows, half)
    await rename(half, path)
  } finally {
    await rm(half, { force: true })
  }
  return path
}

async function convert(rows: number, path: string): Promise<void> {
  // By path: the package exports its code only.
  const entry = fileURLToPath(import.meta.resolve('vega-datasets'))
  const file = await asyncBufferFromFile(join(dirname(dirname(entry)), 'data', 'flights-3m.parquet'))
  // Timestamps without zone, in microseconds and never finer than a minute.
  const parsers = { timestampFromMicroseconds: (micros: bigint) => Number(micros / 1000n) }
  const scan = await parquetScan({ file, compressors, parsers })
  const out = createWriteStream(path, { highWaterMark: 8 * 1024 * 1024 })
  let rowStart = 0
  // One row group, of about 273,000 rows, is held at a time.
  for (const group of scan.metadata.row_groups) {
    const rowEnd = Math.min(rows, rowStart + Number(group.num_rows))
    if (rowStart >= rowEnd) break
    const column = (name: string) => scan.readColumn({ column: name, rowStart, rowEnd })
    const dates = await column('date')
    const delays = await column('delay')
    const distances = await column('distance')
    const origins = await column('origin')
    const destinations = await column('destination')
    for (let from = 0; from < rowEnd - rowStart; from += batch) {
      let text = ''
      for (let i = from; i < Math.min(from + batch, rowEnd - rowStart); i++)
        text += `{"id":${rowStart + i + 1},"date":"${isoOf(dates[i])}","delay":${delays[i]},"distance":${distances[i]},"origin":"${origins[i]}","destination":"${destinations[i]}"}\n`
      if (!out.write(text)) await once(out, 'drain')
    }
    rowStart = rowEnd
  }
  out.end()
  await finished(out)
}

/** Rows come in the order of time, many to a minute: one conversion serves them all. */
let lastTime = Number.NaN
let lastIso = ''
function isoOf(time: number): string {
  if (time !== lastTime) {
    lastTime = time
    lastIso = new Date(time).toISOString()
  }
  return lastIso
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
