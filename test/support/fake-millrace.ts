import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import type { DatasetAnswer, OpenUploadBody } from '#core/api/contract.ts'
import type { LoadState, Receipt } from '#core/loads/receipt.ts'
import { problem } from '#core/problems.ts'
import { batchReceipt, datasetAnswer, type FakeBatch, inflate, judge } from './fake-batches.ts'

/** One request as the fake saw it; `name` is e.g. `POST uploads`, `PUT part 3`, `GET load`. */
interface Seen {
  readonly name: string
  readonly at: number
  readonly headers: IncomingMessage['headers']
}
/** What to do with a request instead of serving it. */
type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'drop'
  /** Serve it, and drop the connection before the answer. */
  | 'drop the answer'

interface FakeLoad {
  readonly id: string
  readonly key: string
  readonly body: OpenUploadBody
  readonly parts: Map<number, Buffer>
  state: LoadState
}
export interface FakeMillrace extends AsyncDisposable {
  readonly url: string
  readonly loads: FakeLoad[]
  /** As they were accepted. */
  readonly batches: FakeBatch[]
  readonly seen: Seen[]
  readonly count: (name: RegExp) => number
  /** Asked before each request; the n-th (from 1) of its name. */
  fault: (name: string, nth: number) => Fault | undefined
  partSize: number
  /** What the load becomes when it is completed. */
  outcome: LoadState
  /** Looks at a batch's receipt until it is over. */
  looks: number
  /** What batches wait for until then. */
  waiting: Receipt['waiting']
  /** What datasets say of themselves. */
  dataset: Partial<DatasetAnswer>
}

/** An in-process peer for the client: the upload API, S3's part PUT and the batch door, in memory, with faults on demand. It is not the server: the server's own tests are elsewhere. */
export async function startFakeMillrace(): Promise<FakeMillrace> {
  const names = new Map<string, number>()
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request).catch(() => undefined)
    if (!body) return // the client has gone away in the middle of it
    const path = new URL(request.url!, 'http://fake').pathname
    const name = nameOf(request.method!, path)
    const nth = (names.get(name) ?? 0) + 1
    names.set(name, nth)
    fake.seen.push({ name, at: performance.now(), headers: request.headers })
    const fault = fake.fault(name, nth)
    if (fault === 'drop') return void request.socket.destroy()
    const answer = fault && fault !== 'drop the answer' ? fault : serve(request, path, body)
    if (fault === 'drop the answer') return void request.socket.destroy()
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const fake: FakeMillrace = {
    url: `${origin}/base`,
    loads: [],
    batches: [],
    seen: [],
    count: (name) => fake.seen.filter((s) => name.test(s.name)).length,
    fault: () => undefined,
    partSize: 1024 * 1024,
    outcome: 'complete',
    looks: 1,
    waiting: null,
    dataset: {},
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  function serve(
    request: IncomingMessage,
    path: string,
    body: Buffer,
  ): { status: number; headers?: Record<string, string>; body?: string } {
    const [, first, , door, id, verb] = path.split('/')
    if (first === 'part') return putPart(request, path, body)
    if (door === 'datasets' && verb === undefined) return json(200, datasetAnswer(id!, fake.dataset))
    if (verb === 'batches') return takeBatch(id!, request, body)
    if (door === 'datasets') return openUpload(String(request.headers['idempotency-key']), JSON.parse(body.toString()))
    const batch = fake.batches.find((b) => b.id === id)
    if (batch) return showBatch(batch, request.headers['if-none-match'])
    const load = fake.loads.find((l) => l.id === id)
    if (!load) return refuse(404, 'load-not-found', `There is no load ${id}`)
    if (door === 'loads') return showLoad(load, request.headers['if-none-match'])
    if (verb === undefined && request.method === 'DELETE') {
      load.state = 'aborted'
      return { status: 204 }
    }
    if (verb === undefined) return json(200, { ...opened(load), state: load.state, parts: partsOf(load) })
    if (load.state === 'aborted') return refuse(409, 'upload-not-open', 'The upload was aborted')
    if (verb === 'parts') return signParts(load, JSON.parse(body.toString()))
    const count = Math.ceil(load.body.size / fake.partSize)
    if (load.parts.size < count && load.state === 'receiving') return refuse(409, 'parts-missing', 'Parts are missing')
    if (load.state === 'receiving') load.state = 'loading'
    return json(202, receiptOf(load))
  }

  function openUpload(key: string, body: FakeLoad['body']) {
    const known = fake.loads.find((l) => l.key === key)
    if (known) return json(201, opened(known), { 'idempotency-replayed': 'true' })
    const load: FakeLoad = { id: `ld_${fake.loads.length + 1}`, key, body, parts: new Map(), state: 'receiving' }
    fake.loads.push(load)
    return json(201, opened(load))
  }
  const opened = (load: FakeLoad) => ({
    loadId: load.id,
    partSize: fake.partSize,
    partCount: Math.ceil(load.body.size / fake.partSize),
    expiresAt: '2099-01-01T00:00:00.000Z',
    links: {},
  })
  const partsOf = (load: FakeLoad) =>
    [...load.parts].map(([number, bytes]) => ({ number, size: bytes.length, crc32: crc32(bytes).toString(16).padStart(8, '0') }))

  function signParts(load: FakeLoad, parts: { number: number; crc32: string }[]) {
    const expiresAt = '2099-01-01T00:00:00.000Z'
    return json(
      200,
      parts.map((p) => ({
        number: p.number,
        url: `${origin}/part/${load.id}/${p.number}?sig=secret`,
        headers: { 'x-crc': p.crc32 },
        expiresAt,
      })),
    )
  }
  function putPart(request: IncomingMessage, path: string, body: Buffer) {
    const [, , id, number] = path.split('/')
    const load = fake.loads.find((l) => l.id === id)
    if (load?.state !== 'receiving') return xml(404, 'NoSuchUpload')
    if (crc32(body) !== Number.parseInt(String(request.headers['x-crc']), 16)) return xml(400, 'BadDigest')
    load.parts.set(Number(number), body)
    return { status: 200 }
  }
  function showLoad(load: FakeLoad, etag: string | undefined) {
    // Loading takes two looks.
    if (load.state === 'loading' && (names.get('GET load') ?? 0) % 2 === 0) load.state = fake.outcome
    const current = `"${load.id}-${load.state}"`
    return etag === current ? { status: 304, headers: { etag: current } } : json(200, receiptOf(load), { etag: current })
  }
  function takeBatch(dataset: string, request: IncomingMessage, body: Buffer) {
    const key = String(request.headers['idempotency-key'])
    const text = inflate(request.headers, body)
    const known = fake.batches.find((b) => b.key === key)
    const said = request.headers['x-millrace-rows']
    if (said !== undefined && Number(said) !== judge(text).received) return refuse(422, 'row-count-mismatch', 'another number of rows')
    if (known && known.text !== text) return refuse(422, 'idempotency-key-reused', `The key ${key} was used with another body`)
    const batch = known ?? { id: `lb_${fake.batches.length + 1}`, key, dataset, text, ...judge(text), looks: fake.looks, state: 'loading' }
    if (!known) fake.batches.push(batch)
    const answer = { receipt: batchReceipt(batch), rejects: batch.rejects.slice(0, 10) }
    return json(202, answer, { 'idempotency-key': key, ...(known ? { 'idempotency-replayed': 'true' } : {}) })
  }
  function showBatch(batch: FakeBatch, etag: string | undefined) {
    if (batch.state === 'loading' && --batch.looks < 0) batch.state = fake.outcome
    const current = `"${batch.id}-${batch.state}"`
    const waiting = batch.state === 'loading' ? fake.waiting : null
    return etag === current
      ? { status: 304, headers: { etag: current } }
      : json(200, { ...batchReceipt(batch), waiting }, { etag: current })
  }
  return fake
}

