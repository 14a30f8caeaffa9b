import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { ProblemCode } from '#core/problems.ts'
import { verdictOn } from './retry.ts'
import { targetTable } from './sql/identifier.ts'

/** Problems of a table: they concern every chunk of its dataset, and end when a person mends the table. */
const ofTable: ReadonlySet<ProblemCode> = new Set(['table-changed', 'table-missing', 'table-refused'])

export const isOfTable = (error: unknown): error is LoadError => error instanceof LoadError && ofTable.has(error.problem.code)

/**
 * The problem with which a transaction ends that no waiting would mend; undefined when waiting may, or nobody knows.
 * `chunk-refused` is about what the chunk has, the others are about the table.
 */
export function endOf(error: unknown, { name }: Dataset): LoadError | undefined {
  if (error instanceof LoadError) return error
  const verdict = verdictOn(error)
  if (verdict !== 'reject' && verdict !== 'unfit') return undefined
  const { code, message } = error as Error & { code: string }
  const said = `Postgres says, with SQLSTATE ${code}: ${message}.`
  if (verdict === 'reject') return new LoadError('chunk-refused', `Postgres takes none of the chunk. ${said}`, { cause: error })
  const table = targetTable(name)
  if (code === '42P01' && message.includes(`relation "public.${name}" does not exist`))
    return new LoadError(
      'table-missing',
      `The table ${table} is not there: it was renamed or dropped. No row was sent. Bring it back, or deploy to make it anew; then replay the load.`,
      { cause: error },
    )
  return new LoadError(
    'table-refused',
    `Postgres does not take rows into ${table}, and waiting would not change that. ${said} No row was stored. Mend the table, its rights or what its triggers use; then replay the load.`,
    { cause: error },
  )
}
