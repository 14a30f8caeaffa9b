import type { Pair } from './steps.ts'
import type { Event, Fault } from './trouble.ts'

/** Where the faults of batches stand in the list of steps. */
const pairs: Readonly<Record<Fault | Event, readonly [part: string, step: string, fault: string]>> = {
  'the database connection dies at a statement': ['load-records', 'statement', 'connection lost before'],
  'the database connection dies before a commit': ['load-records', 'commit', 'connection lost before'],
  'the database connection dies after a commit': ['load-records', 'commit', 'connection lost after'],
  'the consumer dies before it shows what it committed': ['load-records', 'project', 'dies before'],
  'the consumer dies before it ends a load': ['load-records', 'finish load', 'dies before'],
  'the projection fails': ['load-records', 'project', 'fails'],
  'a record cannot be set aside': ['load-records', 'set aside', 'fails'],
  'the rejects cannot be stored': ['load-records', 'store rejects', 'fails'],
  'the stream takes a part of the records': ['door', 'send', 'takes a part'],
  'the stream takes records and does not say so': ['door', 'send', 'answer lost'],
  'the door dies before it sends': ['door', 'send', 'dies before'],
  'the door dies after it sent': ['door', 'send', 'dies after'],
  'the stream does not answer': ['door', 'send', 'fails'],
  'the time of the door is over': ['door', 'send', 'out of time'],
  'the load item cannot be written': ['door', 'write load', 'fails'],
  'the load item is written, and the answer lost': ['door', 'write load', 'answer lost'],
  'the answer is lost, and the batch sent again': ['client', 'send', 'answer lost'],
  'the batch is sent twice at once': ['client', 'send', 'twice at once'],
  'the database is away for a time': ['load-records', 'database', 'database away'],
  'the consumer dies before it counts what it parked': ['load-records', 'count parked', 'dies before'],
  'the consumer dies before it sends for a drainer': ['load-records', 'wake drainer', 'dies before'],
  'the drainer dies before it lets go of what it committed': ['drain-parked', 'remove object', 'dies before'],
  'the drainer dies before it takes the mark away': ['drain-parked', 'close mark', 'dies before'],
  'the drainer dies before it sends for the next': ['drain-parked', 'send again', 'dies before'],
  'a table is altered for a time': ['table', 'records', 'altered'],
  'a table is renamed for a time': ['table', 'records', 'renamed'],
  'a table is locked for a time': ['table', 'records', 'locked'],
  'a table is slow for a time': ['table', 'records', 'slow'],
  'the clock of a function is ahead': ['clock', 'of a function', 'ahead'],
  'the clock of a function is behind': ['clock', 'of a function', 'behind'],
  'a shard is split': ['stream', 'shard', 'split'],
  'two shards are merged': ['stream', 'shard', 'merged'],
  'the event source is killed': ['stream', 'event source', 'killed'],
  'a record that is no envelope is put into the stream': ['stream', 'record', 'no envelope'],
  'an envelope of another version is put into the stream': ['stream', 'record', 'another version'],
  'a record is put into the stream a second time': ['stream', 'record', 'twice'],
}

export function pairOf(what: Fault | Event): Pair {
  const [part, step, fault] = pairs[what]
  return { part, step, fault }
}
export const batchFaults = Object.keys(pairs) as (Fault | Event)[]
