import type { Action } from '#core/api/call.ts'
import type { UploadAnswer } from '#core/api/contract.ts'
import type * as routes from '#core/api/routes/uploads.ts'
import { crc32ToHex } from '#core/loads/crc32.ts'
import { effectiveState, type Load } from '#core/loads/load.ts'
import { noSuchLoad, type UploadedPart, uploadLinks } from '#core/loads/upload.ts'

interface Deps {
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly listParts: (upload: { objectKey: string; uploadId: string }) => Promise<UploadedPart[] | undefined>
  readonly now: () => number
}

export const createShowUpload = ({ findLoad, listParts, now }: Deps): Action<typeof routes.showUpload> =>
  async function showUpload({ identity, params }) {
    const load = await findLoad(identity.tenant, params.load)
    if (load?.door !== 'file') throw noSuchLoad(params.load)
    const state = effectiveState(load, now())
    const parts = state === 'receiving' ? ((await listParts(load)) ?? []) : []
    const json: UploadAnswer = {
      loadId: load.id,
      state,
      partSize: load.partSize,
      partCount: load.partCount,
      expiresAt: load.expiresAt,
      // A part without checksum cannot be a part of the whole object's: it is as good as not there.
      parts: parts.flatMap(({ number, size, crc32 }) => (crc32 === undefined ? [] : [{ number, size, crc32: crc32ToHex(crc32) }])),
      links: uploadLinks(load.id),
    }
    return { status: 200, json }
  }
