import { readEnv } from '#core/env.ts'
import * as routes from '#core/routes/dead-letters.ts'
import { on, serve } from '#platform/api.ts'
import { openBucket } from '#platform/bucket.ts'
import { openGate } from '#platform/gate.ts'
import { readLetters } from '#platform/letter-objects.ts'
import { listLetters } from '#platform/letter-pages.ts'
import { findLetter } from '#platform/letters.ts'
import { findLoad } from '#platform/loads.ts'
import { openTable } from '#platform/table.ts'
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
