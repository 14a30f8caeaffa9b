import { setTimeout as sleep } from 'node:timers/promises'

/** The ids of live flights begin here, far beyond those of the file: what came which way can be counted apart. */
export const liveIds = 1_000_000_000

const airports = ['ATL', 'BOS', 'DEN', 'JFK', 'LAX', 'MCI', 'MDW', 'ORD', 'SEA', 'SFO']

/** Flights that take off now: 100 every 50 ms, as lines of NDJSON, at least `least` of them and until it is over. */
export async function* liveFlights(least: number, isOver: () => boolean): AsyncGenerator<string, void, undefined> {
  for (let made = 0; made < least || !isOver(); made += 100) {
    const date = new Date().toISOString()
    yield Array.from({ length: 100 }, (_, i) => lineOf(made + i, date)).join('')
    await sleep(50)
  }
}

function lineOf(n: number, date: string): string {
  const origin = airports[n % airports.length]
  const destination = airports[(n + 1 + (n % 7)) % airports.length]
  return `{"id":${liveIds + n},"date":"${date}","delay":${(n * 7) % 40},"distance":${200 + (n % 2000)},"origin":"${origin}","destination":"${destination}"}\n`
}
