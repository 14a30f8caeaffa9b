import type { OpenUploadAnswer } from '../../functions/core/api/contract.ts'
import { crc32ToHex } from '../../functions/core/loads/crc32.ts'
import type { Receipt } from '../../functions/core/loads/receipt.ts'
import type { Content } from './content.ts'
import { PushError, RefusedError } from './errors.ts'
import type { Millrace } from './millrace.ts'
import { type Part, putParts } from './parts.ts'
import type { PushOptions } from './push-options.ts'
import type { RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import type { CallOptions, World } from './transport.ts'

interface Work {
  readonly source: Source
  readonly content: Content
  readonly upload: OpenUploadAnswer
  /** True when no earlier push can have sent parts. */
  readonly fresh: boolean
  /** Throws when the source has changed since it was checked. */
  readonly unchanged: () => Promise<void>
}
interface Uploaded {
  readonly receipt: Receipt
  /** Bytes sent now, and bytes that were there. */
  readonly sent: number
  readonly resumed: number
}
interface Deps {
  readonly client: Pick<Millrace, 'showUpload' | 'signParts' | 'completeUpload' | 'getReceipt'>
  readonly world: World
  readonly policy: RetryPolicy
  readonly call: CallOptions
}

/** Rounds of "send what is missing, complete": more than one only when S3 lacks a part that it had acknowledged. */
const rounds = 3
/** Bytes of parts in flight; fetch may hold each part twice. */
const inFlight = 128 * 1024 * 1024

/** Sends the parts that S3 does not have, and completes. */
export async function uploadContent(work: Work, options: PushOptions, deps: Deps): Promise<Uploaded> {
  const { source, content, upload } = work
  const { client, call } = deps
  const parts = await cut(content, upload.partSize)
  const parallel = Math.max(1, Math.min(options.parallel ?? 4, Math.floor(inFlight / upload.partSize)))
  let sent = 0
  let resumed = 0

  for (let round = 1; ; round++) {
    try {
      const missing = round === 1 && work.fresh ? parts : await missingOf(parts)
      const there = content.size - sizeOf(missing)
      if (round === 1) resumed = there
      let bytes = there
      const report = () => options.onProgress?.({ phase: 'upload', bytes, totalBytes: content.size, resumed, rows: content.rows })
      report()
      const onPart = (part: Part) => {
        bytes += part.end - part.start
        sent += part.end - part.start
        report()
      }
      const sign: Parameters<typeof putParts>[1]['sign'] = (batch, signal) => client.signParts(upload.loadId, batch, { ...call, signal })
      await putParts({ source, parts: missing, parallel, signal: call.signal, onPart }, { ...deps, sign })
      await work.unchanged()
      return { receipt: await client.completeUpload(upload.loadId, call), sent, resumed }
    } catch (error) {
      if (round < rounds && error instanceof RefusedError && error.problem?.code === 'parts-missing') continue
      return { receipt: await receiptAfter(error), sent, resumed }
    }
  }

  async function missingOf(parts: readonly Part[]): Promise<Part[]> {
    const there = new Map((await client.showUpload(upload.loadId, call)).parts.map((part) => [part.number, part]))
    return parts.filter((part) => {
      const found = there.get(part.number)
      return found?.size !== part.end - part.start || found.crc32 !== crc32ToHex(part.crc32)
    })
  }

  /** Two pushes of one content share a load: when the other one completes it, this one's upload is gone, and all is well. */
  async function receiptAfter(error: unknown): Promise<Receipt> {
    const gone = error instanceof RefusedError && [404, 409, 410].includes(error.status)
    const receipt = gone ? (await client.getReceipt(upload.loadId, call)).receipt : undefined
    if (!receipt || receipt.state === 'receiving') throw error
    if (receipt.state === 'loading' || receipt.state === 'complete') return receipt
    throw new PushError('upload-ended', `the load ${receipt.id} ended as ${receipt.state} while ${source.name} was being sent`, receipt)
  }
}

async function cut(content: Content, partSize: number): Promise<Part[]> {
  const crcs = await content.partCrcs(partSize)
  return crcs.map((crc32, i) => ({ number: i + 1, start: i * partSize, end: Math.min((i + 1) * partSize, content.size), crc32 }))
}
const sizeOf = (parts: readonly Part[]): number => parts.reduce((sum, { start, end }) => sum + end - start, 0)
