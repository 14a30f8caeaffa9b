import { LoadError, OutOfTimeError } from '#core/errors.ts'
import type { Waiting } from '#core/loads/waiting.ts'
import type { StreamRecord } from '#core/stream-record.ts'

/** What keeps a table from taking rows, whosever they are. */
export type Trouble = Pick<Waiting, 'code' | 'detail'>
/** With the first record that was not committed for it. */
export interface MetTrouble {
  readonly record: StreamRecord
  readonly trouble: Trouble
}

const ofTable = new Set<string>(['table-changed', 'table-missing', 'table-refused'])

export const slow: Trouble = {
  code: 'table-slow',
  detail: 'The table takes rows so slowly that they would hold up those of other datasets. They go in by themselves, fewer at a time.',
}

/** What is the table's trouble in an error, and nobody else's. That a lock was not had in time is one (SQLSTATE 55P03); that the database is away is none. */
function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof LoadError) {
    const { code, detail } = error.problem
    return ofTable.has(code) ? { code: code as Trouble['code'], detail } : undefined
  }
  if (error instanceof Error && 'code' in error && error.code === '55P03')
    return { code: 'table-locked', detail: `Somebody keeps the table locked: ${error.message}.` }
  return error instanceof OutOfTimeError ? slow : undefined
}

/** Tells the table's trouble from what makes a record come again. */
export class Troubles {
  first: MetTrouble | undefined
  /** True once something else went wrong: a record must come again, whatever trouble the table is in. */
  redelivers = false
  readonly #redeliver: (record: StreamRecord, error: unknown) => void

  constructor(redeliver: (record: StreamRecord, error: unknown) => void) {
    this.#redeliver = redeliver
  }

  readonly take = (record: StreamRecord, error: unknown): void => {
    const trouble = troubleOf(error)
    if (trouble && !this.first) this.first = { record, trouble }
    else {
      this.redelivers = true
      this.#redeliver(record, error)
    }
  }
}
