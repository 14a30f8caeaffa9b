import { createDrainParked, type DrainMessage } from '../../../functions/drain-parked/drain-parked.ts'
import { recordPorts } from './consumer.ts'
import { alive, changeMark, leaseOf } from './parking.ts'
import type { Stage } from './stage.ts'

const forever = new AbortController().signal
/**
 * Milliseconds of an invocation, and for which records stay parked before they are set aside: longer than any table is
 * in trouble.
 */
const [timeout, patience] = [60_000, 24 * 3_600_000]

/** The real drainer of parked records, behind its queue. */
export function createDrainer(stage: Stage, database: string) {
  const { parking, parkedQueue, clock } = stage
  let waited = 0
  const pause = async (milliseconds: number): Promise<void> => {
    stage.alive()
    waited += milliseconds
  }
  const drain = createDrainParked({
    ...recordPorts(stage, database, pause),
    find: (dataset) => alive(stage, () => parking.find(dataset)),
    list: (dataset) => alive(stage, () => parking.list(dataset)),
    read: (key) => alive(stage, () => parking.read(key)),
    async remove(key) {
      stage.die('the drainer dies before it lets go of what it committed')
      await parking.remove(key)
    },
    async close(mark) {
      stage.die('the drainer dies before it takes the mark away')
      return parking.close(mark)
    },
    async lease(dataset, milliseconds) {
      stage.alive()
      return leaseOf(stage, dataset) < stage.now() && changeMark(stage, dataset, { leaseUntil: stage.now() + milliseconds })
    },
    async renew(dataset, milliseconds) {
      stage.alive()
      changeMark(stage, dataset, { leaseUntil: stage.now() + milliseconds })
    },
    async release(dataset) {
      stage.alive()
      changeMark(stage, dataset, { leaseUntil: 0 })
    },
    async sendAgain(message, delay) {
      stage.die('the drainer dies before it sends for the next')
      parkedQueue.send(JSON.stringify(message), delay)
      changeMark(stage, message.dataset, { wokenAt: stage.now() })
    },
    delayed: () => undefined,
    failed: () => undefined,
    patience,
    now: stage.now,
  })

  let stopped = false
  let running: Promise<void> = Promise.resolve()
  async function poll(): Promise<void> {
    while (!stopped) {
      const delivery = parkedQueue.receive()
      if (delivery) {
        waited = 0
        const message = JSON.parse(delivery.body) as DrainMessage
        const done = await stage
          .run(() => drain(message, () => timeout - waited))
          .then(
            () => true,
            () => false,
          )
        if (done) parkedQueue.delete(delivery.receipt)
      }
      await clock.sleep(1000, forever)
    }
  }
  return {
    start(): void {
      running = poll()
    },
    stop(): Promise<void> {
      stopped = true
      return running
    },
  }
}
