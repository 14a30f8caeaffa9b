import { setTimeout as sleep } from 'node:timers/promises'
import { OutOfTimeError } from '#core/errors.ts'
import type { Connection } from './database.ts'
import { cancelTransaction } from './sql/cancel-transaction.ts'
import type { Transaction } from './sql/claim-chunk.ts'

/** Milliseconds for the server to be told, and to have rolled back. Longer is not waited for: the connection is then closed. */
const patience = 2000

type OnDatabase = <T>(work: (connection: Connection) => Promise<T>) => Promise<T>

/**
 * Does work in one transaction, and gives it up when its time is over: the statement under way is cancelled on the server, which would otherwise
 * go on with it, and keep its locks, when nobody waits for the answer any more. What was committed at the last moment is found in the ledger.
 * @param time milliseconds
 * @param work tells `begun` which transaction it is in
 * @throws OutOfTimeError
 */
export async function inTime<T>(
  onDatabase: OnDatabase,
  time: number,
  work: (db: Connection, begun: (transaction: Transaction) => void) => Promise<T>,
): Promise<T> {
  const error = new OutOfTimeError('the rows were not committed in the time there is')
  if (time <= 0) throw error
  let current: Transaction | undefined
  const timer = Promise.withResolvers<'over'>()
  const timeout = setTimeout(() => timer.resolve('over'), time)
  const open = new AbortController()
  const giveUp = async (working: Promise<unknown>): Promise<void> => {
    const cancel = current && onDatabase((db) => cancelTransaction(db, current!)).catch(() => undefined)
    await Promise.race([Promise.all([cancel, working.catch(() => undefined)]), sleep(patience, undefined, { signal: open.signal })])
  }
  try {
    return await onDatabase(async (db) => {
      const working = work(db, (transaction) => {
        current = transaction
      })
      const outcome = await Promise.race([working, timer.promise])
      if (outcome !== 'over') return outcome
      await giveUp(working)
      // Thrown while it may still be in use, the connection is closed.
      throw error
    })
  } finally {
    clearTimeout(timeout)
    open.abort()
  }
}
