import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type EventSourceMappingConfiguration, LambdaClient } from '@aws-sdk/client-lambda'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { clientSettings } from '../aws.ts'
import { runEventSource } from '../event-source/event-source.ts'
import { MappingRefused, readMapping } from '../event-source/settings.ts'
import { createCheckpointFile } from './checkpoint-file.ts'
import { createFailureDestination } from './failure-destination.ts'
import { createKinesisSource, describeStream, kinesisClient } from './kinesis-source.ts'
import { createLambdaInvoke, createSlots, roleOf, type Slots } from './lambda-invoke.ts'
import { mappingsToServe } from './mappings.ts'
import { realClock } from './real-clock.ts'

export interface ServeOptions {
  readonly endpoint: string
  /** Folder for checkpoints. */
  readonly folder: string
  /** UUID of the one mapping to serve; all of them when left out. */
  readonly only?: string | undefined
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/** Invocations at once. MiniStack's functions are 68 MB each and 24 in all (see emulator.ts); the others are for SQS and the API. */
const concurrency = 12
/** How often the mappings are looked at: a deploy may have changed them. */
const mappingsMs = 5_000
/** A function of 15 minutes, the most there is, must be able to answer. */
const longestInvocationMs = 16 * 60_000

/** Serves every disabled Kinesis mapping at an endpoint, follows their changes, and returns on the signal. */
export async function serveMappings({ endpoint, folder, only, signal, log }: ServeOptions): Promise<void> {
  const client = new LambdaClient({
    ...clientSettings(endpoint),
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ requestTimeout: longestInvocationMs, throwOnRequestTimeout: true }),
  })
  const slots = createSlots(concurrency)
  const served = new Map<string, { readonly shown: string; readonly stop: () => Promise<void> }>()
  let away = false
  while (!signal.aborted) {
    const mappings = await mappingsToServe(client).catch((error: unknown) => {
      if (!away) log(`The mappings could not be listed: ${error}. Trying again every ${mappingsMs / 1000} s.`)
      return undefined
    })
    away = mappings === undefined
    if (mappings) await follow(mappings.filter(({ UUID }) => only === undefined || UUID === only))
    await wait(mappingsMs, undefined, { signal }).catch(() => {})
  }
  await Promise.all([...served.values()].map(({ stop }) => stop()))
  client.destroy()

  async function follow(mappings: readonly EventSourceMappingConfiguration[]): Promise<void> {
    const now = new Map(mappings.map((mapping) => [mapping.UUID ?? '', JSON.stringify({ ...mapping, LastModified: undefined })]))
    for (const [uuid, { shown, stop }] of served) {
      if (now.get(uuid) === shown) continue
      log(`${uuid}: ${now.has(uuid) ? 'its settings have changed' : 'it is gone, or enabled'}`)
      await stop()
      served.delete(uuid)
    }
    for (const mapping of mappings) {
      const uuid = mapping.UUID ?? ''
      if (!served.has(uuid)) served.set(uuid, { shown: now.get(uuid)!, stop: begin(mapping, client, slots) })
    }
  }

  /** Keeps a mapping running; answers how to stop it. */
  function begin(shown: EventSourceMappingConfiguration, lambda: LambdaClient, share: Slots): () => Promise<void> {
    const stopping = new AbortController()
    const tell = (line: string) => log(`${shown.UUID}: ${line}`)
    const ended = (async () => {
      while (!stopping.signal.aborted) {
        try {
          return await serve(shown, lambda, share, stopping.signal, tell)
        } catch (error) {
          tell(error instanceof MappingRefused ? `${error.message} It is not served.` : `it stopped: ${error}. Trying again.`)
          if (error instanceof MappingRefused) return
          await wait(mappingsMs, undefined, { signal: stopping.signal }).catch(() => {})
        }
      }
    })()
    return async () => {
      stopping.abort()
      await ended
    }
  }

  async function serve(
    shown: EventSourceMappingConfiguration,
    lambda: LambdaClient,
    share: Slots,
    stop: AbortSignal,
    tell: (line: string) => void,
  ): Promise<void> {
    readMapping(shown, 0) // refused before anything is asked of the stream
    const kinesis = kinesisClient(endpoint)
    try {
      const { created, retentionMs } = await describeStream(kinesis, shown.EventSourceArn ?? '')
      const mapping = readMapping(shown, retentionMs)
      const role = await roleOf(lambda, mapping.functionArn)
      tell(`${mapping.streamArn} to ${mapping.functionArn}: batches of ${mapping.batchSize}, ${mapping.parallelization} a shard at once`)
      await runEventSource(
        mapping,
        {
          clock: realClock,
          source: createKinesisSource(kinesis, mapping.streamArn),
          invoke: createLambdaInvoke(lambda, mapping.functionArn, share),
          sendFailure: createFailureDestination(endpoint, mapping),
          checkpoints: createCheckpointFile(join(folder, `${mapping.uuid}.json`), created, tell),
          log: tell,
        },
        stop,
        role,
      )
    } finally {
      kinesis.destroy()
    }
  }
}
