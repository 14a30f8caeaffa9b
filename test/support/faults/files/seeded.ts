import { type Random, randomFrom } from '../../random.ts'

/**
 * Runs with `Math.random` from a seed: our code waits at random here and there, and a run is to be played again as it
 * was.
 */
export async function withSeededRandom<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const { random } = Math
  const seeded: Random = randomFrom(seed)
  Math.random = seeded
  try {
    return await work()
  } finally {
    Math.random = random
  }
}
