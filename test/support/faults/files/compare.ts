import type pg from 'pg'
import { copiedLines, difference } from '../copied-lines.ts'
import { copyFields, valueNames, valuesSelected } from '../value-texts.ts'
import type { FullRow } from './written.ts'

const columns = ['id', 'n', 'src', 'rev', ...valueNames]

/** Differences that are named; there may be thousands of one cause. */
const mostNamed = 5

/**
 * Holds every value of a table against what it must be, key by key, both sides streamed: memory does not grow with the
 * table.
 * @returns what differs, in words
 */
export async function differences(db: pg.Client, table: string, expected: Iterator<FullRow>): Promise<string[]> {
  const found: string[] = []
  let count = 0
  const differ = (what: string): void => void (++count <= mostNamed && found.push(`${table}: ${what}`))
  let wanted = expected.next()
  for await (const line of copiedLines(db, `SELECT id, n, src, rev, ${valuesSelected} FROM ${table} ORDER BY id`)) {
    if (!wanted.done && line === lineOf(wanted.value)) {
      wanted = expected.next()
      continue
    }
    const id = Number(line.slice(0, line.indexOf('\t')))
    for (; !wanted.done && wanted.value.id < id; wanted = expected.next()) differ(`row ${wanted.value.id} is lost`)
    if (wanted.done || wanted.value.id > id) differ(`row ${id} is there, and should not be`)
    else {
      const want = lineOf(wanted.value)
      if (want !== line) differ(`row ${id}: ${difference(columns, line, want)}`)
      wanted = expected.next()
    }
  }
  for (; !wanted.done; wanted = expected.next()) differ(`row ${wanted.value.id} is lost`)
  if (count > mostNamed) found.push(`${table}: ... and ${count - mostNamed} more`)
  return found
}

const lineOf = (row: FullRow): string => `${row.id}\t${row.n}\t${row.src}\t${row.rev}\t${copyFields(row)}`
