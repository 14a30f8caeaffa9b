import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import type { Compressor } from './compress.ts'

const compress = promisify(zstdCompress)

/** Level 3, the default, on Node's thread pool. */
export const zstd: Compressor = { name: 'zstd', compress: async (bytes) => new Uint8Array(await compress(bytes)) }
