import type { Run, Runs } from './figures.ts'
import type { Server } from './server.ts'
import type { Sides } from './sides.ts'

/** Sides that are compared with each other, and how often. */
export interface Group {
  readonly name: string
  readonly sides: Sides
  readonly rounds: number
}

/** A B C, A B C, …: what makes the machine slower for a while is shared by all of them. */
export async function runRounds(server: Server, group: Group, wanted: ReadonlySet<string>, say: (text: string) => void): Promise<Runs> {
  const sides = Object.entries(group.sides).filter(([name]) => wanted.has(name))
  const runs = new Map<string, Run[]>(sides.map(([name]) => [name, []]))
  for (let round = 1; round <= group.rounds; round++)
    for (const [name, side] of sides) {
      await side.prepare()
      await server.checkpoint()
      const run = await side.run()
      await side.tidy()
      runs.get(name)!.push(run)
      say(`${group.name}, round ${round} of ${group.rounds}: ${name.padEnd(18)} ${run.seconds.toFixed(2).padStart(8)} s`)
    }
  return runs
}
