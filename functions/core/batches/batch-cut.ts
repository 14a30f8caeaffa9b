import { crc32 as crc32Of } from 'node:zlib'
import { RequestError } from '#core/errors.ts'
import { crc32ToHex } from '#core/loads/crc32.ts'
import type { BatchLoad } from '#core/loads/load.ts'
import { type CsvDialect, standardCsv } from '#core/rows/csv-dialect.ts'
import type { BatchRows } from './batch-rows.ts'
import type { BatchText } from './batch-text.ts'
import { type EnvelopeHeader, encodeEnvelope } from './envelope.ts'
import { freePartition, laneOf, lanePartition, mostPartitionBytes } from './lane.ts'
import type { Places } from './places.ts'

/** What the chunks of a batch take from their load. */
type CutFor = Pick<BatchLoad, 'id' | 'tenant' | 'dataset' | 'traceparent' | 'createdAt' | 'ttl' | 'lanes'>

/** One record of the stream. */
export interface BatchRecord {
  readonly chunk: number
  readonly partitionKey: string
  readonly data: Buffer
}

export interface CutBatch {
  readonly records: readonly BatchRecord[]
  /** Bytes of all texts, and the CRC32 of them one after the other: what the chunks will have read. */
  readonly size: number
  readonly crc32: string
  /** Of CSV: how the envelopes have it. */
  readonly csv: CsvDialect | undefined
}

/** Text of a chunk, bytes: a record of some 200 KB when it is compressed, and always one below 1 MiB. */
const mostTextBytes = 1_000_000
/** Rows of a chunk: bounds what the places of scattered rows may need. */
const mostRows = 50_000
/** A record of Kinesis, its partition key included. */
const mostRecordBytes = 1024 * 1024
/** What an envelope grows by when it is sent again. */
const mostReplayBytes = 512
const [tab, newline, carriageReturn, space] = [9, 10, 13, 32]
/** The longest row of any dataset and its line ending, bytes: what stands behind it up to the next row are blank lines. */
const mostRowText = 1024 * 1024 + 2
/** What a splitter takes for a mark at the beginning of a text. */
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** Good rows that go into one chunk. */
interface Plan {
  readonly lane: number | undefined
  readonly rows: number[]
  bytes: number
}

/**
 * Cuts a batch into the records of the stream. Nothing but the rows and the load decides how: a request that comes again makes the same ones.
 *
 * Refused rows are cut out. They are counted by chunk 0, which has no rows and is there only when there are any; so all of the load's account
 * is in the ledger. With an ordering key each lane has chunks of its own.
 * @param textBytes of a chunk; a row that is longer is one by itself
 */
export function cutBatch(batch: BatchRows, load: CutFor, textBytes = mostTextBytes): CutBatch {
  const extents = extentsOf(batch)
  const plans = planChunks(batch, extents, load.lanes, textBytes)
  const csv = batch.columns && { ...(batch.form.csv ?? standardCsv), header: false, columns: batch.columns }
  const { received, refused, sums } = batch
  const offset = refused.length > 0 ? 1 : 0
  const records: BatchRecord[] = []
  // One after the other in the same memory: each is compressed before the next is gathered.
  const target = Buffer.allocUnsafe(plans.reduce((most, { bytes }) => Math.max(most, bytes + 1), 0))
  let [size, crc] = [0, 0]
  const add = (text: Text, rows: number, first: number, more: Pick<EnvelopeHeader, 'refused' | 'lane' | 'lanes'>): void => {
    const chunk = records.length
    const header: EnvelopeHeader = {
      tenant: load.tenant,
      dataset: load.dataset,
      load: load.id,
      chunk,
      last: chunk === plans.length + offset - 1,
      traceparent: load.traceparent,
      createdAt: load.createdAt,
      ttl: load.ttl,
      ...(csv ? { format: 'csv', csv } : { format: 'ndjson' }),
      start: size,
      size: text.bytes.length,
      crc32: crc32Of(text.bytes),
      rows,
      ...more,
    }
    const data = encodeEnvelope({ header, text: text.bytes, places: text.places })
    if (data.length > mostRecordBytes - mostPartitionBytes - mostReplayBytes) throw tooLarge(first)
    const partitionKey = more.lane === undefined ? freePartition(load.id, chunk) : lanePartition(load.dataset, more.lane)
    records.push({ chunk, partitionKey, data })
    crc = crc32Of(text.bytes, crc)
    size += text.bytes.length
  }

  if (received === 0) throw new Error('a batch without rows has nothing to be cut')
  if (offset === 1) add(nothing, 0, 0, { refused: { rows: refused.length, sums } })
  for (const plan of plans) {
    const { lane } = plan
    add(
      gather(batch, extents, plan, target),
      plan.rows.length,
      batch.lines[plan.rows[0]!]!,
      lane === undefined ? {} : { lane, lanes: load.lanes! },
    )
  }
  return { records, size, crc32: crc32ToHex(crc), csv }
}

