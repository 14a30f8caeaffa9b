import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads and chunks'),
  RAW_BUCKET: string('bucket of uploaded objects'),
  CHUNK_QUEUE_URL: string('SQS queue that load-chunk reads'),
  DEAD_LETTERS_BUCKET: string('bucket for objects and messages that belong to no load'),
}
