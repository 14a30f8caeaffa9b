import { parsePlanMessage } from '#core/loads/plan-message.ts'
import { sendChunks } from '#platform/chunk-queue.ts'
import { readHead } from '#platform/s3/objects.ts'
import { readTextHead } from '#platform/s3/open-text.ts'
import { queueHandler } from '#platform/worker.ts'
import { createEndLoad } from '../../../../functions/end-load/end-load.ts'
import { createPlanLoad } from '../../../../functions/plan-load/plan-load.ts'
import { failLoad } from './loader.ts'
import { Process } from './process.ts'
import { readerOf, sqsOf } from './services.ts'
import { fileDatasets } from './tables.ts'
import type { World } from './world.ts'

/**
 * A process of plan-load, wired as its handler is; but that chunks are as small as the run is.
 * @param chunkBytes of the text, or of a Parquet file
 */
export function createPlanner(world: World, chunkBytes: number) {
  const process = new Process(world, 'plan-load')
  const { loads, objects, planQueue, chunkQueue } = world
  const sqs = sqsOf(process, planQueue, chunkQueue)
  const readObject = readerOf(process)
  const planLoad = createPlanLoad({
    getLoad: (id) => process.step('read load', () => loads.items.get(id)),
    findDataset: (name) => fileDatasets.get(name),
    findObject: (key) => process.step('find object', () => objectOf(world, key)),
    sniff: (key, bytes) => readHead(readObject, key, bytes),
    sniffText: (load, compression) => readTextHead(readObject, load, compression),
    startLoad: (id, plan) =>
      process.step('start load', () => {
        const planned = plan.planned === undefined ? undefined : Math.ceil(loads.items.get(id)!.size / chunkBytes)
        return loads.start(id, { ...plan, chunkSize: chunkBytes, planned }, new Date(process.now()))
      }),
    reopenLoad: (id) => process.step('reopen load', () => loads.reopen(id)),
    failLoad: async (id, error) => failLoad(world, id, error),
    sendChunks: (jobs, traceparent) => sendChunks(sqs, 'queue', jobs, traceparent),
    noteOrphan: async (key, reason) => {
      // A message that was late for a file that is done: its object is gone, which is the run's own doing.
      if (objects.has(key)) world.broken.push(`object ${key} was taken for nobody's: ${reason}`)
    },
  })
  const handler = queueHandler(sqs, {}, async (record) => {
    try {
      for (const message of parsePlanMessage(record.body)!) await planLoad(message)
    } catch (error) {
      process.invocation.error = error
      throw error
    }
  })
  return { process, handler }
}

export function objectOf({ objects }: World, key: string): { size: number; load: string } | undefined {
  const object = objects.get(key)
  return object && { size: object.length, load: key.slice(key.lastIndexOf('/') + 1) }
}

/** A process of end-load, wired as its handler is. */
export function createEnder(world: World) {
  const process = new Process(world, 'end-load')
  const { loads, deadLetters } = world
  const endLoad = createEndLoad({
    getLoad: (id) => process.step('read load', () => loads.items.get(id)),
    isCommitted: (id, chunk) => process.step('look for chunk', () => loads.isCommitted(id, chunk)),
    failLoad: (id, error) => process.step('fail load', () => failLoad(world, id, error)),
    keepMessage: async (_, body, reason) => void world.broken.push(`a message was taken for nobody's, ${reason}: ${body}`),
    countGivenUp: () => undefined,
  })
  const handler = queueHandler(sqsOf(process, deadLetters, deadLetters), {}, async ({ messageId, body }) => {
    try {
      await endLoad(messageId, body)
    } catch (error) {
      process.invocation.error = error
      throw error
    }
  })
  return { process, handler }
}
