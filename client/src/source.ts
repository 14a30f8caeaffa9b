/** Something to push: a file, or anything else whose bytes can be read again by range. */
export interface Source {
  /** A label for people; it is not part of what makes two pushes the same. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** The bytes [start, end). Called again for every retry: nothing is kept in between. */
  readonly read: (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>
  /** Changes when the source changes, e.g. size and time of modification. */
  readonly version: () => Promise<string>
  /** A faster CRC32 than the portable one, when the platform has it: continues from `seed`. */
  readonly crc32?: (bytes: Uint8Array, seed: number) => number
}

/** A browser's File, or any Blob. The browser itself refuses to read a File that has changed on disk. */
export function blobSource(blob: Blob, name = 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'): Source {
  return {
    name,
    size: blob.size,
    read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
    version: async () => `${blob.size}-${'lastModified' in blob ? String(blob.lastModified) : ''}`,
  }
}
