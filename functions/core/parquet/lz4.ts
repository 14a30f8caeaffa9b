/**
 * One block of LZ4 that inflates to exactly `length` bytes. What is shorter is damaged: the rest would be zeros that nobody wrote.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 * @throws Error
 */
export function lz4(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length)
  if (block(input, output, 0) !== length) throw damaged()
  return output
}

/**
 * The older codec: blocks, each behind its two lengths, as Hadoop writes them; or one block alone, as others did.
 * https://github.com/apache/parquet-format/blob/master/Compression.md#lz4
 * @throws Error
 */
export function hadoopLz4(input: Uint8Array, length: number): Uint8Array {
  return framed(input, length) ?? lz4(input, length)
}

/** Undefined when the lengths are none. */
function framed(input: Uint8Array, length: number): Uint8Array | undefined {
  const lengths = new DataView(input.buffer, input.byteOffset, input.length)
  const output = new Uint8Array(length)
  let out = 0
  for (let at = 0; at < input.length; ) {
    if (input.length - at < 8) return undefined
    const [inflated, stored] = [lengths.getUint32(at), lengths.getUint32(at + 4)]
    at += 8
    if (inflated > length - out || stored > input.length - at) return undefined
    try {
      if (block(input.subarray(at, at + stored), output.subarray(0, out + inflated), out) !== out + inflated) return undefined
    } catch {
      return undefined
    }
    at += stored
    out += inflated
  }
  return out === length ? output : undefined
}

/** Inflates into `output` from `begin` on. @returns where it ends there */
function block(input: Uint8Array, output: Uint8Array, begin: number): number {
  let at = 0
  let out = begin
  const extended = (length: number): number => {
    if (length < 15) return length
    let sum = length
    for (;;) {
      if (at >= input.length) throw damaged()
      const byte = input[at++]!
      sum += byte
      if (byte < 255) return sum
    }
  }
  while (at < input.length) {
    const token = input[at++]!
    const literals = extended(token >> 4)
    if (literals > input.length - at || literals > output.length - out) throw damaged()
    output.set(input.subarray(at, at + literals), out)
    at += literals
    out += literals
    if (at === input.length) return out
    if (input.length - at < 2) throw damaged()
    const offset = input[at]! + input[at + 1]! * 256
    at += 2
    const match = extended(token & 15) + 4
    if (offset === 0 || offset > out - begin || match > output.length - out) throw damaged()
    // A match may reach into what it makes itself.
    if (offset >= match) output.copyWithin(out, out - offset, out - offset + match)
    else for (let i = 0; i < match; i++) output[out + i] = output[out + i - offset]!
    out += match
  }
  return out
}

const damaged = (): Error => new Error('LZ4 data is damaged')
