import type { DeadLetterAnswer } from '../../../functions/core/contract.ts'
import { bytes, count, moment, table } from './figures.ts'

export function printDeadLetters(letters: readonly DeadLetterAnswer[]): string {
  if (letters.length === 0) return 'Nothing is set aside.\n'
  const head = ['LOAD', 'DATASET', 'CHUNK', 'ROWS', 'SIZE', 'ACCEPTED', 'REASON', 'STATE']
  const rows = letters.map((l) => [
    l.load,
    l.dataset,
    String(l.chunk),
    count(l.rows),
    bytes(l.bytes),
    moment(l.acceptedAt),
    l.reason,
    l.state === 'dead' ? 'dead' : `sent again ${moment(l.sentAgainAt ?? l.notedAt)}`,
  ])
  return `${table([head, ...rows], new Set([2, 3, 4]))}\n`
}
