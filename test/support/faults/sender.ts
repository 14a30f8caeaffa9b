import { crc32 } from 'node:zlib'
import { below, type Random } from '../random.ts'
import type { SentBatch, SentRow } from './account.ts'
import { csvFields, jsonMembers, valueNames } from './value-texts.ts'
import { type Values, valuesOf } from './values.ts'

export interface Batch extends SentBatch {
  readonly key: string
  readonly contentType: 'application/x-ndjson' | 'application/json' | 'text/csv'
  readonly body: Buffer
}

export interface SenderOptions {
  readonly number: number
  readonly senders: number
  /** Streams of each sender and dataset. */
  readonly streams: number
  /** Rows of an average batch. */
  readonly batchRows: number
  /** Shares of rows. */
  readonly unreadable: number
  readonly refused: number
  readonly repeated: number
}

/** Makes up one sender's batches. Streams belong to one sender, which numbers their rows as it sends them. */
export function createSender(random: Random, options: SenderOptions): { next(most: number): Batch } {
  /** Of each stream, the number given last, and the last of a good row. */
  const counters = new Map<string, number>()
  const good = new Map<string, number>()
  let batches = 0

  function row(dataset: string): SentRow {
    const stream = options.number + options.senders * below(random, options.streams)
    const counter = `${dataset}/${stream}`
    const known = good.get(counter)
    if (dataset !== 'latest' && known !== undefined && random() < options.repeated)
      return { stream, n: known, kind: 'good', repeated: true }
    const n = (counters.get(counter) ?? 0) + 1
    counters.set(counter, n)
    const pick = random()
    const kind = pick < options.unreadable ? 'unreadable' : pick < options.unreadable + options.refused ? 'refused' : 'good'
    if (kind === 'good') good.set(counter, n)
    return { stream, n, kind, repeated: false }
  }

  return {
    next(most) {
      const dataset = ['journal', 'journal', 'loose', 'latest'][below(random, 4)]!
      const count = Math.max(1, Math.min(most, 1 + below(random, 2 * options.batchRows - 1)))
      const rows = Array.from({ length: count }, () => row(dataset))
      const format = random()
      const contentType = format < 0.8 ? 'application/x-ndjson' : format < 0.9 ? 'text/csv' : 'application/json'
      return { dataset, rows, key: `sender ${options.number}, batch ${batches++}`, contentType, body: written(dataset, rows, contentType) }
    },
  }
}

export const valueText = ({ kind, n }: SentRow): number | string => (kind === 'good' ? n % 1000 : kind === 'refused' ? -1 : 'none')

function written(dataset: string, rows: readonly SentRow[], contentType: Batch['contentType']): Buffer {
  if (contentType === 'text/csv') {
    const lines = rows.map((row) => `${row.stream},${row.n},${valueText(row)},${csvFields(batchValues(dataset, row))}\n`)
    return Buffer.from(`stream,n,value,${valueNames.join(',')}\n${lines.join('')}`)
  }
  const objects = rows.map((row) => {
    const { stream, n, kind } = row
    const value = kind === 'unreadable' ? '"none"' : valueText(row)
    return `{"stream":${stream},"n":${n},"value":${value},${jsonMembers(batchValues(dataset, row), n)}}`
  })
  return Buffer.from(contentType === 'application/json' ? `[\n${objects.join(',\n')}\n]` : `${objects.join('\n')}\n`)
}

/** What else a row has: the same row, the same values, however often it is sent. */
export const batchValues = (dataset: string, { stream, n }: Pick<SentRow, 'stream' | 'n'>): Values => valuesOf(crc32(dataset), stream, n)
