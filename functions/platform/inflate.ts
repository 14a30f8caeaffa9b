import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { LoadError } from '#core/errors.ts'
import type { Compression } from '#core/load.ts'
import { ZstdFrames } from '#core/zstd-frames.ts'
import { plainText, type Source, type SourceChecksum } from './source.ts'

/** Text may be this many times the bytes it came from... */
const inflateRatio = 200
/** ...once there is more of it than this: short files compress as they like. */
const inflateGrace = 64 * 1024 * 1024
const chunkSize = 256 * 1024
/** Largest window of a zstd frame, as a power of two: 128 MiB, what `zstd -22` and `zstd --long` use at most. All of it is held in memory. */
const zstdWindow = 27

type Inflated = Exclude<Compression, 'none'>

/** How a compressed object is inflated, all its gzip members or zstd frames. */
interface Decoder {
  readonly stream: () => Transform
  /** Cuts what is read into the pieces that the decoder needs. */
  readonly feed: (pieces: AsyncIterable<Buffer>) => AsyncIterable<Buffer>
  /** What a fault of the decoder means for the load. */
  readonly fault: (error: Error & { code: unknown }) => unknown
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
    stream: () => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindow } }),
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
export async function* inflatedText(source: Source, compression: Inflated, checksum: SourceChecksum): AsyncGenerator<Buffer> {
  const decoder = decoders[compression]
  const stream = decoder.stream()
  let read = 0
  const counted = async function* () {
    for await (const piece of plainText(source, 0, source.size, checksum)) {
      read += piece.length
      yield piece
    }
  }
  const fault = pipeline(Readable.from(decoder.feed(counted()), { objectMode: true, highWaterMark: 2 }), stream).then(
    () => undefined,
    (error: unknown) => error,
  )
  let inflated = 0
  try {
    for await (const piece of stream) {
      inflated += (piece as Buffer).length
      if (inflated > inflateGrace && inflated > read * inflateRatio)
        throw new LoadError(
          'inflate-ratio-exceeded',
          `The file inflates to more than ${inflateRatio} times its size; send it in smaller or uncompressed files.`,
        )
      yield piece as Buffer
    }
  } catch (error) {
    throw loadFault(decoder, error)
  } finally {
    stream.destroy()
  }
  const error = await fault
  const written = (stream as Transform & { readonly bytesWritten: number }).bytesWritten
  if (error !== undefined && (!decoder.takesAll || written >= source.size)) throw loadFault(decoder, error)
  if (decoder.takesAll && written < source.size) throw trailingData(compression)
}

const loadFault = (decoder: Decoder, error: unknown): unknown => (error instanceof Error && 'code' in error ? decoder.fault(error) : error)

function gzipFault(error: Error & { code: unknown }): unknown {
  if (error.code === 'Z_BUF_ERROR') return truncated('gzip', error)
  if (error.code !== 'Z_DATA_ERROR') return error
  // That the file begins as gzip was seen when it was planned; zlib takes whatever follows a member for the next one.
  return error.message === 'incorrect header check' ? trailingData('gzip', error) : corrupt('gzip', error)
}

function zstdFault(error: Error & { code: unknown }): unknown {
  if (error.code === 'Z_BUF_ERROR') return truncated('zstd', error)
  if (error.code === 'ZSTD_error_frameParameter_windowTooLarge') return unsupported('a window above 128 MiB: use --long=27 at most', error)
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
