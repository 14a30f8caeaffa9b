import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import { answerOrders } from './answering.ts'
import { csvLine } from './csv-text.ts'
import { linesOf } from './file-rows.ts'

/** One COPY over one connection: of bytes as they stand in a file, or of NDJSON by the recipe that everybody writes first. */
export interface CopyOrder {
  readonly sql: string
  readonly path: string
  /** `bytes`: as they are. `naive`: parsed with JSON.parse, written again as CSV in the order of these columns. */
  readonly recipe: 'bytes' | readonly string[]
}

const client = new pg.Client({ connectionString: process.argv[2]! })
await client.connect()

answerOrders(async ({ sql, path, recipe }: CopyOrder): Promise<void> => {
  const rows = recipe === 'bytes' ? createReadStream(path, { highWaterMark: 64 * 1024 }) : Readable.from(naive(path, recipe))
  await pipeline(rows, client.query(from(sql)))
})

async function* naive(path: string, columns: readonly string[]): AsyncGenerator<string> {
  for await (const line of linesOf(path)) {
    const row = JSON.parse(line) as Record<string, unknown>
    yield csvLine(columns.map((name) => row[name]))
  }
}
