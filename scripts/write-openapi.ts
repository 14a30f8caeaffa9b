import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from '#core/api/openapi.ts'
import { routes } from '#core/api/routes/all.ts'

/** Writes docs/openapi.json from the route table; a unit test fails when the two differ. */
const file = join(import.meta.dirname, '../docs/openapi.json')
writeFileSync(file, `${JSON.stringify(openApiDocument(routes), null, 2)}\n`)
console.log('Wrote docs/openapi.json')
