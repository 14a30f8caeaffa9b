import { setImmediate } from 'node:timers/promises'
import type { FileLoad } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import type { CompleteOutcome, StoredObject, UploadedPart } from '#core/loads/upload.ts'

/** The ports of the upload functions over one load and one multipart upload in memory, with S3's and DynamoDB's rules. */
export class MemoryUploads {
  load: FileLoad
  /** Undefined once the upload is joined or dropped. */
  parts: UploadedPart[] | undefined
  object: StoredObject | undefined
  joins = 0
  clock: number

  constructor(load: FileLoad, parts: readonly UploadedPart[], clock: number) {
    this.load = load
    this.parts = [...parts]
    this.clock = clock
  }

  readonly now = () => this.clock
  readonly findLoad = async (tenant: string, id: string) => {
    await setImmediate()
    return tenant === this.load.tenant && id === this.load.id ? { ...this.load } : undefined
  }
  readonly listParts = async () => {
    await setImmediate()
    return this.parts && [...this.parts]
  }
  readonly headObject = async () => {
    await setImmediate()
    return this.object
  }
  readonly joinParts = async (_: unknown, parts: readonly UploadedPart[], size: number): Promise<CompleteOutcome> => {
    await setImmediate()
    if (this.parts === undefined || this.object !== undefined) return 'look'
    if (parts.some(({ number, etag }) => this.parts?.find((part) => part.number === number)?.etag !== etag)) return 'changed'
    this.parts = undefined
    this.object = { size, load: this.load.id }
    this.joins++
    return 'joined'
  }
  readonly dropUpload = async () => {
    await setImmediate()
    const there = this.parts !== undefined
    this.parts = undefined
    return there
  }
  readonly noteUploadedCrc32 = (_: string, uploadedCrc32: string) => this.move({ uploadedCrc32 })
  readonly startLoading = () => this.move({ state: 'loading' })
  readonly markAborted = () => this.move({ state: 'aborted' })

  private async move(change: Partial<FileLoad>): Promise<LoadState | undefined> {
    await setImmediate()
    if (this.load.state !== 'receiving') return this.load.state
    this.load = { ...this.load, ...change }
    return undefined
  }
}
