import type { Action, Answer } from '#core/api/call.ts'
import { permittedUpload } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/uploads.ts'
import { RequestError } from '#core/errors.ts'
import { type FileLoad, type Load, receiptOf } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import { type CompleteOutcome, checkParts, demandOpen, notOpen, type StoredObject, type UploadedPart } from '#core/loads/upload.ts'

interface Upload {
  readonly objectKey: string
  readonly uploadId: string
}
interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly listParts: (upload: Upload) => Promise<UploadedPart[] | undefined>
  /** These two: @returns the state that was there instead, when the load is no longer receiving */
  readonly noteUploadedCrc32: (id: string, crc32: string) => Promise<LoadState | undefined>
  readonly startLoading: (id: string) => Promise<LoadState | undefined>
  readonly joinParts: (upload: Upload, parts: readonly UploadedPart[], size: number) => Promise<CompleteOutcome>
  readonly headObject: (objectKey: string) => Promise<StoredObject | undefined>
  readonly now: () => number
}

/** Seconds after which a completion that meets another one is worth asking again. */
const busyRetryAfter = 2

/**
 * S3 is the arbiter: it joins the parts once, whoever asks. Everything here may run twice, side by side, or stop
 * anywhere, and the next call goes on from what S3 has:
 *
 *   parts there, all of them   → note the CRC32 → join → object there → loading
 *   upload gone, object there  → somebody joined it (this call's twin, or an earlier one that stopped) → loading
 *   upload gone, no object     → aborted, or being joined or aborted this very moment → not open, or ask again
 */
export const createCompleteUpload = (deps: Deps): Action<typeof routes.completeUpload> =>
  async function completeUpload({ identity, params }) {
    const load = permittedUpload(identity, await deps.findLoad(identity.tenant, params.load), params.load)
    if (load.state === 'loading' || load.state === 'complete' || load.state === 'failed') return receipt(load, deps.now())
    demandOpen(load, deps.now())

    const parts = await deps.listParts(load)
    const joined = parts ? await join(deps, load, parts) : false
    if (!joined) await demandObject(deps, load)

    // plan-load may have seen the object first and opened the load itself: that is the same success.
    const other = await deps.startLoading(load.id)
    if (other === 'aborted') throw new RequestError('upload-not-open', notOpen(load.id, other))
    return receipt((await deps.findLoad(identity.tenant, load.id)) ?? load, deps.now())
  }

async function join({ noteUploadedCrc32, joinParts }: Deps, load: FileLoad, parts: readonly UploadedPart[]): Promise<boolean> {
  const whole = checkParts(load, parts)
  if (whole instanceof RequestError) throw whole
  if (load.declaredCrc32 !== undefined && load.declaredCrc32 !== whole.crc32) {
    const detail = `The parts come to CRC32 ${whole.crc32}, and ${load.declaredCrc32} was declared; abort the upload and send the file again`
    throw new RequestError('checksum-mismatch', detail)
  }
  const other = await noteUploadedCrc32(load.id, whole.crc32)
  if (other === 'aborted') throw new RequestError('upload-not-open', notOpen(load.id, other))
  if (other !== undefined) return true
  const outcome = await joinParts(load, parts, load.size)
  if (outcome === 'changed') throw busy('A part was sent again while the upload was completed; complete it once more')
  return outcome === 'joined'
}

/** The upload is gone, or an object was there before: only the object of this upload means that it was completed. */
async function demandObject({ headObject, findLoad }: Deps, load: FileLoad): Promise<void> {
  const object = await headObject(load.objectKey)
  if (object && object.load !== load.id)
    throw new RequestError(
      'object-changed',
      `Another object stands at ${load.objectKey}, which was not uploaded through the API; send the file again as a new upload`,
    )
  if (object?.size === load.size) return
  if (object)
    throw new RequestError(
      'size-mismatch',
      `The object has ${object.size} bytes and ${load.size} were declared; send the file again as a new upload`,
    )
  const now = await findLoad(load.tenant, load.id)
  if (now?.state === 'aborted') throw new RequestError('upload-not-open', notOpen(load.id, now.state))
  throw busy('The upload is being completed or aborted by another request; ask again in a moment')
}

const busy = (detail: string): RequestError => new RequestError('upload-busy', detail, { retryAfter: busyRetryAfter })
const receipt = (load: Load, now: number): Answer => ({ status: 202, json: receiptOf(load, now) })
