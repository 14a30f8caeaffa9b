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

/** Where to send and who sends: options, then MILLRACE_URL and MILLRACE_API_KEY, then what `npm run local` left in `.local/env`. */
export function findSettings(options: Given, env: Readonly<Record<string, string | undefined>>, folder: string): Settings {
  const url = options.url ?? env.MILLRACE_URL
  const apiKey = options.apiKey ?? env.MILLRACE_API_KEY
  if (url && apiKey) return { url: checked(url), apiKey, from: undefined }
  const local = findLocalEnv(folder)
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

function findLocalEnv(folder: string): { url: string | undefined; apiKey: string | undefined; path: string } | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, '.local', 'env')
    const values = readEnvFile(path)
    if (values) return { url: values.MILLRACE_URL, apiKey: values.MILLRACE_API_KEY, path }
    if (dirname(at) === at) return undefined
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
  return Object.fromEntries([...text.matchAll(/^([A-Z_][A-Z0-9_]*)=(.*)$/gm)].map((line) => [line[1]!, line[2]!.trim()]))
}
