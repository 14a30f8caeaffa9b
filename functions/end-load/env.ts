import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  DEAD_LETTERS_BUCKET: string('bucket for messages that belong to no load'),
}
