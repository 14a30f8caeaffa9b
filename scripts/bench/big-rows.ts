import { join } from 'node:path'
import { bigint, jsonb, text } from '#core/columns/column.ts'
import { dataset } from '#core/dataset/dataset.ts'
import { writeLines } from './file-rows.ts'

export const bigRows = dataset('bench_big', {
  description: 'made up for the bench',
  columns: { id: bigint(), body: text({ nullable: true }), document: jsonb({ nullable: true }) },
  primaryKey: ['id'],
  onConflict: 'ignore',
})

const mebibyte = 1024 * 1024
/** Room for the keys around a value. */
const around = 256
const filler = (unit: string, bytes: number): string => unit.repeat(Math.floor(bytes / unit.length))

/** Just under 1 MiB each, in the ways that cost memory: plain, all escapes, letters beyond ASCII, a document of many small values; and some above. */
const kinds: readonly ((id: number) => string)[] = [
  (id) => `{"id":${id},"body":"${filler('plain text ', mebibyte - around)}","document":null}\n`,
  (id) => `{"id":${id},"body":"${filler('\\u00e9\\n', mebibyte - around)}","document":null}\n`,
  (id) => `{"id":${id},"body":"${filler('ночь', (mebibyte - around) / 2)}","document":null}\n`,
  (id) => `{"id":${id},"body":null,"document":[${filler('{"a":1},', mebibyte - around)}{}]}\n`,
  (id) => `{"id":${id},"body":null,"document":[${filler('1.5,', mebibyte - around)}0]}\n`,
  (id) => `{"id":${id},"body":"${filler('too long ', mebibyte + around)}","document":null}\n`,
]

/** How many of so many rows are larger than a row may be. */
export const tooLong = (rows: number): number => Math.floor(rows / kinds.length)

export const bigRowsFile = (rows: number, folder: string) =>
  writeLines(
    join(folder, 'big-rows.ndjson'),
    (function* () {
      for (let i = 0; i < rows; i++) yield kinds[i % kinds.length]!(i + 1)
    })(),
  )
