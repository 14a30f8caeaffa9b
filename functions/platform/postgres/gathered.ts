/** Bytes that are written at once: below it a write costs more than its bytes. */
const enough = 64 * 1024

/** Puts small pieces together before they are written: many chunks of a few rows become one write. As `write` does, it lets go of the bytes it is given. */
export function gathered(write: (bytes: Uint8Array) => Promise<void>) {
  const held = Buffer.allocUnsafe(enough)
  let length = 0
  const flush = async (): Promise<void> => {
    if (length > 0) await write(held.subarray(0, length))
    length = 0
  }
  return {
    async write(bytes: Uint8Array): Promise<void> {
      if (length + bytes.length > enough) await flush()
      if (bytes.length >= enough) return write(bytes)
      held.set(bytes, length)
      length += bytes.length
    },
    flush,
  }
}
