import type { Compression } from './load.ts'

/** Bytes that compressionOf looks at. */
export const magicBytes = 4

/** How a file is compressed, by its first bytes; text begins with none of these. RFC 1952, 2.3.1; RFC 8878, 3.1.1 and 3.1.2. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head[1] === 0xb5 && head[0] === 0x28 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd'
  // A zstd file may begin with a skippable frame, as pzstd writes it.
  if ((head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd'
  return 'none'
}
