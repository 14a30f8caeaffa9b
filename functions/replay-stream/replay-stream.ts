import type { Action } from '#core/api/call.ts'
import { decodeCursor, encodeCursor } from '#core/api/cursor.ts'
import { permittedDataset } from '#core/api/permission.ts'
import type { StreamChunk, StreamPage } from '#core/api/replay-contract.ts'
import type * as routes from '#core/api/routes/replays.ts'
import type { BatchRecord } from '#core/batches/batch-cut.ts'
import { type DeadRecord, headerOf } from '#core/batches/dead-letter.ts'
import { decodeEnvelope, type EnvelopeHeader, replayed } from '#core/batches/envelope.ts'
import { orderMatters } from '#core/batches/order.ts'
import type { StreamRange, StreamRangePosition, StreamRangeStep } from '#core/batches/stream-range.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import type { BatchLoad, Load } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'

interface Deps {
  readonly datasets: ReadonlyMap<string, Dataset>
  readonly readStreamRange: (range: StreamRange) => AsyncIterable<StreamRangeStep>
  readonly statesOf: (chunks: readonly { load: string; chunk: number }[]) => Promise<readonly StreamChunk['state'][]>
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  /** failed → loading, or receiving when not all of its records were sent yet. */
  readonly reopenBatch: (load: BatchLoad, allSent: boolean) => Promise<LoadState | undefined>
  /** Sends records, those of one partition key one after the other. @returns the `chunk` of those that were acknowledged */
  readonly sendRecords: (records: readonly BatchRecord[], timeLeft: () => number) => Promise<ReadonlySet<number>>
  readonly now: () => number
}

/** Longest that is read for one page, and what is kept of the time to answer, milliseconds. The rest is for sending. */
const [readMilliseconds, answerTime] = [10_000, 3000]
/** Chunks of a page, their bytes in the stream, and their bytes as text: an answer of Lambda holds 6 MB. */
const [mostChunks, mostBytes, mostText] = [500, 16 * 1024 * 1024, 2 * 1024 * 1024]

interface Found {
  readonly header: EnvelopeHeader
  readonly record: DeadRecord
}

/**
 * Goes through a range of the stream and sends again what of the tenant's chunks is in no table. What is committed is passed over; what is still
 * waiting to be loaded may be sent twice, which the ledger makes harmless. Where the last row of a key wins, each carries the place that it
 * had, and load-records keeps it from going over newer rows.
 */
export const createReplayStream = (deps: Deps): Action<typeof routes.replayStream> =>
  async function replayStream({ identity, params, body, timeLeft }) {
    const dataset = permittedDataset(deps.datasets, identity, params.dataset)
    const [from, to] = [Date.parse(body.from), body.to === undefined ? deps.now() : Date.parse(body.to)]
    if (from >= to || to > deps.now()) throw wrongStretch
    const scope = ['stream', identity.tenant, dataset.name, String(from), String(to)]
    const cursor = decodeCursor(scope, body.cursor)
    const after = cursor === undefined ? undefined : (JSON.parse(cursor) as StreamRangePosition)
    const { found, next } = await gather(deps, { from, to, after }, identity.tenant, dataset.name, body.texts)
    const states = await deps.statesOf(found.map(({ header }) => header))
    const missing = found.filter((_, i) => states[i] !== 'committed')
    const sent =
      body.dryRun || missing.length === 0 ? 0 : await send(deps, dataset, missing, body.allowOlderRows, () => timeLeft() - answerTime)
    const json: StreamPage = {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      items: found.map((one, i) => chunkOf(one, states[i]!, body.texts)),
      sent,
      next: next === undefined ? null : encodeCursor(scope, JSON.stringify(next)),
    }
    return { status: 200, json }
  }

const wrongStretch = new RequestError('invalid-request', '"from" must be before "to", and "to" not in the future', {
  errors: [{ pointer: '/from', detail: 'must be before "to"' }],
})

/** Until the time, or a page, is full. */
async function gather(
  { readStreamRange, now }: Deps,
  range: StreamRange,
  tenant: string,
  dataset: string,
  texts: boolean,
): Promise<{ found: Found[]; next: StreamRangePosition | undefined }> {
  const found: Found[] = []
  const end = now() + readMilliseconds
  let [bytes, text] = [0, 0]
  for await (const { position, record } of readStreamRange(range)) {
    const header = record && headerOf(record.data)
    if (record && header && !('why' in header) && header.tenant === tenant && header.dataset === dataset) {
      found.push({ header, record })
      bytes += record.data.length
      text += texts ? header.size : 0
    }
    if (now() > end || found.length >= mostChunks || bytes >= mostBytes || text >= mostText) return { found, next: position }
  }
  return { found, next: undefined }
}

/** First the states of their loads: what is sent may be committed at once. @returns how many were sent */
async function send(
  deps: Deps,
  dataset: Dataset,
  missing: readonly Found[],
  allowOlderRows: boolean,
  timeLeft: () => number,
): Promise<number> {
  const known = new Map<string, boolean>()
  for (const { header } of missing) if (!known.has(header.load)) known.set(header.load, await opened(deps, header))
  const records = missing.flatMap(({ header, record }, chunk) =>
    known.get(header.load) ? [{ chunk, partitionKey: record.partitionKey, data: placed(dataset, header, record, allowOlderRows) }] : [],
  )
  const acknowledged = await deps.sendRecords(records, timeLeft)
  if (acknowledged.size === records.length) return records.length
  const detail = `The stream took ${acknowledged.size} of ${records.length} chunks; send the same request again`
  throw new RequestError('stream-unavailable', detail, { retryAfter: 2 })
}

/** False when there is no such load any more: nobody could be told what became of its rows. */
async function opened({ findLoad, reopenBatch }: Deps, { tenant, load: id }: EnvelopeHeader): Promise<boolean> {
  const load = await findLoad(tenant, id)
  if (load?.door !== 'batch') return false
  if (load.state === 'failed') await reopenBatch(load, false)
  return true
}

/** One that was sent again before keeps its first place. */
function placed(dataset: Dataset, { replay }: EnvelopeHeader, record: DeadRecord, allowOlderRows: boolean): Buffer {
  const { sequenceNumber, arrivedAt, data } = record
  if (!orderMatters(dataset)) return data
  return replayed(data, { position: replay?.position ?? sequenceNumber, arrivedAt: replay?.arrivedAt ?? arrivedAt, allowOlderRows })
}

function chunkOf({ header, record }: Found, state: StreamChunk['state'], texts: boolean): StreamChunk {
  const { load, chunk, rows, format } = header
  const { data, arrivedAt } = record
  return { load, chunk, state, rows, bytes: data.length, acceptedAt: arrivedAt, format, ...(texts ? { text: textOf(data) } : {}) }
}

/** As it can be sent as a batch: CSV gets its header back. Null when it cannot be read. */
function textOf(data: Buffer): string | null {
  try {
    const { header, text } = decodeEnvelope(data)
    const columns = header.csv?.columns
    return `${columns ? `${columns.join(header.csv.delimiter)}\n` : ''}${text.toString('utf8')}`
  } catch (error) {
    if (error instanceof LoadError) return null
    throw error
  }
}
