import type { SignedPart, SignPartsBody } from '../../functions/core/api/contract.ts'
import { crc32ToHex } from '../../functions/core/loads/crc32.ts'
import { crcOf } from './content.ts'
import { PushError, RefusedError, UnavailableError } from './errors.ts'
import { type RetryPolicy, retrying } from './retry.ts'
import type { Source } from './source.ts'
import { send, type World } from './transport.ts'

export interface Part {
  readonly number: number
  readonly start: number
  readonly end: number
  readonly crc32: number
}
interface Deps {
  readonly sign: (parts: SignPartsBody, signal: AbortSignal) => Promise<readonly SignedPart[]>
  readonly world: World
  readonly policy: RetryPolicy
}
interface Options {
  readonly source: Source
  readonly parts: readonly Part[]
  readonly parallel: number
  readonly signal: AbortSignal | undefined
  readonly onPart: (part: Part) => void
}

/** Parts signed by one request: enough to make signing cheap, few enough that the last URL is used long before it expires. */
const signBatch = 16
/** Times one part's URL is renewed after a 403; then it is not expiry. */
const renewals = 3

/** Puts every part, `parallel` at a time; the first that fails for good ends the others and is thrown. */
export async function putParts(options: Options, deps: Deps): Promise<void> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const urls = createSigner(options.parts, (parts) => deps.sign(parts, signal))
  let next = 0

  async function worker(): Promise<void> {
    while (next < options.parts.length) {
      const part = options.parts[next++]!
      await putPart(part, urls, options.source, signal, deps)
      options.onPart(part)
    }
  }
  const workers = Array.from({ length: Math.min(options.parallel, options.parts.length) }, () =>
    worker().catch((error: unknown) => {
      stop.abort(error)
      throw error
    }),
  )
  // The first failure is the reason; what the others threw when they were stopped is not.
  const failed = (await Promise.allSettled(workers)).some((result) => result.status === 'rejected')
  if (failed) throw stop.signal.reason
}

interface Signer {
  readonly urlOf: (part: Part) => Promise<SignedPart>
  readonly renew: (part: Part) => Promise<SignedPart>
}

/** Signs in batches, just ahead of need. */
function createSigner(parts: readonly Part[], sign: (parts: SignPartsBody) => Promise<readonly SignedPart[]>): Signer {
  const signed = new Map<number, Promise<SignedPart>>()

  function signAll(batch: readonly Part[]): void {
    const answer = sign(batch.map(({ number, start, end, crc32 }) => ({ number, size: end - start, crc32: crc32ToHex(crc32) })))
    for (const { number } of batch) {
      const one = answer.then((all) => {
        const found = all.find((s) => s.number === number)
        if (!found) throw new UnavailableError(`the server signed no URL for part ${number}`, {})
        return found
      })
      // A part that is never reached because another one failed leaves its URL unasked for.
      one.catch(() => undefined)
      signed.set(number, one)
    }
  }
  return {
    urlOf: (part) => {
      if (!signed.has(part.number)) {
        const from = parts.indexOf(part)
        signAll(parts.slice(from, from + signBatch))
      }
      return signed.get(part.number)!
    },
    renew: (part) => {
      signAll([part])
      return signed.get(part.number)!
    },
  }
}

async function putPart(part: Part, urls: Signer, source: Source, signal: AbortSignal, { world, policy }: Deps): Promise<void> {
  let signed = await urls.urlOf(part)
  for (let renewed = 0; ; renewed++) {
    try {
      return await retrying(() => putOnce(part, signed, source, signal, world), { policy, clock: world.clock, signal })
    } catch (error) {
      const expired = error instanceof RefusedError && error.status === 403
      if (!expired || renewed === renewals) throw error
      signed = await urls.renew(part)
    }
  }
}

/** Each attempt reads the part again, so that memory holds no more than the parts in flight, and each is checked before it is sent. */
async function putOnce(part: Part, signed: SignedPart, source: Source, signal: AbortSignal, world: World): Promise<void> {
  const body = await source.read(part.start, part.end)
  if (crcOf(source, body) !== part.crc32)
    throw new PushError('file-changed', `bytes ${part.start} to ${part.end} of ${source.name} are not what they were when it was checked`)
  // One minute to answer, and as long as a line of 1 Mbit/s needs.
  const timeoutMs = 60_000 + Math.ceil(body.length / 125)
  try {
    // No headers but the signed ones: a bucket's CORS rules, and the signature, know no others. Length and host are fetch's own.
    await send({ method: 'PUT', url: signed.url, headers: withoutForbidden(signed.headers), body, timeoutMs, signal }, world)
  } catch (error) {
    if (error instanceof RefusedError && damagedOnTheWay.test(error.message))
      throw new UnavailableError(error.message, { status: error.status, cause: error })
    throw error
  }
}

/** S3's 400s that sending again can heal: the bytes sent were checked a moment ago. */
const damagedOnTheWay = /\((BadDigest|XAmzContentChecksumMismatch|InvalidDigest|IncompleteBody|RequestTimeout)\)$/
const withoutForbidden = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !['host', 'content-length'].includes(name.toLowerCase())))
