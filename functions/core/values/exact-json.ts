/**
 * JSON.parse that keeps numbers exact: one that is written otherwise than JavaScript would write it (more digits, 1.50, 1e3)
 * comes back as its text, in the form of JSON.rawJSON (https://tc39.es/proposal-json-parse-with-source/), which JSON.stringify writes out unchanged.
 */
export interface ExactNumber {
  readonly rawJSON: string
}

declare global {
  interface JSON {
    rawJSON(text: string): ExactNumber
    isRawJSON(value: unknown): value is ExactNumber
    parse(text: string, reviver: (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown): unknown
  }
}

export const isExactNumber = (value: unknown): value is ExactNumber => JSON.isRawJSON(value)

/** @throws SyntaxError as JSON.parse does. Several times as slow: see kept-numbers.ts. */
export function parseExact(text: string): unknown {
  return hasEscapedKey(text) ? readWithEscapedKeys(text) : parseNumbersExactly(text)
}

/**
 * JSON.parse for the text of others. V8 13.6 (Node 24.21) reads a key that is written with an escape as another one, once the process has
 * read an object with a key that ends in a backslash in its place: after {"a":1,"\\":2} the text {"a":1,"\u00e9":2} comes out as the first,
 * so that one row could change the keys of others. Strings by themselves are read right.
 * @throws SyntaxError as JSON.parse does
 */
export function parseJson(text: string): unknown {
  return hasEscapedKey(text) ? readWithEscapedKeys(text) : JSON.parse(text)
}

function parseNumbersExactly(text: string): unknown {
  return JSON.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value,
  )
}

/** The first key that stands twice in one object of a JSON text, however deep, and the key of the outermost object that it is or lies under. */
export function duplicateKey(text: string, value: unknown): { readonly key: string; readonly under: string } | undefined {
  const keys = countKeys(value)
  // Every pair has one colon, behind a quote or white space: with no more of these than keys, no pair has got lost.
  return countColons(text) === keys ? undefined : findDuplicate(text)
}

/** Colons that may stand behind a key; some of them may be inside strings. */
function countColons(text: string): number {
  let colons = 0
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const before = text.charCodeAt(at - 1)
    if (before === 34 || before <= 32) colons++
  }
  return colons
}

/** Index of the quote that ends the string that begins at `at`; -1 when none does. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    if (end < 0) return end
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === 92) backslashes++
    if (backslashes % 2 === 0) return end
  }
}

/** True when a backslash stands inside a key. Texts without any backslash, nearly all, cost one search. */
function hasEscapedKey(text: string): boolean {
  let slash = text.indexOf('\\')
  // Only a walk from the beginning tells which quotes begin strings.
  for (let quote = slash < 0 ? -1 : text.indexOf('"'); quote >= 0 && slash >= 0; ) {
    const end = stringEnd(text, quote)
    if (end < 0) return false // no JSON; JSON.parse will say so
    if (slash < quote) slash = text.indexOf('\\', quote)
    if (slash >= 0 && slash < end && colonFollows(text, end + 1)) return true
    quote = text.indexOf('"', end + 1)
  }
  return false
}

/** Reads the text token by token; only strings and numbers, one at a time, go through JSON.parse. Numbers are exact. */
function readWithEscapedKeys(text: string): unknown {
  // What is wrong with a text is said by JSON.parse, whose value is let go.
  JSON.parse(text)
  let at = 0
  const space = (): void => {
    while (' \t\r\n'.includes(text[at] ?? '.')) at++
  }
  const string = (): string => {
    const end = stringEnd(text, at) + 1
    const value = JSON.parse(text.slice(at, end)) as string
    at = end
    return value
  }
  const value = (): unknown => {
    space()
    const first = text[at]
    if (first === '{') return object()
    if (first === '[') return array()
    if (first === '"') return string()
    const from = at
    while (at < text.length && !' \t\r\n,]}'.includes(text[at]!)) at++
    return parseNumbersExactly(text.slice(from, at))
  }
  /** Passes what separates two members; false at the end. */
  const more = (): boolean => {
    space()
    return text[at++] === ','
  }
  const object = (): unknown => {
    const made: Record<string, unknown> = {}
    at++
    space()
    if (text[at] === '}') {
      at++
      return made
    }
    do {
      space()
      const key = string()
      space()
      at++ // the colon
      // As JSON.parse does it: `__proto__` is a key as any other.
      Object.defineProperty(made, key, { value: value(), enumerable: true, configurable: true, writable: true })
    } while (more())
    return made
  }
  const array = (): unknown => {
    const made: unknown[] = []
    at++
    space()
    if (text[at] === ']') {
      at++
      return made
    }
    do made.push(value())
    while (more())
    return made
  }
  return value()
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return 0
  let keys = 0
  if (Array.isArray(value)) for (const each of value) keys += countKeys(each)
  else for (const key in value) keys += 1 + countKeys((value as Record<string, unknown>)[key])
  return keys
}

function colonFollows(text: string, from: number): boolean {
  let at = from
  while (' \t\r\n'.includes(text[at] ?? '.')) at++
  return text[at] === ':'
}

function findDuplicate(text: string): { key: string; under: string } | undefined {
  /** Keys of the objects that are open; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  let under = ''
  for (let at = 0; at < text.length; at++) {
    const c = text[at]
    if (c === '{' || c === '[') open.push(c === '{' ? new Set() : undefined)
    else if (c === '}' || c === ']') open.pop()
    else if (c === '"') {
      const end = stringEnd(text, at)
      if (colonFollows(text, end + 1)) {
        const key = JSON.parse(text.slice(at, end + 1)) as string
        if (open.length === 1) under = key
        if (open.at(-1)?.has(key)) return { key, under }
        open.at(-1)?.add(key)
      }
      at = end
    }
  }
  return undefined
}
