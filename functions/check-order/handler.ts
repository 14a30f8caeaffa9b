import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { connector, keptConnections } from '#platform/postgres/database.ts'
import { wouldPutOver } from '#platform/postgres/order.ts'
import { hasCommitsSince } from '#platform/postgres/sql/newer-chunk.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { readLetters } from '#platform/s3/dead-letter-objects.ts'
import { type CheckOrder, createCheckOrder } from './check-order.ts'
import { spec } from './env.ts'

const env = readEnv(spec, process.env)
const onDatabase = keptConnections(connector(env.DATABASE_SECRET_ARN))

/** Invoked by replay-load, which is outside the VPC. */
export const handler: CheckOrder = createCheckOrder({
  findDataset: (name) => datasets.get(name),
  readLetters: readLetters(openBucket(env.DEAD_LETTERS_BUCKET)),
  wouldPutOver: (dataset, place, rows) => onDatabase((db) => wouldPutOver(db, dataset, place, rows)),
  hasCommitsSince: (dataset, load, since) => onDatabase((db) => hasCommitsSince(db, dataset, load, since)),
})
