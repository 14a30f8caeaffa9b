import { int32, written } from './scan-tools.ts'

/** The value of a base64 digit by its byte (RFC 4648, section 4); 255 for every other byte. */
const digits = new Uint8Array(256).fill(255)
for (const [value, digit] of [...Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')].entries())
  digits[digit] = value
const padding = 61

/**
 * Writes the bytes that the base64 at `from` stands for as a field at `o`. It ends before the first byte that is no digit or padding:
 * whoever calls knows what must stand there.
 * @returns the index behind it, or -1 where padding is missing or bits belong to no byte
 */
export function base64(b: Buffer, from: number, out: Buffer, o: number): number {
  let end = from
  while (digits[b[end]!]! < 64) end++
  const pads = -(end - from) & 3
  const spare = pads === 0 ? 0 : digits[b[end - 1]!]! & (pads === 1 ? 3 : 15)
  if (pads === 3 || spare !== 0 || (pads > 0 && b[end] !== padding) || (pads > 1 && b[end + 1] !== padding)) return -1
  const bytes = ((end - from) * 3) >> 2
  int32(bytes, out, o)
  written.end = o + 4 + bytes
  // Node decodes a text of more than 50 digits faster than a loop here would
  if (written.end <= out.length) out.write(b.toString('latin1', from, end), o + 4, 'base64')
  return end + pads
}