/** Only of a row of about 1 MiB: many shorter ones leave room. What is valid UTF-8 and no control characters is compressed to nine tenths or less. */
const tooLarge = (line: number): RequestError =>
  new RequestError(
    'body-too-large',
    `The row in line ${line} can hardly be compressed, and needs more than the 1 MiB that a record of the stream takes; send it in a file`,
  )

/** Deals the rows out, in their order; the chunks are numbered in the order of their first rows. */
function planChunks({ form, offsets, hashes }: BatchRows, { ends }: Extents, lanes: number | undefined, textBytes: number): Plan[] {
  const plans: Plan[] = []
  const open = new Map<number | undefined, Plan>()
  const lineEnd = form.format === 'json' ? 1 : 0
  for (const [row, from] of offsets.entries()) {
    const lane = lanes === undefined ? undefined : laneOf(hashes[row]!, lanes)
    const bytes = ends[row]! - from + lineEnd
    let plan = open.get(lane)
    if (!plan || plan.bytes + bytes > textBytes || plan.rows.length === mostRows) {
      plan = { lane, rows: [], bytes: 0 }
      plans.push(plan)
      open.set(lane, plan)
    }
    plan.rows.push(row)
    plan.bytes += bytes
  }
  return plans
}

/** How far each good row reaches. */
interface Extents {
  /** Of lines where the next row begins, blank lines included; of array elements their own end. */
  readonly ends: readonly number[]
  /** Lines up to there. */
  readonly lines: readonly number[]
}

function extentsOf({ form, text, offsets, lines, refused }: BatchRows): Extents {
  const [ends, spans]: [number[], number[]] = [[], []]
  let next = 0
  for (const [row, from] of offsets.entries()) {
    while (next < refused.length && refused[next]!.offset < from) next++
    const good = row + 1 < offsets.length ? { offset: offsets[row + 1]!, line: lines[row + 1]! } : undefined
    const bad = refused[next]
    const behind = good && bad ? (good.offset < bad.offset ? good : bad) : (good ?? bad)
    const end = behind?.offset ?? text.size
    const most = from + mostRowText
    ends.push(form.format === 'json' ? elementEnd(text, end) : Math.min(end, most))
    // Behind the last row of all nothing follows in any chunk.
    if (form.format === 'json') spans.push(1)
    else spans.push(end > most ? linesIn(text.slice(from, most)) : (behind?.line ?? lines[row]!) - lines[row]!)
  }
  return { ends, lines: spans }
}

/** Lines of a text whose last byte becomes a newline. */
function linesIn(text: Buffer): number {
  let lines = 1
  for (let at = text.indexOf(newline); at >= 0 && at < text.length - 1; at = text.indexOf(newline, at + 1)) lines++
  return lines
}

/** The end of the element before `behind`: what stands between is white space and the comma or bracket that ended it. */
function elementEnd(text: BatchText, behind: number): number {
  const mark = backOverSpace(text, behind) - 1
  return backOverSpace(text, mark)
}

function backOverSpace(text: BatchText, end: number): number {
  let at = end
  for (let c = text.byte(at - 1); c === space || c === newline || c === carriageReturn || c === tab; c = text.byte(at - 1)) at--
  return at
}

interface Text {
  readonly bytes: Buffer
  readonly places: Places
}
const nothing: Text = { bytes: Buffer.alloc(0), places: [] }

/** The text of a chunk, written to `target`: lines as they stand in the body; array elements on a line each. */
function gather({ form, text, lines, offsets }: BatchRows, extents: Extents, { rows }: Plan, target: Buffer): Text {
  const elements = form.format === 'json'
  const first = offsets[rows[0]!]!
  // A text that began with this mark would lose it: an empty line, which is no row, goes before it.
  const marked = !elements && text.slice(first, Math.min(first + 3, text.size)).equals(byteOrderMark)
  if (marked) target[0] = newline
  let [at, line] = marked ? [1, 2] : [0, 1]
  const places: Places[number][] = []
  for (const row of rows) {
    const [from, to] = [offsets[row]!, extents.ends[row]!]
    const run = { line, lineShift: lines[row]! - line, offsetShift: from - at }
    const before = places.at(-1)
    if (before?.lineShift !== run.lineShift || before.offsetShift !== run.offsetShift) places.push(run)
    text.copy(from, to, target, at)
    if (elements) endLine(target, at, at + to - from)
    // More blank lines than a record takes were left out: the last of those that stay must end.
    else if (to - from === mostRowText) target[at + to - from - 1] = newline
    at += to - from + (elements ? 1 : 0)
    line += extents.lines[row]!
  }
  return { bytes: target.subarray(0, at), places }
}

/** Makes a line of an array element. What is JSON has line breaks only between its tokens. */
function endLine(target: Buffer, from: number, to: number): void {
  const element = target.subarray(from, to)
  for (const lineBreak of [newline, carriageReturn])
    for (let at = element.indexOf(lineBreak); at >= 0; at = element.indexOf(lineBreak, at + 1)) element[at] = space
  target[to] = newline
}
