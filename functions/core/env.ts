import { ConfigurationError } from './errors.ts'

/** What one environment variable holds. The same spec types the stack that sets it and the handler that reads it. */
type Kind = 'string' | 'integer' | 'boolean'
type ValueOf<K extends Kind> = K extends 'integer' ? number : K extends 'boolean' ? boolean : string

export interface Variable<K extends Kind = Kind> {
  readonly kind: K
  /** One line for whoever meets the variable in a console. */
  readonly doc: string
}
export type EnvSpec = Readonly<Record<string, Variable>>
/** What the handler gets. */
export type Env<S extends EnvSpec> = { readonly [N in keyof S]: ValueOf<S[N]['kind']> }
/** What the stack must set: every name, as a string (a CDK token is a string too). */
export type Environment<S extends EnvSpec> = { readonly [N in keyof S]: string }

export const string = (doc: string): Variable<'string'> => ({ kind: 'string', doc })
export const integer = (doc: string): Variable<'integer'> => ({ kind: 'integer', doc })
export const boolean = (doc: string): Variable<'boolean'> => ({ kind: 'boolean', doc })

/**
 * Reads and checks a function's environment at cold start.
 * @throws ConfigurationError that names every missing or malformed variable, and never prints a value.
 */
export function readEnv<S extends EnvSpec>(spec: S, source: Readonly<Record<string, string | undefined>>): Env<S> {
  const faults: string[] = []
  const values = Object.entries(spec).map(([name, variable]) => [name, parse(name, variable, source[name], faults)])
  if (faults.length > 0) throw new ConfigurationError(faults.join('; '))
  return Object.fromEntries(values) as Env<S>
}

function parse(name: string, variable: Variable, text: string | undefined, faults: string[]): string | number | boolean | undefined {
  if (text === undefined || text === '') {
    faults.push(`${name} is not set (${variable.doc})`)
    return undefined
  }
  if (variable.kind === 'string') return text
  if (variable.kind === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (variable.kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  faults.push(`${name} must be ${variable.kind === 'integer' ? 'a whole number' : '"true" or "false"'} (${variable.doc})`)
  return undefined
}
