import type * as z from 'zod'
import type { Route, RouteBytes } from './route.ts'

/** Who calls: what an API key stands for. */
export interface Identity {
  readonly tenant: string
  /** Datasets the key may use; `*` stands for all. */
  readonly datasets: readonly string[]
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
