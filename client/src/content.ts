import { combineCrc32, crc32 as portableCrc32 } from '../../functions/core/loads/crc32.ts'
import { PushError } from './errors.ts'
import { createRowCounter } from './rows.ts'
import type { Source } from './source.ts'

/** Everything the push must know about the bytes before it sends any. */
export interface Content {
  readonly size: number
  /** SHA-256 over the SHA-256 of each 8 MiB, as hex: WebCrypto hashes no streams, and this way it hashes beside our own work. */
  readonly digest: string
  /** CRC32 of the whole, unsigned. */
  readonly crc32: number
  /** Rows of a plain NDJSON text; undefined when counting would mean parsing or inflating. */
  readonly rows: number | undefined
  /** CRC32 of each part when the content is cut into parts of `partSize` bytes. */
  readonly partCrcs: (partSize: number) => Promise<readonly number[]>
}
export interface ReadOptions {
  readonly countRows: boolean
  readonly signal?: AbortSignal | undefined
  readonly onBytes?: (bytes: number, rows: number | undefined) => void
}

/** Part sizes come from the server after this pass; CRCs of 1 MiB blocks combine to those of any part of whole MiB. */
const crcBlock = 1024 * 1024
/** Bytes read and hashed at a time. Changing it changes every digest, and so makes old loads look new. */
const hashBlock = 8 * crcBlock

export const crcOf = (source: Source, bytes: Uint8Array): number => (source.crc32 ?? portableCrc32)(bytes, 0)

/** Reads the source once, in blocks, and finds out at the end whether it kept still. */
export async function readContent(source: Source, options: ReadOptions): Promise<Content> {
  const { size } = source
  const version = await source.version()
  const blockCrcs = new Uint32Array(Math.ceil(size / crcBlock))
  const digests = new Uint8Array(32 * Math.ceil(size / hashBlock))
  const counter = options.countRows ? createRowCounter() : undefined
  const blockAt = (start: number) => source.read(start, Math.min(start + hashBlock, size))

  let next = size > 0 ? blockAt(0) : undefined
  for (let start = 0; next; start += hashBlock) {
    const bytes = await next
    options.signal?.throwIfAborted()
    next = start + hashBlock < size ? blockAt(start + hashBlock) : undefined
    // The next block is awaited only after this one's digest: its failure must not go unheard until then.
    next?.catch(() => undefined)
    const digest = crypto.subtle.digest('SHA-256', bytes)
    for (let at = 0; at < bytes.length; at += crcBlock)
      blockCrcs[(start + at) / crcBlock] = crcOf(source, bytes.subarray(at, at + crcBlock))
    counter?.push(bytes)
    digests.set(new Uint8Array(await digest), (32 * start) / hashBlock)
    options.onBytes?.(start + bytes.length, counter?.rows())
  }
  if ((await source.version()) !== version) throw new PushError('file-changed', `${source.name} changed while it was being checked`)

  const combined = (from: number, to: number): number => {
    let crc = 0
    for (let at = from; at < to; at += crcBlock) crc = combineCrc32(crc, blockCrcs[at / crcBlock]!, Math.min(crcBlock, to - at))
    return crc
  }
  async function partCrcs(partSize: number): Promise<number[]> {
    const crcs: number[] = []
    for (let start = 0; start < size; start += partSize) {
      const end = Math.min(start + partSize, size)
      crcs.push(partSize % crcBlock === 0 ? combined(start, end) : crcOf(source, await source.read(start, end)))
    }
    return crcs
  }
  return { size, digest: await sha256(digests), crc32: combined(0, size), rows: counter?.rows(), partCrcs }
}

/** SHA-256 as 64 hex digits. */
export async function sha256(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (b) => b.toString(16).padStart(2, '0')).join('')
}
