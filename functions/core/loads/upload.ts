import { RequestError } from '#core/errors.ts'
import { combineCrc32, crc32ToHex } from './crc32.ts'
import type { FileLoad, Load } from './load.ts'
import { effectiveState } from './load.ts'
import { sizeOfPart } from './parts.ts'

/** A part as S3 lists it. `crc32` is missing when it was sent without one, which a signed URL does not allow. */
export interface UploadedPart {
  readonly number: number
  readonly size: number
  readonly crc32: number | undefined
  readonly etag: string
}

/** An object in the raw bucket. `load` is what its upload was opened for; an object put there by other means names none. */
export interface StoredObject {
  readonly size: number
  readonly load: string | undefined
}

/**
 * What S3 said to joining the parts. `look`: the upload is gone or an object is already there, so that only looking for
 * the object tells which. `changed`: a part was replaced between listing and joining.
 */
export type CompleteOutcome = 'joined' | 'look' | 'changed'

/** Parts named in one answer. */
const maxNamed = 20

/** What is wrong with the parts that S3 has, or the CRC32 of the object that they make. */
export function checkParts(
  load: Pick<FileLoad, 'size' | 'partSize' | 'partCount'>,
  parts: readonly UploadedPart[],
): { crc32: string } | RequestError {
  const byNumber = new Map(parts.map((part) => [part.number, part]))
  const missing: number[] = []
  const wrong: { pointer: string; detail: string }[] = []
  let crc = 0
  for (let number = 1; number <= load.partCount; number++) {
    const part = byNumber.get(number)
    const size = sizeOfPart(load, number)
    if (part?.crc32 === undefined) missing.push(number)
    else if (part.size !== size) wrong.push({ pointer: `/parts/${number}`, detail: `has ${part.size} bytes and must have ${size}` })
    else crc = combineCrc32(crc, part.crc32, size)
  }
  for (const { number } of parts)
    if (number > load.partCount) wrong.push({ pointer: `/parts/${number}`, detail: `is beyond the last part, ${load.partCount}` })
  if (wrong.length > 0) {
    const detail = `${wrong.length} of the parts have another size than planned; sign and send them again`
    return new RequestError('part-size-mismatch', detail, { errors: wrong.slice(0, maxNamed) })
  }
  if (missing.length > 0) {
    const detail = `${missing.length} of ${load.partCount} parts are missing; sign and send them, then complete again`
    const errors = missing.slice(0, maxNamed).map((number) => ({ pointer: `/parts/${number}`, detail: 'has not arrived' }))
    return new RequestError('parts-missing', detail, { errors })
  }
  return { crc32: crc32ToHex(crc) }
}

/** @throws RequestError when the upload no longer takes parts */
export function demandOpen(load: Load, now: number): void {
  const state = effectiveState(load, now)
  if (state === 'receiving') return
  if (state === 'expired') throw new RequestError('upload-expired', `The upload was open until ${load.expiresAt}; open another one`)
  throw new RequestError('upload-not-open', notOpen(load.id, state))
}

export const notOpen = (id: string, state: string): string =>
  state === 'aborted'
    ? `Upload ${id} was aborted; open another one`
    : `Upload ${id} is over and its load is ${state}; see its receipt at /v1/loads/${id}`

export const noSuchLoad = (id: string): RequestError => new RequestError('load-not-found', `There is no load ${id} of this tenant`)

export const uploadLinks = (id: string) => ({
  self: `/v1/uploads/${id}`,
  parts: `/v1/uploads/${id}/parts`,
  complete: `/v1/uploads/${id}/complete`,
  receipt: `/v1/loads/${id}`,
})
