import { planFile } from '../../../../functions/replay-load/replay-file.ts'
import { objectOf } from './planner.ts'
import { fileDatasets } from './tables.ts'
import type { World } from './world.ts'

/**
 * What a person does about a load that has failed, or that nothing is heard of: a replay, as `millrace replay` asks
 * for it.
 */
export async function replay(world: World, id: string): Promise<void> {
  const { loads, planQueue, clock, broken } = world
  const plan = await planFile(loads.items.get(id)!, {
    datasets: fileDatasets,
    async *chunksOf(load, from) {
      yield* loads.inOrder(load).filter(({ chunk }) => chunk >= from)
    },
    headObject: async (key) => objectOf(world, key),
    reopenFailed: async (load) => loads.reopenFailed(load),
    requestPlan: async ({ id: load }) => planQueue.send(JSON.stringify({ replay: load })),
    checkOrder: async () => {
      throw new Error('a replay of a file asks for the order only when it is told to')
    },
    now: clock.now,
  })
  if (plan.would === 'nothing') broken.push(`load ${id} cannot be replayed: ${plan.reason}`)
  else await plan.act(true, () => 29_000)
}
