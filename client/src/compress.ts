/** How bodies are compressed on their way. */
export interface Compressor {
  readonly name: 'gzip' | 'zstd'
  readonly compress: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>
}

/** What browsers and Node have in common. Node's zstd is faster and smaller: `@millrace/client/node`. */
export const gzip: Compressor = {
  name: 'gzip',
  compress: async (bytes) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'))
    return new Uint8Array(await new Response(stream).arrayBuffer())
  },
}
