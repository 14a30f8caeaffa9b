import type { Dataset } from '#core/dataset/dataset.ts'

/**
 * Rows of one ordering key share a lane, and with it a partition key of the stream: Kinesis keeps them in one shard, in order, and Lambda hands
 * one partition key to one consumer at a time. Tenants are not kept apart: the dataset's table is where their rows meet.
 */
export const lanePartition = (dataset: string, lane: number): string => `${dataset}/${lane}`

/** Without an ordering key a chunk goes to whichever shard. */
export const freePartition = (load: string, chunk: number): string => `${load}/${chunk}`

/** Longest partition key of the two above, bytes: what it takes from the 1 MiB of a record. */
export const mostPartitionBytes = 64

/** The ordering column's place among a dataset's columns, and whether it is a numeric; undefined when rows have no order. */
export interface OrderingColumn {
  readonly place: number
  readonly numeric: boolean
}

export function orderingColumn({ columns, orderingKey }: Pick<Dataset, 'columns' | 'orderingKey'>): OrderingColumn | undefined {
  if (orderingKey === undefined) return undefined
  return { place: Object.keys(columns).indexOf(orderingKey), numeric: columns[orderingKey]!.type === 'numeric' }
}

/** In a binary numeric, where its scale as written stands: 1.5 and 1.50 differ there and nowhere else. */
const scaleAt = 6

/**
 * A hash of a value as binary COPY has it: every spelling of one value (`1.5`, `1.50`, `"1.5"`; a time in another zone) has one.
 * FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) with the last mixing step of MurmurHash3, for the low bits. It must never change
 * while records of the old lanes may still be in the stream.
 */
export function keyHash(bytes: Uint8Array, from: number, to: number, { numeric }: OrderingColumn): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) {
    const scale = numeric && (i === from + scaleAt || i === from + scaleAt + 1)
    hash = Math.imul(hash ^ (scale ? 0 : bytes[i]!), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

export const laneOf = (hash: number, lanes: number): number => hash % lanes
