import type { MaxRejects } from '#core/dataset/max-rejects.ts'
import { LoadError } from '#core/errors.ts'
import type { Problem } from '#core/problems.ts'
import type { Refusal } from '#core/values/reject.ts'

/** A share is judged from this many rows on: of a hundred rows, one is always a percent. */
const judgedFrom = 1000

/** Whether rows that were received so far have more rejects among them than the load takes. */
export function tooMany(max: MaxRejects, { received, rejected }: { received: number; rejected: number }): boolean {
  if (typeof max === 'number') return rejected > max
  // In whole numbers: 0.57 * 100 is a little less than 57.
  return received >= judgedFrom && rejected * 1_000_000 > received * Math.round(Number.parseFloat(max) * 10_000)
}

interface Sums {
  readonly received: number
  readonly rejected: number
}

/** What ends a load whose committed chunks have more rejects than it takes. */
export function rejectsFault(max: MaxRejects, { received, rejected }: Sums): LoadError | undefined {
  if (!tooMany(max, { received, rejected })) return undefined
  return new LoadError(
    'too-many-rejects',
    `${count(rejected)} of ${count(received)} rows were rejected, and the load takes ${atMost(max)}.`,
  )
}

/** @throws LoadError too-many-rejects */
export function demandFewRejects(max: MaxRejects, sums: Sums): void {
  const fault = rejectsFault(max, sums)
  if (fault) throw fault
}

/** A rejected row with the byte offset at which it begins. */
export interface PlacedRefusal {
  readonly refusal: Refusal
  readonly offset: number
}

/** A chunk whose own rejects are too many: its rows are taken back, and its first rejects stand in the problem. */
export function givenUp(max: number, chunk: number, first: readonly PlacedRefusal[]): LoadError {
  const detail = `Chunk ${chunk} was given up: more than ${count(max)} of its rows were rejected, and the load takes ${atMost(max)}. Nothing of that chunk is loaded, and its rejects are not kept but for the first ${first.length}.`
  const errors = first.map(({ refusal, offset }) => ({
    pointer: `/offset/${offset}`,
    detail: `${refusal.column === null ? '' : `column "${refusal.column}": `}${refusal.message.slice(0, 200)} (${refusal.code})`,
  }))
  return new LoadError('too-many-rejects', detail, { errors })
}

interface Stopped {
  readonly problem?: Problem
  readonly planned?: number
  readonly committed: number
  readonly size: number
  readonly bytesRead: number
  readonly loaded: number
  readonly updated: number
  readonly duplicate: number
}

/** The problem of a load with what was and was not loaded: chunks that were under way when it was stopped may still have been committed. */
export function problemOf(load: Stopped): Problem | null {
  const { problem } = load
  if (problem?.code !== 'too-many-rejects') return problem ?? null
  const chunks = `${count(load.committed)} of ${load.planned === undefined ? 'its' : count(load.planned)} chunks`
  const rows = `${count(load.loaded)} rows loaded, ${count(load.updated)} updated and ${count(load.duplicate)} duplicate`
  const unread = `${count(load.size - load.bytesRead)} of ${count(load.size)} bytes are in chunks that were not committed: nothing of them is loaded`
  return { ...problem, detail: `${problem.detail} Committed are ${chunks}, with ${rows}; ${unread}.` }
}

const atMost = (max: MaxRejects): string => `${typeof max === 'number' ? count(max) : max} at most`
const count = (n: number): string => n.toLocaleString('en-US')
