import { SQSClient } from '@aws-sdk/client-sqs'
import { readEnv } from '#core/env.ts'
import { parsePlanMessage } from '#core/loads/plan-message.ts'
import { isCommitted } from '#platform/dynamodb/chunks.ts'
import { findLetter, noteLetter } from '#platform/dynamodb/dead-letters.ts'
import { failLoad, getLoad } from '#platform/dynamodb/projection.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { readLetters } from '#platform/s3/dead-letter-objects.ts'
import { countDead, countUnreadable } from '#platform/s3/dead-letters.ts'
import { queueHandler } from '#platform/worker.ts'
import { spec } from './env.ts'
import { createNoteDeadLetter } from './note-dead-letter.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)

const noteDeadLetter = createNoteDeadLetter({
  readLetters: readLetters(openBucket(env.DEAD_LETTERS_BUCKET)),
  getLoad: (id) => getLoad(table, id),
  isCommitted: isCommitted(table),
  findLetter: findLetter(table),
  noteLetter: noteLetter(table),
  failLoad: (id, error) => failLoad(table, id, error),
  countUnreadable,
  countDead,
  now: Date.now,
})

export const handler = queueHandler(new SQSClient({}), {}, async (record) => {
  const created = parsePlanMessage(record.body)
  if (!created) throw new Error('the message is no S3 event')
  for (const message of created) if (message.kind === 'object') await noteDeadLetter(message.key)
})
