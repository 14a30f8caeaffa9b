import type { CopyOrder } from './copy-process.ts'
import { type Crew, startCrew } from './crew.ts'
import type { Run } from './figures.ts'

/** Several COPYs at once, each by a process and a connection of its own. */
export async function copyAtOnce(url: string, orders: readonly CopyOrder[]): Promise<Run> {
  await using crew: Crew<CopyOrder, void> = await startCrew('copy-process', orders.length, url)
  const began = performance.now()
  await Promise.all(orders.map((order, i) => crew.members[i]!.ask(order)))
  const seconds = (performance.now() - began) / 1000
  return { seconds, peakMiB: await crew.end() }
}