export const xml = (status: number, code: string) => ({
  status,
  body: `<Error><Code>${code}</Code><Message>S3 says ${code}</Message></Error>`,
})
export function refuse(status: number, code: Parameters<typeof problem>[0], detail: string, headers: Record<string, string> = {}) {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({ ...problem(code, detail), status }),
  }
}
const json = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

function receiptOf({ id, body, state }: FakeLoad): Receipt {
  const received = body.expectedRows ?? 0
  const loaded = state === 'complete' ? received : 0
  return {
    id,
    dataset: 'flights',
    door: 'file',
    state,
    fileName: body.fileName,
    format: body.format === 'auto' || body.format === undefined ? null : body.format,
    compression: body.compression === 'auto' || body.compression === undefined ? null : body.compression,
    rows: { received, loaded, updated: 0, duplicate: 0, rejected: 0, pending: received - loaded },
    rejects: { max: null, byCode: [], others: 0 },
    ignored: { byName: [], others: 0 },
    chunks: { planned: 1, committed: state === 'complete' ? 1 : 0 },
    bytes: { received: body.size, read: state === 'complete' ? body.size : 0 },
    checksum: { algorithm: 'CRC32', uploaded: body.crc32 ?? null, loaded: state === 'complete' ? (body.crc32 ?? null) : null },
    problem: null,
    waiting: null,
    trace: '00-00000000000000000000000000000001-0000000000000001-01',
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    committedAt: null,
    expiresAt: null,
    links: { self: `/v1/loads/${id}`, rejects: `/v1/loads/${id}/rejects`, fixes: null, fixedBy: [], source: null },
  }
}

function nameOf(method: string, path: string): string {
  const [, first, , door, , verb] = path.split('/')
  if (first === 'part') return `PUT part ${path.split('/').at(-1)}`
  if (door === 'loads') return `${method} ${verb ?? 'load'}`
  if (door === 'dead-letters') return `${method} ${door}`
  if (door === 'datasets') return `${method} ${verb ?? 'dataset'}`
  return `${method} ${verb ?? 'upload'}`
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}
