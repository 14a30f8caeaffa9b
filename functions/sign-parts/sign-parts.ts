import type { Action } from '#core/api/call.ts'
import type { SignedPart } from '#core/api/contract.ts'
import { permittedUpload } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/uploads.ts'
import { RequestError } from '#core/errors.ts'
import { crc32FromHex } from '#core/loads/crc32.ts'
import type { FileLoad, Load } from '#core/loads/load.ts'
import { sizeOfPart } from '#core/loads/parts.ts'
import { demandOpen } from '#core/loads/upload.ts'

interface Deps {
  readonly urlSeconds: number
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  readonly signPart: (
    upload: { objectKey: string; uploadId: string },
    part: { number: number; size: number; crc32: number },
    seconds: number,
  ) => Promise<{ url: string; headers: Record<string, string> }>
  readonly now: () => number
}
interface Part {
  readonly number: number
  readonly size: number
  readonly crc32: string
}

export const createSignParts = ({ urlSeconds, findLoad, signPart, now }: Deps): Action<typeof routes.signParts> =>
  async function signParts({ identity, params, body }) {
    const load = permittedUpload(identity, await findLoad(identity.tenant, params.load), params.load)
    const at = now()
    demandOpen(load, at)
    checkParts(load, body)
    // A URL must not outlive its upload; a second is the least that can be signed.
    const seconds = Math.max(1, Math.min(urlSeconds, Math.floor((Date.parse(load.expiresAt) - at) / 1000)))
    const expiresAt = new Date(at + seconds * 1000).toISOString()
    const json: SignedPart[] = await Promise.all(
      body.map(async ({ number, size, crc32 }) => {
        const { url, headers } = await signPart(load, { number, size, crc32: crc32FromHex(crc32) }, seconds)
        return { number, url, headers, expiresAt }
      }),
    )
    return { status: 200, json }
  }

function checkParts(load: FileLoad, parts: readonly Part[]): void {
  const faults = parts.flatMap(({ number, size }, i) => {
    if (number > load.partCount) return [{ pointer: `/${i}/number`, detail: `is beyond the last part, ${load.partCount}` }]
    const planned = sizeOfPart(load, number)
    return size === planned ? [] : [{ pointer: `/${i}/size`, detail: `part ${number} must have ${planned} bytes` }]
  })
  if (faults.length > 0) {
    const detail = `${faults.length} of the parts are not as planned: parts have ${load.partSize} bytes, the last one the rest of ${load.size}`
    throw new RequestError('part-size-mismatch', detail, { errors: faults.slice(0, 20) })
  }
  const seen = new Set<number>()
  for (const [i, { number }] of parts.entries()) {
    if (seen.has(number))
      throw new RequestError('invalid-request', `Part ${number} is asked for twice`, {
        errors: [{ pointer: `/${i}/number`, detail: 'is there twice' }],
      })
    seen.add(number)
  }
}
