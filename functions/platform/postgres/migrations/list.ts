import { ignored } from './ignored.ts'
import { lanes } from './lanes.ts'
import { ledger } from './ledger.ts'
import { parts } from './parts.ts'
import { rejectSums } from './reject-sums.ts'
import { stagingSlots } from './staging-slots.ts'

/** In the order they are applied, once each, by name. */
export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  { name: '0001-ledger', sql: ledger },
  { name: '0002-reject-sums', sql: rejectSums },
  { name: '0003-lanes', sql: lanes },
  { name: '0004-parts', sql: parts },
  { name: '0005-ignored', sql: ignored },
  { name: '0006-staging-slots', sql: stagingSlots },
]
