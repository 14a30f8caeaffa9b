import type { Checkpoint, Position, Shard, ShardMark } from './ports.ts'
import type { Mapping } from './settings.ts'

/**
 * Marks for a mapping that begins. Page services-kinesis-parameters: StartingPosition. It is where the stream's shards of that moment begin;
 * LATEST means records that are put from now on, so it is kept as this moment: a restart before the first checkpoint loses nothing.
 */
export function firstMarks(shards: readonly Shard[], start: Mapping['startingPosition'], now: number): Checkpoint['shards'] {
  const reading = (position: Position): ShardMark => ({ state: 'reading', position })
  return Object.fromEntries(
    shards.map((shard): [string, ShardMark] => {
      if (start.at === 'trim-horizon') return [shard.id, reading({ from: 'trim-horizon' })]
      if (start.at === 'timestamp') return [shard.id, reading({ from: 'timestamp', at: start.time })]
      return [shard.id, shard.closed ? { state: 'finished' } : reading({ from: 'timestamp', at: now })]
    }),
  )
}

/** A shard that came by a split or merge is read from its first record: all of them are newer than the starting position. */
export const positionOfNew = (start: Mapping['startingPosition']): Position =>
  start.at === 'timestamp' ? { from: 'timestamp', at: start.time } : { from: 'trim-horizon' }

/**
 * Which shards may be read now. Kinesis Data Streams Developer Guide, "Complete the resharding action" (kinesis-using-sdk-java-after-resharding): read a
 * parent's records to the end before its children's, so that a key's records stay in order. Parents that left the stream are finished.
 * The Lambda guide only says that Lambda keeps order; that its pollers wait for the parents' last batch is assumed.
 */
export function readable(shards: readonly Shard[], marks: Checkpoint['shards']): readonly Shard[] {
  const listed = new Set(shards.map(({ id }) => id))
  const over = (id: string): boolean => marks[id]?.state === 'finished' || !listed.has(id)
  return shards.filter(({ id, parents }) => marks[id]?.state !== 'finished' && parents.every(over))
}
