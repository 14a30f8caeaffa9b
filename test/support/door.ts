import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { problemAnswer } from '#core/api/answers.ts'
import { makeApiKey } from '#core/api/api-key.ts'
import type { OpenUploadAnswer, SignedPart } from '#core/api/contract.ts'
import { crc32, crc32ToHex } from '#core/loads/crc32.ts'
import type { Problem } from '#core/problems.ts'
import { putApiKey } from '#platform/dynamodb/api-keys.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { setting } from './stage.ts'

interface DoorAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as the contract's schema reads it, which must know every member. */
  readonly as: <S extends z.ZodType>(schema: S) => z.output<S>
  readonly problem: Problem
}
interface Request {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export type Ask = (request: string, more?: Request) => Promise<DoorAnswer>

/** Asks the deployed API as plain HTTP: `ask('GET /v1/loads')`. What holds for every answer is checked for every answer. */
export const door =
  (key: string | undefined): Ask =>
  async (request, { body, headers = {} } = {}) => {
    const [method = '', path = ''] = request.split(' ')
    const response = await fetch(`${setting('MILLRACE_URL')}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...headers },
      ...(body !== undefined && {
        body: typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
      }),
    })
    const text = await response.text()
    assert.ok(response.headers.get('x-request-id'), `${request} has no request id`)
    if (response.status >= 400) {
      assert.equal(response.headers.get('content-type'), 'application/problem+json', `${request}: ${text}`)
      assert.equal(problemAnswer.parse(JSON.parse(text)).status, response.status)
    }
    const parsed = () => JSON.parse(text)
    return {
      status: response.status,
      headers: response.headers,
      text,
      as: (schema) => schema.parse(parsed()),
      get problem() {
        return problemAnswer.parse(parsed())
      },
    }
  }

export const table = () => openTable(setting('MILLRACE_TABLE'))

/** A tenant of its own, with a key. */
export async function newTenant(datasets: readonly string[] = ['*']): Promise<{ tenant: string; key: string; ask: Ask }> {
  const tenant = `test-${randomBytes(6).toString('hex')}`
  const key = makeApiKey()
  await putApiKey(table())(key, { tenant, datasets, createdAt: new Date().toISOString() })
  return { tenant, key, ask: door(key) }
}

/** Blank lines: they are not rows, so that what is uploaded loads at once, whatever its size. */
export const blankLines = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(10)

/** An open upload of these bytes. */
export async function openFor(ask: Ask, bytes: Uint8Array, more: object = {}): Promise<OpenUploadAnswer> {
  const body = { fileName: 'blank.ndjson', size: bytes.length, format: 'ndjson', ...more }
  const answer = await ask('POST /v1/datasets/flights/uploads', { body })
  assert.equal(answer.status, 201, answer.text)
  return JSON.parse(answer.text)
}

export const partOf = (bytes: Uint8Array<ArrayBuffer>, { partSize }: { partSize: number }, number: number): Uint8Array<ArrayBuffer> =>
  bytes.subarray((number - 1) * partSize, number * partSize)

export async function signed(ask: Ask, load: string, number: number, part: Uint8Array): Promise<SignedPart> {
  const body = [{ number, size: part.length, crc32: crc32ToHex(crc32(part)) }]
  const answer = await ask(`POST /v1/uploads/${load}/parts`, { body })
  assert.equal(answer.status, 200, answer.text)
  return JSON.parse(answer.text)[0]
}

/** PUTs bytes to a signed URL; fetch itself sets the length. @returns the status */
export async function put({ url, headers }: Pick<SignedPart, 'url' | 'headers'>, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const { 'content-length': _, ...rest } = headers
  const response = await fetch(url, { method: 'PUT', headers: rest, body: bytes })
  await response.arrayBuffer()
  return response.status
}

export async function putParts(
  ask: Ask,
  upload: OpenUploadAnswer,
  bytes: Uint8Array<ArrayBuffer>,
  numbers?: readonly number[],
): Promise<void> {
  for (const number of numbers ?? Array.from({ length: upload.partCount }, (_, i) => i + 1)) {
    const part = partOf(bytes, upload, number)
    assert.equal(await put(await signed(ask, upload.loadId, number, part), part), 200)
  }
}
