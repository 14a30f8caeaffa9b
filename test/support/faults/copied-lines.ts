import type pg from 'pg'
import { to } from 'pg-copy-streams'

/** Lines of what a query gives, as COPY TO writes them: a row each, whatever its texts hold. */
export async function* copiedLines(db: pg.Client, query: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of db.query(to(`COPY (${query}) TO STDOUT`))) {
    const lines = (rest + decoder.decode(piece as Buffer, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

/** How a line differs from the one that is wanted, column by column. */
export function difference(columns: readonly string[], line: string, want: string): string {
  const [there, wanted] = [line.split('\t'), want.split('\t')]
  return columns.flatMap((name, i) => (there[i] === wanted[i] ? [] : [`${name} is ${there[i]}, not ${wanted[i]}`])).join('; ')
}
