/** What the SDK has besides in Node. */
export { type Checkpoint, openCheckpoint } from './checkpoint-file.ts'
export { fileSource } from './file-source.ts'
export { resumeStream, type StreamInput } from './resuming.ts'
export { zstd } from './zstd.ts'
