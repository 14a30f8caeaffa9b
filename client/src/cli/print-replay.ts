import type { DeadLetterAnswer, ReplayAnswer } from '../../../functions/core/api/replay-contract.ts'
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

export function printReplay({ loadId, state, would, reason, into, chunks, order }: ReplayAnswer): string {
  const facts: [string, string][] = [
    ['chunks', `${count(chunks.committed)} of ${chunks.planned === null ? 'as yet unknown' : count(chunks.planned)} committed`],
    ['missing', some(chunks.missing, chunks.missingCount)],
    ['set aside', some(chunks.dead, chunks.deadCount)],
  ]
  if (into) facts.unshift(['goes', `into ${into.dataset}, as load ${into.load}`])
  if (order) facts.push(['order', order.detail])
  for (const { chunk, rows, keys } of order?.older ?? [])
    facts.push(['', `chunk ${chunk}: ${count(rows)} rows, such as ${keys.join(', ')}`])
  if (order && order.first.length > 0)
    facts.push(['first', `older chunks of the same keys may be set aside too; replay these before: ${order.first.join(', ')}`])
  return `Load ${loadId}: ${state}. ${wouldWords[would]}\n\n  ${reason}\n\n${table(facts).replace(/^/gm, '  ')}\n\n${next(loadId, would, order, into)}`
}

const wouldWords: Readonly<Record<ReplayAnswer['would'], string>> = {
  plan: 'A replay loads the uploaded object.',
  send: 'A replay sends again what was set aside.',
  nothing: 'There is nothing to replay.',
}

const some = (named: readonly number[], all: number | null): string => {
  if (all === null) return 'not known yet'
  if (all === 0) return 'none'
  return `${count(all)} (${named.slice(0, 10).join(', ')}${all > 10 ? ', …' : ''})`
}

function next(load: string, would: ReplayAnswer['would'], order: ReplayAnswer['order'], into: ReplayAnswer['into']): string {
  if (would === 'nothing') return ''
  const older = order?.verdict === 'older-rows'
  return `Nothing was changed. To do it: millrace replay ${load} --yes${into ? ` --into ${into.dataset}` : ''}${older ? ' --allow-older-rows   (the newer rows are then lost)' : ''}\n`
}

/** What a range of the stream came to. */
export interface StretchSum {
  readonly dataset: string
  readonly from: string
  to: string
  readonly into: string | null
  chunks: number
  rows: number
  committed: number
  dead: number
  waiting: number
  /** Chunks that were sent again. */
  sent: number
  /** Loads that were made in the other dataset. */
  readonly loads: string[]
}

export function printStretch(sum: StretchSum, done: boolean): string {
  const { dataset, from, to, into, loads } = sum
  const facts: [string, string, string][] = [
    ['in the stream', count(sum.chunks), `chunks with ${count(sum.rows)} rows`],
    ['committed', count(sum.committed), 'are in the table'],
    ['set aside', count(sum.dead), 'see millrace dead-letters'],
    ['waiting', count(sum.waiting), 'are to be loaded, or were lost'],
  ]
  const target = into === null ? 'sent again' : `sent into ${into}`
  if (done) facts.push([target, count(into === null ? sum.sent : loads.length), into === null ? 'chunks' : 'batches'])
  const next = done
    ? ''
    : `\nNothing was changed. With --yes ${into === null ? 'what is not in the table is sent again' : `all of it is sent into ${into}`}.\n`
  return `${dataset}, ${moment(from)} to ${moment(to)}\n\n${table(facts, new Set([1])).replace(/^/gm, '  ')}\n${next}`
}
