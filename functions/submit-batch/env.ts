import { apiEnv } from '#core/api/api-env.ts'
import { integer, string } from '#core/env.ts'

export const spec = {
  ...apiEnv,
  STREAM_NAME: string('Kinesis stream of batches'),
  STREAM_LANES: integer('lanes of a dataset that has an ordering key'),
  REJECTS_BUCKET: string('bucket of rejected rows'),
}
