import type * as z from 'zod'
import type { ProblemCode } from '#core/problems.ts'
import { receiptAnswer } from './answers.ts'

/** One row of the route table: what the boundary validates with and what OpenAPI is generated from. Paths as API Gateway writes them. */
export interface Route {
  readonly id: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly access: 'key' | 'anyone'
  readonly summary: string
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** A body that is handed on as it came. */
  readonly bytes?: RouteBytes
  /** Request headers with a meaning of their own, and what they mean. */
  readonly headers?: Readonly<Record<string, string>>
  readonly answers: Readonly<Record<number, RouteAnswer>>
  /** Problems of the route itself; those of every route are added to it. */
  readonly problems: readonly ProblemCode[]
}
export interface RouteBytes {
  readonly contentTypes: readonly string[]
  /** Most of them. */
  readonly limit: number
}
interface RouteAnswer {
  readonly doc: string
  readonly schema?: z.ZodType
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Keeps the literal types of a route: from them come the types of its calls. */
export const route = <const R extends Route>(r: R): R => r

/** What a route answers that makes a load go on. */
export const receipt202 = { doc: 'The receipt: rows are being loaded, or already are', schema: receiptAnswer }
