import { type Crew, startCrew } from './crew.ts'
import { likeFlights } from './flight-sides.ts'
import { nothing, type Sides, type Stage } from './sides.ts'
import type { StreamAnswer, StreamOrder } from './stream-process.ts'

/** Invocations of a round that are counted, and what each is given. */
const counted = { invocations: 40, warmUp: 10, envelopes: 10, rows: 1000 }

/** One invocation of the consumer after the other, each beside a bare COPY of its rows. */
export function streamSides({ server, flags }: Stage, path: string): Sides {
  const [ours, bare] = [likeFlights('flights_stream'), likeFlights('flights_bare')]
  return {
    invocations: {
      prepare: async () => {
        for (const dataset of [ours, bare]) await server.fresh(dataset)
      },
      run: async () => {
        await using crew: Crew<StreamOrder, StreamAnswer> = await startCrew('stream-process', 1, server.url, flags)
        const pairs = await crew.members[0]!.ask({ ours, bare, path, ...counted })
        const peakMiB = await crew.end()
        const seconds = pairs.reduce((sum, pair) => sum + pair.ours, 0)
        return { seconds, peakMiB, calls: pairs.map((pair) => pair.ours / pair.bare) }
      },
      tidy: nothing,
    },
  }
}
