import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { StateDir } from './state-dir.ts'

/** A process we started. A pid alone may have been given to another process since. */
export interface ProcessId {
  readonly pid: number
  /** When it started, as the system tells it; only ever compared. */
  readonly started: string
}
export interface EmulatorRecord {
  /** Missing when it was stopped in order; the rest is kept for the next start. */
  readonly process?: ProcessId
  readonly port: number
  /** Whether it keeps what it stores over an orderly stop. */
  readonly persist: boolean
}
export interface PostgresRecord {
  /** Missing when it was stopped in order. */
  readonly process?: ProcessId
  readonly port: number
  readonly password: string
  /** Not always in the state dir: see postgres-home.ts. */
  readonly data: string
}

interface PumpRecord {
  /** Missing when it was stopped in order, or was never needed. */
  readonly process?: ProcessId
  readonly endpoint: string
}

/** What must be known to find, stop and start again what an earlier run started. */
export interface LocalRecord {
  readonly emulator?: EmulatorRecord
  readonly postgres?: PostgresRecord
  readonly pump?: PumpRecord
}

export function readRecord(dir: StateDir): LocalRecord {
  try {
    return JSON.parse(readFileSync(dir.record, 'utf8')) as LocalRecord
  } catch {
    return {} // never started here, or the file was cut short by a crash: what runs is then found by its traces
  }
}

/** Replaces the file in one step, so that a crash leaves the old one or the new one. */
export function updateRecord(dir: StateDir, change: LocalRecord): void {
  const next = `${dir.record}.${process.pid}`
  writeFileSync(next, `${JSON.stringify({ ...readRecord(dir), ...change }, null, 2)}\n`, { mode: 0o600 })
  renameSync(next, dir.record)
}
