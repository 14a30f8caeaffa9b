import type { EventSourceMappingConfiguration } from '@aws-sdk/client-lambda'

/** An event source mapping, in milliseconds and with the defaults filled in. Infinity where AWS says -1. */
export interface Mapping {
  readonly uuid: string
  readonly functionArn: string
  readonly streamArn: string
  readonly startingPosition:
    | { readonly at: 'trim-horizon' }
    | { readonly at: 'latest' }
    | { readonly at: 'timestamp'; readonly time: number }
  readonly batchSize: number
  readonly windowMs: number
  readonly parallelization: number
  readonly maxRetries: number
  readonly maxAgeMs: number
  readonly bisect: boolean
  readonly reportsItemFailures: boolean
  /** JSON patterns; a record that matches one of them is delivered. None: all are. */
  readonly filters: readonly string[]
  /** ARN of a bucket, queue or topic. */
  readonly onFailure?: string | undefined
  /** How long the stream keeps a record. */
  readonly retentionMs: number
}

/** A mapping asks for something that is not played here. Better no delivery than one by other rules. */
export class MappingRefused extends Error {
  override readonly name = 'MappingRefused'
}

/**
 * Reads a mapping back as ListEventSourceMappings shows it.
 * Defaults and ranges: Lambda Developer Guide, "Lambda parameters for Amazon Kinesis Data Streams event source mappings"
 * (services-kinesis-parameters). @throws MappingRefused
 */
export function readMapping(shown: EventSourceMappingConfiguration, retentionMs: number): Mapping {
  const name = shown.UUID ?? 'without UUID'
  const refuse = (why: string): never => {
    throw new MappingRefused(`Event source mapping ${name} of ${shown.FunctionArn}: ${why}`)
  }
  const within = (field: string, value: number | undefined, standard: number, least: number, most: number): number => {
    const given = value ?? standard
    return Number.isInteger(given) && given >= least && given <= most
      ? given
      : refuse(`${field} is ${given}; AWS takes ${least} to ${most}.`)
  }
  const limit = (value: number): number => (value === -1 ? Number.POSITIVE_INFINITY : value)

  if (shown.TumblingWindowInSeconds) refuse('tumbling windows (TumblingWindowInSeconds) are not played here.')
  const streamArn = shown.EventSourceArn ?? ''
  if (!/^arn:[^:]+:kinesis:[^:]+:\d{12}:stream\/[^/]+$/.test(streamArn))
    refuse(`${streamArn || 'no EventSourceArn'}: only streams are read, not stream consumers (enhanced fan-out) or other sources.`)
  const age = within('MaximumRecordAgeInSeconds', shown.MaximumRecordAgeInSeconds, -1, -1, 604_800)
  // The page has -1 as the least; event-sources.md of aws/agent-toolkit-for-aws says that 0 to 59 are rejected. Emulators may show 0 for "not set".
  if (age > 0 && age < 60) refuse(`MaximumRecordAgeInSeconds is ${age}; the least AWS takes is 60.`)
  return {
    uuid: shown.UUID ?? refuse('it has no UUID.'),
    functionArn: shown.FunctionArn ?? refuse('it names no function.'),
    streamArn,
    startingPosition: startingPosition(shown, refuse),
    batchSize: within('BatchSize', shown.BatchSize, 100, 1, 10_000),
    windowMs: within('MaximumBatchingWindowInSeconds', shown.MaximumBatchingWindowInSeconds, 0, 0, 300) * 1000,
    parallelization: within('ParallelizationFactor', shown.ParallelizationFactor, 1, 1, 10),
    maxRetries: limit(within('MaximumRetryAttempts', shown.MaximumRetryAttempts, -1, -1, 10_000)),
    maxAgeMs: limit(age === 0 ? -1 : age) * 1000,
    bisect: shown.BisectBatchOnFunctionError ?? false,
    reportsItemFailures: shown.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
    filters: (shown.FilterCriteria?.Filters ?? []).map(({ Pattern }) => Pattern ?? '{}'),
    onFailure: shown.DestinationConfig?.OnFailure?.Destination || undefined,
    retentionMs,
  }
}

function startingPosition(shown: EventSourceMappingConfiguration, refuse: (why: string) => never): Mapping['startingPosition'] {
  switch (shown.StartingPosition) {
    case 'TRIM_HORIZON':
      return { at: 'trim-horizon' }
    case 'LATEST':
      return { at: 'latest' }
    case 'AT_TIMESTAMP': {
      const time = shown.StartingPositionTimestamp?.getTime()
      return time === undefined
        ? refuse('StartingPosition is AT_TIMESTAMP, but StartingPositionTimestamp is not shown (MiniStack forgets it).')
        : { at: 'timestamp', time }
    }
    default:
      return refuse(`StartingPosition is ${shown.StartingPosition}, not TRIM_HORIZON, LATEST or AT_TIMESTAMP.`)
  }
}
