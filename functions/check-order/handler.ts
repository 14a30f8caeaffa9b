import { readEnv } from '#core/env.ts'
import { datasets } from '#datasets'
import { openBucket } from '#platform/bucket.ts'
import { connector, keptConnections } from '#platform/database.ts'
import { readLetters } from '#platform/letter-objects.ts'
import { wouldPutOver } from '#platform/order.ts'
import { hasCommitsSince } from '#platform/sql/newer-chunk.ts'
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
