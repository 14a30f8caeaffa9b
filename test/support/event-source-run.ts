import { runEventSource } from '../../localstack/event-source/event-source.ts'
import type { Checkpoint, FailureRecord, Invocation, Ports, StreamRecord } from '../../localstack/event-source/ports.ts'
import type { Mapping } from '../../localstack/event-source/settings.ts'
import { createModelStream, type ModelOptions, type ModelStream } from './model-stream.ts'
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts'

export const exampleMapping = (more: Partial<Mapping> = {}): Mapping => ({
  uuid: '2b733cdc-8ac3-4cf5-af3a-1827b3b11284',
  functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:example',
  streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/example',
  startingPosition: { at: 'trim-horizon' },
  batchSize: 100,
  windowMs: 0,
  parallelization: 1,
  maxRetries: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
  bisect: false,
  reportsItemFailures: true,
  filters: [],
  onFailure: 'arn:aws:s3:::failures',
  retentionMs: 24 * 3_600_000,
  ...more,
})

/** One invocation as the function saw it. */
export interface Call {
  readonly at: number
  readonly keys: readonly string[]
  readonly data: readonly string[]
  readonly sequenceNumbers: readonly string[]
  readonly event: string
}

export const responded = (payload: unknown = null): Invocation => ({ kind: 'responded', requestId: 'request', payload })
export const failed = (message = 'it threw'): Invocation => ({ kind: 'failed', requestId: 'request', message })
export const throttled: Invocation = { kind: 'not-invoked', reason: 'Rate exceeded' }
export const reports = (...identifiers: readonly unknown[]): Invocation =>
  responded({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) })

interface ShownRecord {
  readonly kinesis: { readonly partitionKey: string; readonly sequenceNumber: string; readonly data: string }
}
export function callOf(event: string, at: number): Call {
  const records = (JSON.parse(event) as { Records: ShownRecord[] }).Records.map(({ kinesis }) => kinesis)
  return {
    at,
    event,
    keys: records.map(({ partitionKey }) => partitionKey),
    data: records.map(({ data }) => Buffer.from(data, 'base64').toString()),
    sequenceNumbers: records.map(({ sequenceNumber }) => sequenceNumber),
  }
}

export interface EventSourceRun {
  readonly clock: VirtualClock
  readonly stream: ModelStream
  readonly calls: readonly Call[]
  readonly failures: readonly FailureRecord[]
  readonly lines: readonly string[]
  readonly checkpoint: () => Checkpoint | undefined
  /** Milliseconds of virtual time. */
  readonly pass: (milliseconds: number) => Promise<void>
  /** Begins (again), from what the checkpoint says. */
  readonly start: () => void
  readonly stop: () => Promise<void>
}

export interface RunOptions {
  readonly mapping?: Partial<Mapping>
  readonly stream?: ModelOptions
  /** What the function does; it succeeds by default. */
  readonly handle?: (call: Call, nth: number) => Invocation | Promise<Invocation>
  readonly destination?: Ports['sendFailure']
}

/** An event source over a stream in memory, in virtual time. Put records into `stream`, let time `pass`, and look at `calls`. */
export function prepareRun(options: RunOptions = {}): EventSourceRun {
  const clock = createVirtualClock()
  const stream = createModelStream(clock, options.stream)
  const calls: Call[] = []
  const failures: FailureRecord[] = []
  const lines: string[] = []
  let stored: Checkpoint | undefined
  const mapping = exampleMapping(options.mapping)
  let stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const ports: Ports = {
    clock,
    source: stream,
    invoke: async (event) => {
      const call = callOf(event, clock.now())
      calls.push(call)
      return (await options.handle?.(call, calls.length)) ?? responded()
    },
    sendFailure: mapping.onFailure
      ? async (failure) => {
          await options.destination?.(failure)
          failures.push(failure)
        }
      : undefined,
    checkpoints: {
      load: async () => stored,
      save: async (checkpoint) => {
        stored = structuredClone(checkpoint)
      },
    },
    log: (line) => lines.push(line),
  }
  return {
    clock,
    stream,
    calls,
    failures,
    lines,
    checkpoint: () => stored,
    pass: (milliseconds) => clock.run(clock.now() + milliseconds),
    start() {
      stopping = new AbortController()
      running = runEventSource(mapping, ports, stopping.signal, 'arn:aws:iam::000000000000:role/example')
    },
    async stop() {
      stopping.abort()
      await clock.run(running)
      await running
    },
  }
}

export const recordAt = (sequenceNumber: string, arrivedAt: number, more: Partial<StreamRecord> = {}): StreamRecord => ({
  sequenceNumber,
  partitionKey: 'a',
  data: new Uint8Array(),
  arrivedAt,
  ...more,
})
