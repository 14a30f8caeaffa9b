import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from './exit.ts'

interface Settings {
  readonly url: string
  readonly apiKey: string
  /** The file that the values came from, when they came from one. */
  readonly from: string | undefined
}
interface Given {
  readonly url?: string | undefined
  readonly apiKey?: string | undefined
}

/** Where to send and who sends: options, then MILLRACE_URL and MILLRACE_API_KEY, then what `npm run local` left in `.local/env` (or in the folder that MILLRACE_LOCAL_DIR names). */
export function findSettings(options: Given, env: Readonly<Record<string, string | undefined>>, folder: string): Settings {
  const url = options.url ?? env.MILLRACE_URL
  const apiKey = options.apiKey ?? env.MILLRACE_API_KEY
  if (url && apiKey) return { url: checked(url), apiKey, from: undefined }
  const local = findLocalEnv(folder, env.MILLRACE_LOCAL_DIR)
  // A key is never sent to another server than the one it was made for.
  if (local?.url && local.apiKey && (!url || url === local.url))
    return { url: checked(local.url), apiKey: apiKey ?? local.apiKey, from: local.path }
  throw new UsageError(
    `No ${url ? 'API key' : 'server'} is known. Give --url and --api-key, or set MILLRACE_URL and MILLRACE_API_KEY, or start a local one with \`npm run local\`.`,
  )
}

function checked(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new UsageError(`"${url}" is not an http(s) URL`)
  return url
}

/** `env` of the state folder of a local Millrace: the one that is named, else `.local` here or in a folder above. */
function findLocalEnv(folder: string, named: string | undefined) {
  for (let at = folder; ; at = dirname(at)) {
    const path = named ? join(named, 'env') : join(at, '.local', 'env')
    const values = readEnvFile(path)
    if (values) return { url: values.MILLRACE_URL, apiKey: values.MILLRACE_API_KEY, path }
    if (named || dirname(at) === at) return undefined
  }
}

/** KEY=VALUE lines; undefined when there is no such file. */
function readEnvFile(path: string): Record<string, string> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  // Values that a shell would stumble over stand in single quotes.
  const pairs = text.matchAll(/^([A-Z_][A-Z0-9_]*)=(.*?)\r?$/gm)
  return Object.fromEntries(Array.from(pairs, ([, name, value]) => [name!, value!.replace(/^'(.*)'$/, '$1')]))
}
