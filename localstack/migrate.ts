import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { clientSettings } from './aws.ts'
import { LocalFailure, messageOf } from './failure.ts'

/** Invokes the function `migrate`, as production's deploy does, and answers the migrations it applied. */
export async function migrate(endpoint: string, functionName: string, emulatorLog: string | undefined): Promise<readonly string[]> {
  const client = new LambdaClient({ ...clientSettings(endpoint), maxAttempts: 1 })
  try {
    const answer = await client.send(new InvokeCommand({ FunctionName: functionName, Payload: '{}' }), {
      abortSignal: AbortSignal.timeout(120_000),
    })
    const text = answer.Payload ? Buffer.from(answer.Payload).toString() : ''
    if (answer.FunctionError) throw refusal(`The migrations failed: ${errorIn(text)}`, emulatorLog)
    const { applied } = JSON.parse(text) as { applied?: readonly string[] }
    return applied ?? []
  } catch (cause) {
    if (cause instanceof LocalFailure) throw cause
    throw refusal(`The function "migrate" could not be run: ${messageOf(cause)}`, emulatorLog, cause)
  } finally {
    client.destroy()
  }
}

const refusal = (message: string, log: string | undefined, cause?: unknown): LocalFailure =>
  new LocalFailure(message, {
    ...(log && { log }),
    cause,
    advice: 'a dataset that cannot be changed in place needs another name, or an empty database: `npm run local -- --fresh`',
  })

function errorIn(text: string): string {
  try {
    const { errorMessage, errorType } = JSON.parse(text) as { errorMessage?: string; errorType?: string }
    return errorMessage ?? errorType ?? text
  } catch {
    return text
  }
}
