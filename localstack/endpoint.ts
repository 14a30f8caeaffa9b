/** Which program answers as AWS at an endpoint. */
export type EmulatorKind = 'ministack' | 'localstack'

/**
 * Both answer /_localstack/health, only MiniStack the other.
 * @returns undefined when neither does.
 */
export async function detectEmulator(endpoint: string): Promise<EmulatorKind | undefined> {
  if (await answers(`${endpoint}/_ministack/health`)) return 'ministack'
  if (await answers(`${endpoint}/_localstack/health`)) return 'localstack'
  return undefined
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    await answer.arrayBuffer()
    return answer.ok
  } catch {
    return false
  }
}

/** The endpoint without a trailing slash. @throws TypeError when it is not an http URL. */
export function parseEndpoint(text: string): string {
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${text} is not an http URL`)
  return url.origin
}

/** The stacks' own output carries amazonaws.com, which no emulator serves. Both serve this form; `/v1/...` follows it. */
export const apiUrl = (endpoint: string, restApiId: string, stage: string): string => `${endpoint}/_aws/execute-api/${restApiId}/${stage}`

/** A queue's URL by the endpoint the caller uses: emulators put their own name for themselves into it. */
export function queueUrl(endpoint: string, url: string): string {
  const { pathname } = new URL(url)
  return `${endpoint}${pathname}`
}
