import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What to do about an error of Postgres, by SQLSTATE: https://www.postgresql.org/docs/18/errcodes-appendix.html
 * `wait`: nothing is wrong with the data; try again. `reject`: a row is at fault; find it. `unfit`: the statement does not fit the table, its rights
 * or its definition, and will not until a person has mended it: never wait. `stop`: nobody can tell; the source tries a few times more, then a person looks.
 */
export type Verdict = 'wait' | 'reject' | 'unfit' | 'stop'

const byClass: Readonly<Record<string, Verdict>> = {
  '08': 'wait', // connection exception
  '09': 'reject', // triggered action exception
  '0A': 'unfit', // feature not supported: what the table is
  '0L': 'unfit', // invalid grantor
  '20': 'reject', // a trigger's CASE has no branch for the row
  '21': 'reject', // a trigger's subquery has more than one row
  '22': 'reject', // data exception
  '23': 'reject', // integrity constraint violation
  '28': 'wait', // invalid authorization: the password is being rotated, and the secret is read again
  '2B': 'unfit', // dependent privilege descriptors still exist
  '2F': 'reject', // SQL routine exception: a trigger
  '38': 'reject', // external routine exception: a trigger in another language
  '39': 'reject', // external routine invocation exception
  '3D': 'wait', // the database is not there: it is being restored or renamed
  '3F': 'unfit', // invalid schema name
  '40': 'wait', // transaction rollback: deadlock, serialization failure
  '42': 'unfit', // no such table, column or function, wrong type, missing right
  '44': 'reject', // WITH CHECK OPTION of a view that a trigger writes to
  '53': 'wait', // insufficient resources
  '54': 'reject', // program limit exceeded: a key too long for its index, a row too large for its page
  '55': 'unfit', // object not in prerequisite state: a publication without replica identity, a view that takes no rows
  '57': 'wait', // operator intervention: shutdown, failover
  '58': 'wait', // system error
  P0: 'reject', // raise_exception in a trigger
}
const byState: Readonly<Record<string, Verdict>> = {
  '08P01': 'unfit', // protocol violation: binary rows that the table's columns cannot be
  '22P04': 'unfit', // bad copy file format: another number of columns
  '25006': 'wait', // read-only transaction: the writer has moved
  '25P03': 'wait', // idle in transaction for too long
  '25P04': 'wait', // the transaction took too long
  '55006': 'wait', // object in use
  '55P03': 'wait', // lock not available
}
/** Errors of the socket, before Postgres could say anything. */
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Where in Postgres an error comes from when it is said of a row, whatever SQLSTATE it bears: RAISE in a trigger, which may borrow any code (pl_exec.c), and
 * a policy of row-level security, which has that of a missing right (execMain.c).
 */
const judges = new Set(['exec_stmt_raise', 'ExecWithCheckOptions'])

export function verdictOn(error: unknown): Verdict {
  if (!(error instanceof Error)) return 'stop'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Messages only of errors without a code, pg's own: those of Postgres quote what rows and triggers say.
  if (network.has(code) || (code === '' && /Connection terminated|timeout expired|not queryable/i.test(error.message))) return 'wait'
  if ('routine' in error && judges.has(String(error.routine))) return 'reject'
  return byState[code] ?? byClass[code.slice(0, 2)] ?? 'stop'
}

/** SQLSTATEs with which a server says that it is not there for anybody: it starts, ends, fails over, or has no connection left. */
const away = /^(08(?!P01)|28|3D|53|57P|58|25006)/

/** True when the database is away, and not when it has only refused or cut off a statement. A password that is being rotated counts. */
export function isOutage(error: unknown): boolean {
  if (verdictOn(error) !== 'wait') return false
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return code === '' || network.has(code) || away.test(code)
}

export const isDeadlock = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '40P01'

/** A lock that was not to be had in time: lock_not_available. */
export const isLocked = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '55P03'

/** A table that takes no COPY: it has row-level security. */
export const isUnsupported = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '0A000'

/** A key that is there already: unique_violation. */
export const isKeyTaken = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '23505'

export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly tries: number
  /** Longest first wait, milliseconds; doubles with each try, up to `longest`. */
  readonly base: number
  readonly longest?: number
  /** @param n tries so far */
  readonly retryable: (error: unknown, n: number) => boolean
  /** How time between two tries goes by; a port, so that hours of outages can be played. Left out: in real time. */
  readonly pause?: Pause | undefined
}

export type Pause = (milliseconds: number) => Promise<unknown>

/** Exponential backoff with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export async function retry<T>(
  work: () => Promise<T>,
  { tries, base, longest = Number.POSITIVE_INFINITY, retryable, pause = sleep }: RetryOptions,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await work()
    } catch (error) {
      if (n >= tries || !retryable(error, n)) throw error
      await pause(Math.random() * Math.min(longest, base * 2 ** (n - 1)))
    }
  }
}
