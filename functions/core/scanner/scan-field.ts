/** The text of the CSV field that was read last, and a NUL behind it, which no value has. Grows to the longest. */
export const field = { bytes: Buffer.alloc(1024), end: 0 }
const [tab, space] = [9, 32]

/**
 * Copies the CSV field at `from` with each doubled quote as one. It ends at its closing quote or the next delimiter, or before the first byte
 * that it does not take, such as a newline: what must follow it is then not there.
 * @returns the index behind it
 */
export function fieldText(b: Uint8Array, from: number, quoted: boolean, delimiter: number, quote: number): number {
  let p = from
  let w = 0
  for (;;) {
    const c = b[p]!
    if (c === quote) {
      if (!quoted || b[p + 1] !== quote) break
      p++
    } else if ((c === delimiter && !quoted) || !(c >= space || c === tab)) break
    if (w + 1 === field.bytes.length) field.bytes = Buffer.concat([field.bytes, Buffer.alloc(w)])
    field.bytes[w++] = c
    p++
  }
  field.bytes[w] = 0
  field.end = w
  return p
}
