import type { DatasetAnswer, OpenUploadAnswer, Page } from '../../functions/core/api/contract.ts'
import type { ReplayBody } from '../../functions/core/api/replay-contract.ts'
import type { Receipt } from '../../functions/core/loads/receipt.ts'
import { batchRequest, readBatchAnswer } from './batch.ts'
import { type Compressor, gzip } from './compress.ts'
import type { Millrace, ReplayOptions } from './millrace.ts'
import { openWriter, sendRows } from './open-writer.ts'
import { pushFile } from './push.ts'
import { defaultRetry, type RetryPolicy, systemClock } from './retry.ts'
import { newTraceparent } from './trace.ts'
import { type Answer, type Call, type CallOptions, openDownload, sendRetrying, type World } from './transport.ts'
import { waitFor } from './wait.ts'

export interface ClientOptions {
  /** Where the API is, up to and without `/v1`. */
  readonly url: string
  readonly apiKey: string
  readonly retry?: Partial<RetryPolicy>
  /** Milliseconds one attempt of an API request may take. Default 35,000: API Gateway itself gives up after 29 s. */
  readonly timeoutMs?: number
  /** How batches are compressed. Default gzip; `zstd` is in `@millrace/client/node`. */
  readonly compressor?: Compressor
  /** For tests and special networks. */
  readonly world?: Partial<World>
}

/** A client of one deployment, for Node 24 and browsers (there WebCrypto asks for https or localhost). */
export function createClient(options: ClientOptions): Millrace {
  const base = `${options.url.replace(/\/+$/, '')}/v1`
  const world: World = { fetch: (url, init) => fetch(url, init), clock: systemClock, ...options.world }
  const compressor = options.compressor ?? gzip
  const policy: RetryPolicy = { ...defaultRetry, ...options.retry }

  interface Request extends CallOptions {
    readonly body?: unknown
    /** Sent as it is. */
    readonly bytes?: Uint8Array<ArrayBuffer>
    readonly headers?: Readonly<Record<string, string>>
    readonly redirect?: 'manual'
  }
  function call(method: Call['method'], path: string, request: Request = {}): Promise<Answer> {
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${options.apiKey}`,
      traceparent: request.traceparent ?? newTraceparent(),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    }
    const content = request.bytes ?? (request.body === undefined ? undefined : JSON.stringify(request.body))
    const body = content === undefined ? {} : { body: content }
    const timeoutMs = options.timeoutMs ?? 35_000
    const redirect = request.redirect === undefined ? {} : { redirect: request.redirect }
    return sendRetrying({ method, url: `${base}${path}`, headers, timeoutMs, signal: request.signal, ...body, ...redirect }, world, policy)
  }
  // The contract's types are the server's promise; a client that checked every field could not outlive an added one.
  const json = async <T>(answer: Promise<Answer>): Promise<T> => JSON.parse((await answer).text) as T

  async function* pages<T>(
    path: string,
    query: Record<string, string | undefined>,
    options: CallOptions,
  ): AsyncGenerator<T, void, undefined> {
    for (let cursor: string | undefined; ; ) {
      const pairs = Object.entries({ ...query, cursor }).filter((pair): pair is [string, string] => pair[1] !== undefined)
      const search = pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''
      const page = await json<Page<T>>(call('GET', path + search, options))
      yield* page.items
      if (page.next === null) return
      cursor = page.next
    }
  }

  const replay = <T>(load: string, body: ReplayBody, { key, ...options }: ReplayOptions = {}): Promise<T> => {
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
    return json<T>(call('POST', `/loads/${encodeURIComponent(load)}/replay`, { ...options, body, headers }))
  }

  const client: Millrace = {
    url: options.url,
    listDatasets: async (options) => (await json<Page<DatasetAnswer>>(call('GET', '/datasets', options))).items,
    getDataset: (name, options) => json(call('GET', `/datasets/${encodeURIComponent(name)}`, options)),
    openUpload: async (dataset, body, { key, ...options }) => {
      const request = { ...options, body, headers: { 'idempotency-key': key } }
      const answer = await call('POST', `/datasets/${encodeURIComponent(dataset)}/uploads`, request)
      return { upload: JSON.parse(answer.text) as OpenUploadAnswer, replayed: answer.headers.get('idempotency-replayed') === 'true' }
    },
    signParts: (load, parts, options) => json(call('POST', `/uploads/${encodeURIComponent(load)}/parts`, { ...options, body: parts })),
    showUpload: (load, options) => json(call('GET', `/uploads/${encodeURIComponent(load)}`, options)),
    completeUpload: (load, options) => json(call('POST', `/uploads/${encodeURIComponent(load)}/complete`, options)),
    abortUpload: async (load, options) => {
      await call('DELETE', `/uploads/${encodeURIComponent(load)}`, options)
    },
    getReceipt: async (load, { etag, ...options } = {}) => {
      const headers: Record<string, string> = etag === undefined ? {} : { 'if-none-match': etag }
      const answer = await call('GET', `/loads/${encodeURIComponent(load)}`, { ...options, headers })
      return {
        receipt: answer.status === 304 ? undefined : (JSON.parse(answer.text) as Receipt),
        etag: answer.headers.get('etag') ?? etag,
      }
    },
    waitFor: (load, options) => waitFor(load, { getReceipt: client.getReceipt, clock: world.clock }, options),
    listLoads: ({ dataset, state, pageSize, ...options } = {}) => pages('/loads', { dataset, state, limit: pageSize?.toString() }, options),
    listRejects: (load, { pageSize, ...options } = {}) =>
      pages(`/loads/${encodeURIComponent(load)}/rejects`, { limit: pageSize?.toString() }, options),
    downloadRejects: async (load, options) => {
      const path = `/loads/${encodeURIComponent(load)}/rejects?download=true&as=original`
      const { headers } = await call('GET', path, { ...options, redirect: 'manual' })
      // Asked without the API key: the URL is signed, and belongs to somebody else.
      return openDownload(headers.get('location') ?? '', world, options?.signal)
    },
    sendBatch: async (dataset, rows, options = {}) => {
      const { signal, traceparent } = options
      const { path, key, headers, body } = await batchRequest(dataset, rows, options, compressor)
      return readBatchAnswer(await call('POST', path, { signal, traceparent, headers, bytes: body }), key)
    },
    openWriter: (writerOptions) => openWriter(writerOptions, { client, clock: world.clock }),
    sendRows: (rows, writerOptions) => sendRows(rows, writerOptions, { client, clock: world.clock }),
    listDeadLetters: ({ dataset, load, pageSize, ...options } = {}) =>
      pages('/dead-letters', { dataset, load, limit: pageSize?.toString() }, options),
    getDeadLetter: async (load, chunk, options) =>
      (await call('GET', `/loads/${encodeURIComponent(load)}/dead-letters/${chunk}`, options)).text,
    checkReplay: (load, body, options) => replay(load, { ...body, dryRun: true }, options),
    replayLoad: (load, body, options) => replay(load, { ...body, dryRun: false }, options),
    replayStream: (dataset, body, options) => json(call('POST', `/datasets/${encodeURIComponent(dataset)}/replays`, { ...options, body })),
    pushFile: (source, pushOptions) => pushFile(source, pushOptions, { client, world, policy }),
  }
  return client
}
