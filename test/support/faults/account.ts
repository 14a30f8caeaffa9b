/** A row as it was sent: `good`, or which of the two ways it must be refused. */
export interface SentRow {
  readonly stream: number
  readonly n: number
  readonly kind: 'good' | 'unreadable' | 'refused'
  /** True when a row of this key was sent before. */
  readonly repeated: boolean
}
export interface SentBatch {
  readonly dataset: string
  readonly rows: readonly SentRow[]
}

/** What a row is called here, by its text: CSV that begins with stream and n, or JSON whose members stand in any order. */
export function nameOfRow(dataset: string, text: string): string {
  const [, stream, n] = /^(\d+),(\d+),/.exec(text) ?? [text, /"stream":\s*(\d+)/.exec(text)?.[1], /"n":\s*(\d+)/.exec(text)?.[1]]
  return `${dataset}/${stream}/${n}`
}

/** Rows of one stream that must be in the table: as many, and these sums, which no other rows have by accident. */
interface Expected {
  rows: number
  sum: number
  squares: number
  last: number
}

/** What was accepted, and so what must be true in the end. */
export class Account {
  /** By dataset and stream. */
  readonly tables = new Map<string, Map<number, Expected>>()
  /** Rows that must be among the rejects, once each: `dataset/stream/n`. */
  readonly rejects = new Set<string>()
  /** Rows of policy `update` that Postgres refuses, if it gets to see them: a later row of the key in the same transaction takes their place. */
  readonly superseded = new Set<string>()
  /** By load: rows received, rows that must be rejected, and rows that may be. */
  readonly loads = new Map<string, { readonly received: number; readonly rejected: number; readonly doubtful: number }>()
  rows = 0

  accept(load: string, { dataset, rows }: SentBatch): void {
    if (this.loads.has(load)) return
    let [rejected, doubtful] = [0, 0]
    const streams = this.tables.get(dataset) ?? new Map<number, Expected>()
    this.tables.set(dataset, streams)
    for (const { stream, n, kind, repeated } of rows) {
      if (kind === 'good') {
        if (!repeated) expect(streams, stream, n)
        continue
      }
      const isDoubtful = kind === 'refused' && dataset === 'latest'
      if (isDoubtful) doubtful++
      else rejected++
      const among = isDoubtful ? this.superseded : this.rejects
      among.add(`${dataset}/${stream}/${n}`)
    }
    this.rows += rows.length
    this.loads.set(load, { received: rows.length, rejected, doubtful })
  }
}

function expect(streams: Map<number, Expected>, stream: number, n: number): void {
  const expected = streams.get(stream) ?? { rows: 0, sum: 0, squares: 0, last: 0 }
  streams.set(stream, expected)
  expected.rows++
  expected.sum += n
  expected.squares += n * n
  expected.last = Math.max(expected.last, n)
}
