import type { Action, Answer } from '#core/api/call.ts'
import type { BatchAnswer } from '#core/api/contract.ts'
import { checkIdempotencyKey, fingerprintOf } from '#core/api/idempotency.ts'
import { permittedDataset } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/batches.ts'
import { cutBatch } from '#core/batches/batch-cut.ts'
import { type BatchRequest, batchRequest, compressionIn } from '#core/batches/batch-form.ts'
import { type BatchRows, readAgain, readBatch, refusedRow } from '#core/batches/batch-rows.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import { type BatchLoad, begun, type Load, receiptOf } from '#core/loads/load.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import { finalStates } from '#core/loads/receipt.ts'
import { tooMany } from '#core/rejects/max-rejects.ts'
import { rejectOf } from '#core/rejects/reject-row.ts'
import type { Compression } from '#core/rows/encoding.ts'
import { type Sending, send } from './sending.ts'

interface Deps extends Sending {
  readonly datasets: ReadonlyMap<string, Dataset>
  /** Lanes of a dataset that has an ordering key. */
  readonly lanes: number
  readonly inflate: (body: Buffer, compression: Exclude<Compression, 'none'>) => AsyncIterable<Buffer>
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly sleep: (ms: number) => Promise<unknown>
}
type Call = Parameters<Action<typeof routes.submitBatch>>[0]

const day = 86_400_000
/** Rejects that an answer names. */
const mostNamed = 20
/** Longest that an answer is held, and what is left of the invocation then, milliseconds: the gateway's 29 s began before the function's, by a cold start. */
const [longestWait, answerTime] = [25_000, 2500]
/** First and longest wait between two looks at a load, milliseconds. */
const [firstLook, longestLook] = [50, 500]

/**
 * Reads all of the batch first, so that nothing is begun that must be taken back; then the load's item is written, its records are sent, and the
 * load is said to be loading. The same request again makes the same records, and goes on with what is missing.
 */
export const createSubmitBatch = (deps: Deps): Action<typeof routes.submitBatch> =>
  async function submitBatch(call) {
    const { identity, params, header, body } = call
    const dataset = permittedDataset(deps.datasets, identity, params.dataset)
    const given = checkIdempotencyKey(header('idempotency-key'))
    const request = batchRequest(header)
    const createdAt = new Date(deps.now())
    const read = await asAnswer(readBody(deps, dataset, request, body, createdAt))
    try {
      demandRows(request, read.batch, dataset)
      return await submitRows(deps, call, dataset, { ...read, given, createdAt })
    } finally {
      read.batch.text.release()
    }
  }

interface Read {
  readonly batch: BatchRows
  readonly compression: Compression
  /** The Idempotency-Key of the request. */
  readonly given: string | undefined
  readonly createdAt: Date
}

async function submitRows(deps: Deps, call: Call, dataset: Dataset, read: Read): Promise<Answer> {
  const { batch, createdAt } = read
  const { format, csv } = batch.form
  const fingerprint = fingerprintOf({ dataset: dataset.name, format, csv, rows: batch.text.digest() })
  const key = read.given ?? `body-${fingerprint}`
  const { cut, load } = openedLoad(deps, call, dataset, read, fingerprint, loadIdFor(call.identity.tenant, dataset.name, key))
  const again = async (begun: BatchLoad) => {
    const then = await asOf(begun, batch, dataset, createdAt)
    return { batch: then, cut: cutBatch(then, begun) }
  }
  const { timeLeft } = call
  const sent = await send(deps, { load, batch, cut, again, timeLeft })
  const outcome = call.query.wait === 'true' ? await outcomeOf(deps, sent.load, timeLeft) : sent.load
  return answer(outcome, sent.batch, key, sent.replayed, deps.now())
}

async function readBody(deps: Deps, dataset: Dataset, { form, compression: declared }: BatchRequest, body: Buffer, at: Date) {
  const compression = compressionIn(body, declared)
  const pieces = compression === 'none' ? only(body) : deps.inflate(body, compression)
  return { batch: await readBatch(dataset, form, at, pieces), compression }
}

