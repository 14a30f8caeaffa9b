import * as routes from '#core/api/routes/dead-letters.ts'
import { readEnv } from '#core/env.ts'
import { on, serve } from '#platform/api.ts'
import { listLetters } from '#platform/dynamodb/dead-letter-pages.ts'
import { findLetter } from '#platform/dynamodb/dead-letters.ts'
import { findLoad } from '#platform/dynamodb/loads.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { openGate } from '#platform/gate.ts'
import { openBucket } from '#platform/s3/bucket.ts'
import { readLetters } from '#platform/s3/dead-letter-objects.ts'
import { spec } from './env.ts'
import { createListDeadLetters } from './list-dead-letters.ts'
import { createShowDeadLetter } from './show-dead-letter.ts'

const env = readEnv(spec, process.env)
const table = openTable(env.TABLE_NAME)
const deps = {
  findLoad: findLoad(table),
  listLetters: listLetters(table),
  findLetter: findLetter(table),
  readLetters: readLetters(openBucket(env.DEAD_LETTERS_BUCKET)),
}

export const handler = serve(
  openGate(env, table),
  on(routes.listDeadLetters, createListDeadLetters(deps)),
  on(routes.showDeadLetter, createShowDeadLetter(deps)),
)
