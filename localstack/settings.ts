import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { awsEnvironment } from './aws.ts'
import { apiUrl, queueUrl } from './endpoint.ts'
import { LocalFailure } from './failure.ts'
import type { Outputs } from './secrets.ts'

/** What `.local/env` holds: all that the client, the tests and a shell need to use the local AWS. */
export type Settings = Readonly<Record<SettingName, string>>
type SettingName =
  | 'MILLRACE_URL'
  | 'MILLRACE_API_KEY'
  | 'DATABASE_URL'
  | 'AWS_ENDPOINT_URL'
  | 'AWS_REGION'
  | 'AWS_ACCESS_KEY_ID'
  | 'AWS_SECRET_ACCESS_KEY'
  | 'MILLRACE_TABLE'
  | 'MILLRACE_RAW_BUCKET'
  | 'MILLRACE_REJECTS_BUCKET'
  | 'MILLRACE_DEAD_LETTERS_BUCKET'
  | 'MILLRACE_STREAM'
  | 'MILLRACE_PLAN_QUEUE_URL'
  | 'MILLRACE_CHUNK_QUEUE_URL'
  | 'MILLRACE_PLAN_DLQ_URL'
  | 'MILLRACE_CHUNK_DLQ_URL'
  | 'MILLRACE_LOAD_CHUNK_FUNCTION'

export interface SettingsSource {
  readonly endpoint: string
  readonly databaseUrl: string
  readonly apiKey: string
  readonly outputs: Outputs
}

export function settingsOf({ endpoint, databaseUrl, apiKey, outputs }: SettingsSource): Settings {
  const queue = (name: string) => queueUrl(endpoint, output(outputs, 'ingest', name))
  return {
    MILLRACE_URL: apiUrl(endpoint, output(outputs, 'api', 'RestApiId'), output(outputs, 'api', 'StageName')),
    MILLRACE_API_KEY: apiKey,
    DATABASE_URL: databaseUrl,
    ...awsEnvironment(endpoint),
    MILLRACE_TABLE: output(outputs, 'storage', 'TableName'),
    MILLRACE_RAW_BUCKET: output(outputs, 'storage', 'RawBucketName'),
    MILLRACE_REJECTS_BUCKET: output(outputs, 'storage', 'RejectsBucketName'),
    MILLRACE_DEAD_LETTERS_BUCKET: output(outputs, 'storage', 'DeadLettersBucketName'),
    MILLRACE_STREAM: output(outputs, 'storage', 'StreamName'),
    MILLRACE_PLAN_QUEUE_URL: queue('PlanQueueUrl'),
    MILLRACE_CHUNK_QUEUE_URL: queue('ChunkQueueUrl'),
    MILLRACE_PLAN_DLQ_URL: queue('PlanDeadLetterQueueUrl'),
    MILLRACE_CHUNK_DLQ_URL: queue('ChunkDeadLetterQueueUrl'),
    MILLRACE_LOAD_CHUNK_FUNCTION: output(outputs, 'ingest', 'LoadChunkFunctionName'),
  }
}

/** One output of a stack of stage `local`. */
export function output(outputs: Outputs, stack: string, name: string): string {
  const value = outputs[`millrace-local-${stack}`]?.[name]
  if (value === undefined) throw new LocalFailure(`The stack millrace-local-${stack} has no output "${name}".`)
  return value
}

/** Writes KEY=VALUE lines that shells, `node --env-file` and tests read alike. Only its owner may read it: it holds the API key. */
export function writeSettings(file: string, settings: Settings): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(name, value)}\n`)
  writeFileSync(file, lines.join(''), { mode: 0o600 })
  chmodSync(file, 0o600) // the mode above is only for a file that is new
}

/** Single quotes where a shell would stumble (a `&` in a URL); all three readers take them off again. */
function quote(name: string, value: string): string {
  if (/^[\w@%+=:,./~-]*$/.test(value)) return value
  if (/['\r\n]/.test(value))
    throw new LocalFailure(`${name} has a quote or a line break, which no settings file can hold: ${JSON.stringify(value)}`)
  return `'${value}'`
}

/** What an earlier run wrote; empty when there is nothing. */
export function readSettings(file: string): Partial<Settings> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=')
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1).replace(/^'(.*)'$/, '$1')]] : []
    }),
  )
}
