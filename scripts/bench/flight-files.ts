import { join } from 'node:path'
import { csvLine } from './csv-text.ts'
import { linesOf, writeLines } from './file-rows.ts'

interface Flight {
  id: number
  date: string
  delay: number
  distance: number
  origin: string
  destination: string
}

export async function* flightsOf(path: string, rows: number): AsyncGenerator<Flight> {
  let n = 0
  for await (const line of linesOf(path)) {
    if (n++ >= rows) return
    yield JSON.parse(line) as Flight
  }
}

async function* map<A>(rows: AsyncIterable<A>, change: (row: A, i: number) => string): AsyncGenerator<string> {
  let i = 0
  for await (const row of rows) yield change(row, i++)
}

const ndjson = (row: unknown): string => `${JSON.stringify(row)}\n`

/** The same flights as CSV with a header. */
export const flightsCsv = (flights: string, rows: number, folder: string) =>
  writeLines(
    join(folder, 'flights.csv'),
    map(flightsOf(flights, rows), (f) => csvLine(Object.values(f))),
    'id,date,delay,distance,origin,destination\n',
  )

/** Every thousandth row is wrong, each in one of five ways. */
export const badFlights = (flights: string, rows: number, folder: string) =>
  writeLines(
    join(folder, 'bad.ndjson'),
    map(flightsOf(flights, rows), (f, i) => (i % 1000 === 500 ? faults[Math.floor(i / 1000) % faults.length]!(f) : ndjson(f))),
  )

/** Every row is wrong. */
export const hopelessFlights = (flights: string, rows: number, folder: string) =>
  writeLines(
    join(folder, 'hopeless.ndjson'),
    map(flightsOf(flights, rows), (f, i) => faults[i % faults.length]!(f)),
  )

const faults: readonly ((f: Flight) => string)[] = [
  (f) => ndjson({ ...f, delay: 'late' }),
  (f) => ndjson({ ...f, date: '2001-02-30T00:00:00.000Z' }),
  (f) => ndjson({ ...f, origin: 'Orlando' }),
  (f) => ndjson({ ...f, gate: 'B7' }),
  (f) => `${JSON.stringify(f).slice(0, 40)}\n`,
]

/** Every hundredth row is written again in another's place: by turns one just before it and one from far behind. */
export function repeatedFlights(flights: string, rows: number, folder: string) {
  const ids = (i: number): number => (i % 200 === 199 ? i - 50 : Math.floor(i / 2))
  return writeLines(
    join(folder, 'repeated.ndjson'),
    map(flightsOf(flights, rows), (f, i) => ndjson(i % 100 === 99 ? { ...f, id: ids(i) + 1 } : f)),
  )
}

/** How many keys `repeatedFlights` has less than rows: what the loader must find. */
export const repeatsIn = (rows: number): number => Math.floor(rows / 100)

/** Rows that only the general parser takes: an escape and a letter beyond ASCII in each, keys in an order of its own, and more white space than the scanner knows. */
export const oddFlights = (flights: string, rows: number, folder: string) =>
  writeLines(
    join(folder, 'odd.ndjson'),
    map(flightsOf(flights, rows), ({ id, date, delay, distance, origin, destination }, i) => {
      const escaped = `\\u00${destination.charCodeAt(0).toString(16)}${destination.slice(1)}`
      const pairs = [
        `"distance" : ${distance}`,
        `"destination" : "${escaped}"`,
        `"origin" : "É${origin.slice(1)}"`,
        `"id" : ${id}`,
        `"date" : "${date}"`,
        `"delay" : ${delay}`,
      ]
      return `{ ${[...pairs.slice(i % 6), ...pairs.slice(0, i % 6)].join(' , ')} }\n`
    }),
  )
