import { createHash } from 'node:crypto'
import type { Clock, Page, Shard, Source, StreamRecord } from '../../localstack/event-source/ports.ts'

/** A Kinesis stream in memory: hash ranges, splits and merges, retention, pages, and sequence numbers that grow over the whole stream. */
export interface ModelStream extends Source {
  put(partitionKey: string, data: string | Uint8Array): string
  split(shard: string): void
  merge(shard: string, other: string): void
  readonly openShards: readonly string[]
}

interface Stored extends Shard {
  closed: boolean
  readonly from: bigint
  readonly to: bigint
  readonly records: StreamRecord[]
}

export interface ModelOptions {
  readonly shards?: number
  readonly pageSize?: number
  readonly retentionMs?: number
  /** Called before every request; what it throws, the request throws. */
  readonly fault?: (request: 'list' | 'read') => void
}

const space = 1n << 128n
const hashOf = (key: string): bigint => BigInt(`0x${createHash('md5').update(key).digest('hex')}`)

export function createModelStream(clock: Clock, options: ModelOptions = {}): ModelStream {
  const { shards: count = 1, pageSize = 10_000, retentionMs = Number.POSITIVE_INFINITY, fault = () => {} } = options
  const shards: Stored[] = []
  let next = 0

  function add(from: bigint, to: bigint, parents: readonly string[]): void {
    shards.push({ id: `shardId-${String(shards.length).padStart(12, '0')}`, parents, closed: false, from, to, records: [] })
  }
  const size = space / BigInt(count)
  for (let i = 0n; i < BigInt(count); i++) add(i * size, i + 1n === BigInt(count) ? space : (i + 1n) * size, [])

  const open = (id: string): Stored => {
    const found = shards.find((shard) => shard.id === id && !shard.closed)
    if (!found) throw new Error(`${id} is not an open shard`)
    return found
  }
  return {
    get openShards() {
      return shards.filter(({ closed }) => !closed).map(({ id }) => id)
    },
    put(partitionKey, data) {
      const hash = hashOf(partitionKey)
      const shard = shards.find(({ closed, from, to }) => !closed && from <= hash && hash < to)
      if (!shard) throw new Error('no shard takes this key')
      const sequenceNumber = `4959${String(next++).padStart(12, '0')}`
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      shard.records.push({ sequenceNumber, partitionKey, data: bytes, arrivedAt: clock.now() })
      return sequenceNumber
    },
    split(id) {
      const shard = open(id)
      if (shard.to - shard.from < 2n) return
      shard.closed = true
      const middle = (shard.from + shard.to) / 2n
      add(shard.from, middle, [id])
      add(middle, shard.to, [id])
    },
    merge(id, other) {
      const [a, b] = [open(id), open(other)].sort((x, y) => (x.from < y.from ? -1 : 1))
      if (!a || !b || a.to !== b.from) return
      a.closed = true
      b.closed = true
      add(a.from, b.to, [a.id, b.id])
    },
    async listShards() {
      fault('list')
      return shards.map(({ id, parents, closed }) => ({ id, parents, closed }))
    },
    open(id, position) {
      const shard = shards.find((one) => one.id === id)
      if (!shard) throw new Error(`${id} is not a shard`)
      const { records } = shard
      let at = 0
      if (position.from === 'after') at = records.findIndex(({ sequenceNumber }) => sequenceNumber > position.sequenceNumber)
      if (position.from === 'timestamp') at = records.findIndex(({ arrivedAt }) => arrivedAt >= position.at)
      if (at < 0) at = records.length
      return {
        async read(): Promise<Page> {
          fault('read')
          const page = records.slice(at, at + pageSize).filter(({ arrivedAt }) => arrivedAt > clock.now() - retentionMs)
          at = Math.min(at + pageSize, records.length)
          const behind = at < records.length
          return { records: page, behind, ended: shard.closed && !behind }
        },
      }
    },
  }
}
