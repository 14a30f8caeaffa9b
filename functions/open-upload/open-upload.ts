import type * as z from 'zod'
import type { Action, Answer } from '#core/api/call.ts'
import type { OpenUploadAnswer, openUploadBody } from '#core/api/contract.ts'
import { checkIdempotencyKey, fingerprintOf } from '#core/api/idempotency.ts'
import { permittedDataset } from '#core/api/permission.ts'
import type * as routes from '#core/api/routes/uploads.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { RequestError } from '#core/errors.ts'
import { begun, type FileLoad, type Load, objectKey } from '#core/loads/load.ts'
import { loadIdFor, randomLoadId } from '#core/loads/load-id.ts'
import { planParts } from '#core/loads/parts.ts'
import { uploadLinks } from '#core/loads/upload.ts'
import type { Format } from '#core/rows/encoding.ts'

interface Deps {
  readonly datasets: ReadonlyMap<string, Dataset>
  readonly uploadHours: number
  readonly findLoad: (tenant: string, id: string) => Promise<Load | undefined>
  /** @returns the load that has the id already, when another request was first */
  readonly insertLoad: (load: FileLoad) => Promise<Load | undefined>
  /** Notes on a load that another one corrects its rejects; again changes nothing. */
  readonly noteFix: (id: string, by: string) => Promise<void>
  readonly createUpload: (upload: { objectKey: string; load: string; traceparent: string; contentType: string }) => Promise<string>
  readonly dropUpload: (upload: { objectKey: string; uploadId: string }) => Promise<unknown>
  readonly now: () => number
}

const hour = 3_600_000
const contentTypes: Record<Format | 'auto', string> = {
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
  auto: 'application/octet-stream',
}

/**
 * The load item is the record of the Idempotency-Key: its id is derived from the key, the first writer wins, and every
 * later request with the same key meets that item. An upload whose item was not written is aborted, or by lifecycle later.
 */
export const createOpenUpload = (deps: Deps): Action<typeof routes.openUpload> =>
  async function openUpload({ identity, params, body, header, traceparent }) {
    const dataset = permittedDataset(deps.datasets, identity, params.dataset)
    const key = checkIdempotencyKey(header('idempotency-key'))
    checkSize(body, dataset)
    checkCsv(body)
    await checkFixes(deps, identity.tenant, body.fixes, dataset)
    const maxRejects = body.maxRejects ?? dataset.limits.maxRejects
    const id = key === undefined ? randomLoadId() : loadIdFor(identity.tenant, dataset.name, key)
    // The name is a label: the same content under another name is the same request, and meets its first load.
    const { fileName, ...content } = body
    const fingerprint = fingerprintOf({ ...content, dataset: dataset.name })
    const earlier = key === undefined ? undefined : await deps.findLoad(identity.tenant, id)
    if (earlier) return linked(deps, earlier, replayed(earlier, fingerprint))

    const plan = planParts(body.size)
    const place = objectKey({ tenant: identity.tenant, dataset: dataset.name, id })
    const uploadId = await deps.createUpload({ objectKey: place, load: id, traceparent, contentType: contentTypes[body.format] })
    const now = deps.now()
    const load: FileLoad = {
      ...plan,
      id,
      tenant: identity.tenant,
      dataset: dataset.name,
      door: 'file',
      state: 'receiving',
      fileName,
      format: body.format,
      compression: body.compression,
      uploadId,
      objectKey: place,
      ...(body.crc32 !== undefined && { declaredCrc32: body.crc32 }),
      ...(body.expectedRows !== undefined && { expectedRows: body.expectedRows }),
      ...(body.csv !== undefined && { csv: body.csv }),
      ...(maxRejects !== undefined && { maxRejects }),
      ...(body.fixes !== undefined && { fixes: body.fixes }),
      fingerprint,
      traceparent,
      ...begun(now),
      expiresAt: new Date(now + deps.uploadHours * hour).toISOString(),
    }
    const winner = await deps.insertLoad(load)
    if (!winner) return linked(deps, load, opened(load))
    await deps.dropUpload(load)
    return linked(deps, winner, replayed(winner, fingerprint))
  }

async function checkFixes({ findLoad }: Deps, tenant: string, fixes: string | undefined, dataset: Dataset): Promise<void> {
  if (fixes === undefined || (await findLoad(tenant, fixes))?.dataset === dataset.name) return
  throw new RequestError(
    'fixes-invalid',
    `There is no load ${fixes} of this tenant into dataset ${dataset.name} whose rejects could be corrected`,
    {
      errors: [{ pointer: '/fixes', detail: 'is no load into this dataset' }],
    },
  )
}

/** The link is written with every answer, the first answer again included: a request that was cut off between the load and its link is mended. */
async function linked({ noteFix }: Deps, { id, fixes }: Load, answer: Answer): Promise<Answer> {
  if (fixes !== undefined) await noteFix(fixes, id)
  return answer
}

function checkSize({ size }: z.output<typeof openUploadBody>, dataset: Dataset): void {
  if (size === 0) throw new RequestError('empty-file', 'The file has no bytes: there is nothing to load')
  const most = dataset.limits.fileBytes
  if (size > most)
    throw new RequestError('file-too-large', `The file has ${size} bytes, and dataset ${dataset.name} takes ${most}; split it`)
}

function checkCsv({ format, csv }: z.output<typeof openUploadBody>): void {
  if (csv === undefined || format === 'csv') return
  const detail = 'csv says how a CSV file is written, and goes only with format csv'
  throw new RequestError('invalid-request', detail, { errors: [{ pointer: '/csv', detail }] })
}

function replayed(load: Load, fingerprint: string): Answer {
  if (load.door !== 'file' || load.fingerprint !== fingerprint)
    throw new RequestError('idempotency-key-reused', `The key belongs to load ${load.id}, opened with another request; use a new key`)
  const answer = opened(load)
  return { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } }
}

function opened(load: FileLoad): Answer {
  const { id, partSize, partCount, expiresAt } = load
  const links = uploadLinks(id)
  const json: OpenUploadAnswer = { loadId: id, partSize, partCount, expiresAt, links }
  return { status: 201, json, headers: { location: links.self } }
}
