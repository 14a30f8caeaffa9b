import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { LoadError } from '#core/errors.ts'
import type { Compression } from '#core/rows/encoding.ts'
import { ZstdFrames } from '#core/rows/zstd-frames.ts'
import { plainText, type Source, type SourceChecksum } from './source.ts'

/** Text may be this many times the bytes it came from. */
const inflateRatio = 200
const chunkSize = 256 * 1024

interface InflateLimits {
  /** Bytes of text up to which the ratio is not asked for: short texts compress as they like. */
  readonly grace: number
  /** Largest window of a zstd frame, as a power of two. All of it is held in memory. */
  readonly zstdWindow: number
}
/** 128 MiB is what `zstd -22` and `zstd --long` use at most. */
const fileLimits: InflateLimits = { grace: 64 * 1024 * 1024, zstdWindow: 27 }
/** 8 MiB is what `zstd -19` uses at most. */
const bodyLimits: InflateLimits = { grace: 4 * 1024 * 1024, zstdWindow: 23 }

type Inflated = Exclude<Compression, 'none'>

/** How a compressed object is inflated, all its gzip members or zstd frames. */
interface Decoder {
  readonly stream: (limits: InflateLimits) => Transform
  /** Cuts what is read into the pieces that the decoder needs. */
  readonly feed: (pieces: AsyncIterable<Buffer>) => AsyncIterable<Buffer>
  /** What a fault of the decoder means for the load. */
  readonly fault: (error: Error & { code: unknown }, limits: InflateLimits) => unknown
  /** True when bytes that the decoder has not taken are the file's fault; false when `feed` has judged that. */
  readonly takesAll: boolean
}

const decoders: Record<Inflated, Decoder> = {
  gzip: {
    stream: () => createGunzip({ chunkSize, finishFlush: constants.Z_FINISH }),
    feed: (pieces) => pieces,
    fault: gzipFault,
    takesAll: true,
  },
  zstd: {
    stream: ({ zstdWindow }) => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindow } }),
    async *feed(pieces) {
      const frames = new ZstdFrames()
      for await (const piece of pieces) yield* frames.push(piece)
      frames.finish()
    },
    fault: zstdFault,
    takesAll: false,
  },
}

/**
 * The inflated text of a compressed object from the beginning (such a stream cannot be entered in the middle).
 * @throws LoadError compression-corrupt, compression-truncated, compression-trailing-data, compression-unsupported, inflate-ratio-exceeded
 */
export function inflatedText(source: Source, compression: Inflated, checksum: SourceChecksum): AsyncGenerator<Buffer> {
  return inflated(plainText(source, 0, source.size, checksum), source.size, compression, fileLimits)
}

/** The inflated text of a body that is held. Throws as `inflatedText` does; how much of it is taken is for the caller to bound. */
export function inflatedBody(body: Buffer, compression: Inflated): AsyncGenerator<Buffer> {
  const pieces = async function* () {
    for (let at = 0; at < body.length; at += chunkSize) yield body.subarray(at, at + chunkSize)
  }
  return inflated(pieces(), body.length, compression, bodyLimits)
}

async function* inflated(
  pieces: AsyncIterable<Buffer>,
  size: number,
  compression: Inflated,
  limits: InflateLimits,
): AsyncGenerator<Buffer> {
  const decoder = decoders[compression]
  const stream = decoder.stream(limits)
  let read = 0
  const counted = async function* () {
    for await (const piece of pieces) {
      read += piece.length
      yield piece
    }
  }
  const fault = pipeline(Readable.from(decoder.feed(counted()), { objectMode: true, highWaterMark: 2 }), stream).then(
    () => undefined,
    (error: unknown) => error,
  )
  let text = 0
  try {
    for await (const piece of stream) {
      text += (piece as Buffer).length
      if (text > limits.grace && text > read * inflateRatio)
        throw new LoadError(
          'inflate-ratio-exceeded',
          `The file inflates to more than ${inflateRatio} times its size; send it in smaller or uncompressed files.`,
        )
      yield piece as Buffer
    }
  } catch (error) {
    throw loadFault(decoder, error, limits)
  } finally {
    stream.destroy()
  }
  const error = await fault
  const written = (stream as Transform & { readonly bytesWritten: number }).bytesWritten
  if (error !== undefined && (!decoder.takesAll || written >= size)) throw loadFault(decoder, error, limits)
  if (decoder.takesAll && written < size) throw trailingData(compression)
}

const loadFault = (decoder: Decoder, error: unknown, limits: InflateLimits): unknown =>
  error instanceof Error && 'code' in error ? decoder.fault(error, limits) : error

function gzipFault(error: Error & { code: unknown }): unknown {
  if (error.code === 'Z_BUF_ERROR') return truncated('gzip', error)
  if (error.code !== 'Z_DATA_ERROR') return error
  // That the file begins as gzip was seen when it was planned; zlib takes whatever follows a member for the next one.
  return error.message === 'incorrect header check' ? trailingData('gzip', error) : corrupt('gzip', error)
}

function zstdFault(error: Error & { code: unknown }, { zstdWindow }: InflateLimits): unknown {
  if (error.code === 'Z_BUF_ERROR') return truncated('zstd', error)
  if (error.code === 'ZSTD_error_frameParameter_windowTooLarge')
    return unsupported(
      `a window above ${2 ** (zstdWindow - 20)} MiB: ${zstdWindow < 27 ? 'use level 19 at most' : 'use --long=27 at most'}`,
      error,
    )
  if (error.code === 'ZSTD_error_dictionary_wrong') return unsupported('a dictionary: compress without one', error)
  return String(error.code).startsWith('ZSTD_error_') ? corrupt('zstd', error) : error
}

const truncated = (what: Inflated, cause: unknown) =>
  new LoadError('compression-truncated', `The ${what} data ends in the middle; upload the whole file.`, { cause })
const corrupt = (what: Inflated, cause: unknown) =>
  new LoadError('compression-corrupt', `The ${what} data is damaged; compress and upload the file again.`, { cause })
const trailingData = (what: Inflated, cause?: unknown) =>
  new LoadError('compression-trailing-data', `The file goes on after the end of its ${what} data; remove what follows.`, { cause })
const unsupported = (what: string, cause: unknown) => new LoadError('compression-unsupported', `The zstd data needs ${what}.`, { cause })