async function* only(body: Buffer): AsyncGenerator<Buffer> {
  yield body
}

/** What would end a load as failed is answered at once: nothing is begun. */
async function asAnswer<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof LoadError)) throw cause
    const { code, detail, errors } = cause.problem
    throw new RequestError(code, detail, { cause, ...(errors && { errors }) })
  }
}

function demandRows({ rows }: BatchRequest, batch: BatchRows, dataset: Dataset): void {
  const { received, refused } = batch
  if (rows !== undefined && rows !== received)
    throw new RequestError(
      'row-count-mismatch',
      `The body has ${received} rows and X-Millrace-Rows says ${rows}: it was cut, or miscounted; send all of it`,
    )
  if (received === 0) throw new RequestError('empty-batch', 'The body has no rows: there is nothing to load')
  const max = dataset.limits.maxRejects
  if (max === undefined || !tooMany(max, { received, rejected: refused.length })) return
  const errors = refused.slice(0, mostNamed).map(({ refusal: { column, message, code }, line }) => ({
    pointer: `/line/${line}`,
    detail: `${column === null ? '' : `column "${column}": `}${message.slice(0, 200)} (${code})`,
  }))
  const detail = `${refused.length} of ${received} rows cannot be loaded, and the dataset takes ${max} at most. Nothing of the batch was accepted`
  throw new RequestError('too-many-rejects', detail, { errors })
}

/** The load as it is when nobody has sent this batch before. */
function openedLoad(
  { lanes }: Deps,
  { identity, traceparent }: Call,
  dataset: Dataset,
  { batch, compression, createdAt }: Read,
  fingerprint: string,
  id: string,
) {
  const load = {
    id,
    tenant: identity.tenant,
    dataset: dataset.name,
    traceparent,
    ...begun(createdAt.getTime()),
    ...(dataset.orderingKey !== undefined && { lanes }),
  }
  const cut = cutBatch(batch, load)
  const { maxRejects } = dataset.limits
  const opened: BatchLoad = {
    ...load,
    door: 'batch',
    state: 'receiving',
    format: batch.form.format,
    compression,
    ...(cut.csv && { csv: cut.csv }),
    size: cut.size,
    uploadedCrc32: cut.crc32,
    planned: cut.records.length,
    expectedRows: batch.received,
    ...(maxRejects !== undefined && { maxRejects }),
    fingerprint,
    expiresAt: new Date(createdAt.getTime() + day).toISOString(),
  }
  return { cut, load: opened }
}

/** The batch as it was read when its load was opened: the day decides which rows the partitions take. */
async function asOf(load: BatchLoad, batch: BatchRows, dataset: Dataset, readAt: Date): Promise<BatchRows> {
  if (!dataset.partitionBy || load.createdAt.slice(0, 10) === readAt.toISOString().slice(0, 10)) return batch
  return readAgain(batch, dataset, new Date(load.createdAt))
}

/** The load once it is over, or as it is when the time is. */
async function outcomeOf({ findLoad, sleep, now }: Deps, load: Load, timeLeft: () => number): Promise<Load> {
  const until = now() + longestWait
  let seen = load
  for (let wait = firstLook; !finalStates.has(seen.state); wait = Math.min(wait * 2, longestLook)) {
    if (now() + wait > until || timeLeft() < wait + answerTime) return seen
    await sleep(wait)
    seen = (await findLoad(load.tenant, load.id)) ?? seen
  }
  return seen
}

function answer(load: Load, batch: BatchRows, key: string, replayed: boolean, now: number): Answer {
  const rejects = batch.refused.slice(0, mostNamed).map((row) => rejectOf(row.refusal, refusedRow(batch, row)))
  const receipt = receiptOf(load, now)
  const json: BatchAnswer = { receipt, rejects }
  const headers = { location: receipt.links.self, 'idempotency-key': key, ...(replayed && { 'idempotency-replayed': 'true' }) }
  return { status: finalStates.has(receipt.state) ? 200 : 202, json, headers }
}
