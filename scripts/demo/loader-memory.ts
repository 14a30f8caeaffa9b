import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { clientSettings } from '../../localstack/aws.ts'

/**
 * The most memory that any worker of load-chunk had resident, MiB, from the log lines of the emulator; undefined when it has none.
 * One unsigned request instead of one more AWS SDK client: emulators look at the credential's scope and not at the signature.
 */
export async function loaderMemory(settings: Readonly<Record<string, string>>): Promise<number | undefined> {
  const { AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_REGION, MILLRACE_LOAD_CHUNK_FUNCTION } = settings
  let most: number | undefined
  let nextToken: string | undefined
  try {
    const lambda = new LambdaClient(clientSettings(AWS_ENDPOINT_URL!))
    const { LoggingConfig } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: MILLRACE_LOAD_CHUNK_FUNCTION }))
    const logGroupName = LoggingConfig?.LogGroup ?? `/aws/lambda/${MILLRACE_LOAD_CHUNK_FUNCTION}`
    do {
      const response = await fetch(AWS_ENDPOINT_URL!, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': 'Logs_20140328.FilterLogEvents',
          authorization: `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/20260101/${AWS_REGION}/logs/aws4_request, SignedHeaders=host, Signature=none`,
        },
        body: JSON.stringify({ logGroupName, filterPattern: '"rssMiB"', nextToken }),
        signal: AbortSignal.timeout(10_000),
      })
      if (!response.ok) return most
      const page = (await response.json()) as { events?: { message: string }[]; nextToken?: string }
      for (const { message } of page.events ?? [])
        for (const [, mebibytes] of message.matchAll(/"rssMiB":(\d+)/g)) most = Math.max(most ?? 0, Number(mebibytes))
      nextToken = page.nextToken
    } while (nextToken)
  } catch {
    // A figure for people: not worth failing a demo that has just succeeded.
  }
  return most
}
