import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads, chunks and API keys'),
}
