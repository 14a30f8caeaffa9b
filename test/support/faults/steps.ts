/**
 * What can go wrong, step by step: the list that a run is planned from, and that its matrix is printed from. Parts,
 * their steps in the order in which
 * they are taken, and the faults of each.
 */

/** Asking a service of AWS. Before: nothing is done. After, or with the answer lost: it is done, and nobody knows. */
const read = ['dies before', 'fails'] as const
const write = ['dies before', 'dies after', 'fails', 'answer lost'] as const
/**
 * A statement on a real connection, whose socket is cut. Away: every connection is cut, and none is to be had for 1 s
 * to 10 min.
 */
const statement = ['dies before', 'connection lost before', 'connection lost after', 'database away'] as const
const lastStatement = [...statement, 'dies after'] as const
const message = ['twice', 'late', 'never'] as const

export const fileSteps = {
  'plan queue': { message, delivery: ['dies every time'] },
  'plan-load': {
    'read load': read,
    'find object': read,
    'read object': ['dies before', 'fails', 'cut off'],
    'start load': write,
    'reopen load': write,
    'send chunks': [...write, 'takes a part'],
    'delete message': ['dies before'],
  },
  'chunk queue': { message, delivery: ['twice at once', 'dies every time'] },
  'load-chunk': {
    'read load': read,
    'ask breaker': ['fails'],
    connect: ['dies before', 'database away'],
    'read ledger': statement,
    begin: statement,
    claim: statement,
    'open copy': ['dies before', 'connection lost before', 'database away'],
    'read object': ['dies before', 'fails', 'cut off'],
    'rows sent': ['dies before', 'connection lost before', 'database away'],
    'take staging': statement,
    merge: statement,
    'store rejects': write,
    account: statement,
    commit: lastStatement,
    project: write,
    'finish load': write,
    'note edges': write,
    'read edges': read,
    'send chunks': [...write, 'takes a part'],
    'note waiting': write,
    'fail load': write,
    'hide message': ['fails'],
    'delete message': ['dies before'],
  },
  table: { load: ['altered', 'altered during copy', 'renamed', 'locked', 'slow'] },
  clock: { 'of a function': ['ahead', 'behind'] },
  'dead letters': { message: ['twice', 'late'] },
  'end-load': { 'read load': read, 'look for chunk': read, 'fail load': write, 'delete message': ['dies before'] },
} as const

export const batchSteps = {
  client: { send: ['twice at once', 'answer lost'] },
  door: {
    'write load': ['fails', 'answer lost'],
    send: ['dies before', 'dies after', 'fails', 'answer lost', 'takes a part', 'out of time'],
  },
  stream: { shard: ['split', 'merged'], record: ['no envelope', 'another version', 'twice'], 'event source': ['killed'] },
  'load-records': {
    statement: ['connection lost before'],
    commit: ['connection lost before', 'connection lost after'],
    'store rejects': ['fails'],
    'set aside': ['fails'],
    project: ['dies before', 'fails'],
    'finish load': ['dies before'],
    'count parked': ['dies before'],
    'wake drainer': ['dies before'],
    database: ['database away'],
  },
  'drain-parked': { 'remove object': ['dies before'], 'close mark': ['dies before'], 'send again': ['dies before'] },
  table: { records: ['altered', 'renamed', 'locked', 'slow'] },
  clock: { 'of a function': ['ahead', 'behind'] },
} as const

type Steps = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** One fault at one step of one part. */
export interface Pair {
  readonly part: string
  readonly step: string
  readonly fault: string
}
export const pairsOf = (steps: Steps): Pair[] =>
  Object.entries(steps).flatMap(([part, its]) =>
    Object.entries(its).flatMap(([step, faults]) => faults.map((fault) => ({ part, step, fault }))),
  )
export const nameOf = ({ part, step, fault }: Pair): string => `${part} · ${step} · ${fault}`

const dies = { part: 'chunk queue', step: 'delivery', fault: 'dies every time' }
/** Steps that a run comes to only after another fault. */
const needs: Readonly<Record<string, Pair>> = {
  'dead letters': dies,
  'end-load': dies,
  'plan-load · reopen load': dies,
  'load-chunk · fail load': { part: 'table', step: 'load', fault: 'altered' },
  'load-chunk · note waiting': { part: 'load-chunk', step: 'begin', fault: 'database away' },
}
/** The fault that must come first for a pair to be met at all. */
export const neededFor = ({ part, step }: Pair): Pair | undefined => needs[part] ?? needs[`${part} · ${step}`]
