import type * as z from 'zod'
import type { ProblemCode } from './problems.ts'

/** Who calls: what an API key stands for. */
export interface Identity {
  readonly tenant: string
  /** Datasets the key may use; `*` stands for all. */
  readonly datasets: readonly string[]
}

export const mayUse = (identity: Identity, dataset: string): boolean =>
  identity.datasets.includes('*') || identity.datasets.includes(dataset)

/** One row of the route table: what the boundary validates with and what OpenAPI is generated from. */
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
interface RouteBytes {
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

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParamNames<Rest> : never

/** A request that passed the boundary: authenticated, parsed, valid. */
export interface CallOf<R extends Route> {
  readonly identity: R['access'] extends 'key' ? Identity : null
  readonly params: Readonly<Record<ParamNames<R['path']>, string>>
  readonly query: R extends { query: infer Q extends z.ZodType } ? z.output<Q> : undefined
  readonly body: R extends { body: infer B extends z.ZodType } ? z.output<B> : R extends { bytes: RouteBytes } ? Buffer : undefined
  /** A request header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly traceparent: string
  /** Milliseconds until the function is stopped. */
  readonly timeLeft: () => number
}

/** What an action answers. `json` is written as JSON, `text` as it stands with its own content type. */
export interface Answer {
  readonly status: number
  readonly json?: unknown
  readonly text?: { readonly body: string; readonly contentType: string }
  readonly headers?: Readonly<Record<string, string>>
}

export type Action<R extends Route> = (call: CallOf<R>) => Promise<Answer>
