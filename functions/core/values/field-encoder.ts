import type { Column } from '#core/columns/column.ts'
import type { CopyWriter } from './copy-writer.ts'
import { type Refusal, refuse } from './reject.ts'

/**
 * Writes one JSON value as one binary COPY field, or says why it cannot. Nothing is coerced: a string is never a number,
 * a number never text. This is the definition of what each column takes; `docs/types.md` shows it as a table.
 */
export type FieldEncoder = (value: unknown, out: CopyWriter) => Refusal | undefined
/** Microseconds since 2000-01-01, [from, to): the partitions that exist for a partitioned dataset. */
export interface TimeWindow {
  readonly from: number
  readonly to: number
}

export type EncoderOf = (name: string, column: Column, window?: TimeWindow) => FieldEncoder

export function wrongType(name: string, wanted: string, value: unknown): Refusal {
  const got = value === undefined ? 'nothing' : Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`
  return refuse('wrong-type', name, `${wanted} is needed, not ${got}`)
}

/** A value as it may stand in a message: short and on one line. */
export const quote = (value: string): string => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
