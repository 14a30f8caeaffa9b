import type { Action, Answer } from '#core/api/call.ts'
import { permittedUpload } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/uploads.ts'
import { RequestError } from '#core/errors.ts'
import { effectiveState, type Load } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import { notOpen, type StoredObject } from '#core/loads/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  /** @returns false when S3 has no such upload (any more) */
  readonly dropUpload: (upload: { objectKey: string; uploadId: string }) => Promise<boolean>
  readonly headObject: (objectKey: string) => Promise<StoredObject | undefined>
  /** @returns the state that was there instead, when the load is no longer receiving */
  readonly markAborted: (id: string) => Promise<LoadState | undefined>
  readonly now: () => number
}

const done: Answer = { status: 204 }

/**
 * S3 first, then the load: once S3 has dropped the parts nothing can complete the upload, and an object of this upload
 * means that a completion was faster. A load past its window stays `expired`; its parts are freed all the same.
 */
export const createAbortUpload = ({ findLoad, dropUpload, headObject, markAborted, now }: Deps): Action<typeof routes.abortUpload> =>
  async function abortUpload({ identity, params }) {
    const load = permittedUpload(identity, await findLoad(identity.tenant, params.load), params.load)
    if (load.state === 'aborted') return done
    if (load.state !== 'receiving') throw new RequestError('upload-not-open', notOpen(load.id, load.state))

    const dropped = await dropUpload(load)
    if ((await headObject(load.objectKey))?.load === load.id) throw new RequestError('upload-not-open', notOpen(load.id, 'loading'))
    // The upload is gone, a completion has begun, and its object is not to be seen yet: S3 may be joining the parts right now.
    if (!dropped && load.uploadedCrc32 !== undefined && effectiveState(load, now()) === 'receiving')
      throw new RequestError('upload-busy', 'The upload is being completed or aborted by another request; ask again in a moment', {
        retryAfter: 2,
      })
    if (effectiveState(load, now()) === 'expired') return done
    const other = await markAborted(load.id)
    if (other !== undefined && other !== 'aborted') throw new RequestError('upload-not-open', notOpen(load.id, other))
    return done
  }
