import type { Line } from './figures.ts'
import { shapes } from './shapes.ts'

/** The side that needs a local AWS. */
export const endToEnd = 'end-to-end'

/** Every target of the load engine, and what is shown beside them. Sides are named in `sides.ts`. */
export const lines: readonly Line[] = [
  { key: 'ndjson-2', name: 'NDJSON, two workers ÷ psql \\copy', ours: 'ndjson-2', against: 'psql', target: 1.5 },
  { key: 'ndjson-1', name: 'NDJSON, one worker ÷ psql \\copy', ours: 'ndjson-1', against: 'psql', target: 1.1 },
  { key: 'limit-2', name: "NDJSON, two workers ÷ the server's limit, two connections", ours: 'ndjson-2', against: 'binary-2', target: 0.9 },
  { key: 'limit-1', name: "NDJSON, one worker ÷ the server's limit, one connection", ours: 'ndjson-1', against: 'binary-1', target: 0.9 },
  { key: 'csv-2', name: 'CSV, two workers ÷ psql \\copy', ours: 'csv-2', against: 'psql', target: 1.4 },
  {
    key: 'duplicates-table',
    name: '1 % of the keys in the table already ÷ psql \\copy of clean data',
    ours: 'duplicates-table',
    against: 'psql',
    target: 0.7,
  },
  {
    key: 'duplicates-file',
    name: '1 % of the rows repeat a key of the file ÷ psql \\copy of clean data',
    ours: 'duplicates-file',
    against: 'psql',
    target: 0.7,
  },
  {
    key: 'again-ledger',
    name: 'the whole file again, chunks in the ledger ÷ psql \\copy',
    ours: 'again-ledger',
    against: 'psql',
    target: 50,
  },
  {
    key: 'again-new',
    name: 'the whole file again as a new load, all duplicates ÷ psql \\copy',
    ours: 'again-new',
    against: 'psql',
    target: 1.2,
  },
  { key: 'bad-rows', name: '0.1 % bad rows ÷ the clean run', ours: 'bad-rows', against: 'ndjson-2', target: 0.9 },
  {
    key: 'update',
    name: 'policy update, every row ÷ \\copy to staging + ON CONFLICT DO UPDATE',
    ours: 'update',
    against: 'update-by-hand',
    target: 1.3,
  },
  {
    key: 'general-1',
    name: 'escapes, non-ASCII, other key order in every row, one worker ÷ naive JSON.parse recipe',
    ours: 'general-1',
    against: 'naive',
    target: 2,
  },
  { key: 'general-2', name: 'the same, two workers', ours: 'general-2', against: 'naive', target: undefined },
  { key: 'memory-rows', name: 'peak memory of a worker, rows of 1 MiB', ours: 'rows-1mib', against: undefined, target: 256 },
  { key: 'memory-file', name: 'peak memory of a worker, a large file', ours: 'large-file', against: undefined, target: 256 },
  {
    key: 'stream-p50',
    name: 'one Kinesis invocation of 10 × 1,000 rows ÷ bare binary COPY and commit of them, p50',
    ours: 'invocations',
    against: undefined,
    calls: { percentile: 50, unit: 'ratio' },
    target: 1.5,
  },
  {
    key: 'stream-p99',
    name: 'the same, p99',
    ours: 'invocations',
    against: undefined,
    calls: { percentile: 99, unit: 'ratio' },
    target: 3,
  },
  ...[50, 99].map((percentile) => ({
    key: `stream-e2e-p${percentile}`,
    name: `a batch of 100 rows through the emulator, accepted to committed, p${percentile}`,
    ours: endToEnd,
    against: undefined,
    calls: { percentile, unit: 'ms' as const },
    target: undefined,
    onlyNamed: true,
  })),
  ...shapes.map(({ key, name }) => ({
    key,
    name: `${name}, two workers ÷ psql \\copy of the same`,
    ours: key,
    against: `${key}-psql`,
    target: undefined,
  })),
]
