import type { Breaker } from '#platform/postgres/breaker.ts'
import { type Process, ServiceFailure } from './process.ts'

/** Milliseconds between two who try a connection, as in `platform/dynamodb/breaker.ts`. */
const probeEvery = 1000

/** The item that says whether the database is away, as a process reads and writes it by its own clock. */
export function breakerOf(process: Process): Breaker {
  const { world } = process
  return {
    async openSince() {
      process.alive()
      if (process.fault('ask breaker') === 'fails') throw new ServiceFailure('DynamoDB does not answer')
      return world.breakerOpenSince
    },
    async open() {
      process.alive()
      world.breakerOpenSince ??= new Date(process.now()).toISOString()
    },
    async takeProbe() {
      process.alive()
      if (world.breakerOpenSince === undefined || process.now() < world.probeUntil) return false
      world.probeUntil = process.now() + probeEvery
      return true
    },
    async close() {
      process.alive()
      world.breakerOpenSince = undefined
      world.probeUntil = 0
    },
  }
}
