import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Dataset } from '#core/dataset/dataset.ts'
import { identifier, stagingTable, targetTable } from './identifier.ts'

/** Milliseconds: a loader that waits longer for a lock gives up and comes again; a dead one must not hold a slot. */
const lockTimeout = 120_000
/** As long as a function may live: a COPY lasts as long as its rows take to come, whatever the database allows the statements of others. */
const longest = 900_000

/** Statements that make the loader's role, with no more rights than loading needs. */
export function grantLoaderSql(role: string, password: string, datasets: readonly Dataset[], slots: number): string[] {
  const name = identifier(role)
  return [
    `DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${pg.escapeLiteral(role)}) THEN CREATE ROLE ${name}; END IF; END $do$`,
    `ALTER ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${pg.escapeLiteral(scramVerifier(password))}`,
    `ALTER ROLE ${name} SET lock_timeout = ${lockTimeout}`,
    `ALTER ROLE ${name} SET idle_in_transaction_session_timeout = ${longest}`,
    `ALTER ROLE ${name} SET statement_timeout = ${longest}`,
    // Rows that Postgres refused are read back as text: to their last bit, whatever the database says.
    `ALTER ROLE ${name} SET extra_float_digits = 1`,
    `GRANT USAGE ON SCHEMA millrace, public TO ${name}`,
    `GRANT SELECT, INSERT, UPDATE ON millrace.ledger TO ${name}`,
    `GRANT SELECT, UPDATE ON millrace.staging_slot, millrace.lane TO ${name}`,
    ...datasets.flatMap((d) => [
      `GRANT SELECT, INSERT${d.onConflict === 'update' ? ', UPDATE' : ''} ON ${targetTable(d.name)} TO ${name}`,
      ...Array.from({ length: slots }, (_, slot) => `GRANT SELECT, INSERT, DELETE, TRUNCATE ON ${stagingTable(d.name, slot)} TO ${name}`),
    ]),
  ]
}

/** What Postgres itself would store for the password (RFC 5803): made here, so that the password is in no statement that a server may log. */
function scramVerifier(password: string): string {
  const iterations = 4096
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}
