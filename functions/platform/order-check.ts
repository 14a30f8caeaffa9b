import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { OrderAnswer, OrderQuestion } from '#core/batches/order.ts'
import { RequestError } from '#core/errors.ts'
import { log } from './log.ts'

/**
 * Asks the function that can see the tables: the API's own are not in the VPC.
 * @throws RequestError unavailable when it cannot tell
 */
export function askOrder(functionName: string): (question: OrderQuestion) => Promise<OrderAnswer> {
  const client = new LambdaClient({})
  return async (question) => {
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from(JSON.stringify(question)) }),
    )
    const text = Buffer.from(Payload ?? []).toString('utf8')
    if (FunctionError === undefined) return JSON.parse(text) as OrderAnswer
    log.error('the order could not be checked', { fault: FunctionError, answer: text.slice(0, 2048) })
    throw new RequestError('unavailable', 'It cannot be told at the moment whether newer rows would be lost; ask again', { retryAfter: 5 })
  }
}
