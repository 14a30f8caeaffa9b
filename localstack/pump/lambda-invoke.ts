import { GetFunctionConfigurationCommand, InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import type { Invoke } from '../event-source/ports.ts'
import { messageOf } from '../failure.ts'

/**
 * Invokes the deployed function. A FunctionError is the function's own failure (thrown, timed out, out of memory); whatever the call itself
 * throws means that the function was not reached: TooManyRequestsException, a ServiceException, an emulator that is away. The SDK must not
 * retry by itself, or an invocation whose answer was lost would run twice unseen: the client is to have maxAttempts 1.
 * @param slots how many run at once over all shards and mappings: an emulator runs each in a process of its own.
 */
export function createLambdaInvoke(client: LambdaClient, functionArn: string, slots: Slots): Invoke {
  return async (event) => {
    await slots.take()
    try {
      const answer = await client.send(new InvokeCommand({ FunctionName: functionArn, Payload: event }))
      const requestId = answer.$metadata.requestId ?? ''
      const text = Buffer.from(answer.Payload ?? []).toString()
      if (answer.FunctionError) return { kind: 'failed', requestId, message: `${answer.FunctionError}: ${text.slice(0, 500)}` }
      return { kind: 'responded', requestId, payload: parse(text) }
    } catch (error) {
      return { kind: 'not-invoked', reason: messageOf(error) }
    } finally {
      slots.give()
    }
  }
}

/** The empty payload is a null response; what is not JSON is a response that no rule takes for a success. */
function parse(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `invokeIdentityArn` of the records. */
export async function roleOf(client: LambdaClient, functionArn: string): Promise<string> {
  const { Role } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: functionArn }))
  return Role ?? ''
}

export interface Slots {
  take(): Promise<void>
  give(): void
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async take() {
      if (free > 0) free--
      else await new Promise<void>((ready) => waiting.push(ready))
    },
    give() {
      const next = waiting.shift()
      if (next) next()
      else free++
    },
  }
}
