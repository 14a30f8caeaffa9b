import { LoadError } from '#core/errors.ts'
import type { RowBoundaries } from './row-boundaries.ts'

/**
 * The rows of one JSON array, each of its elements a row, read piece by piece.
 *
 * What the splitter takes at once is an element with the bracket or comma before it, and an element is known to be over only when the comma or
 * bracket behind it is seen. So between two rows the text always goes on with `,` or `]`: that is all a reader that goes on in the middle has to know.
 *
 * An element goes to the next comma or closing bracket outside its own brackets and strings; whether it is JSON is the row parser's business. A
 * newline inside a string, or the wrong bracket, is never JSON, and counting on would take the neighbours too. Such an element is taken to end
 * at the end of a line that closes an object and goes on with a comma, or before the array's closing bracket.
 */
export function jsonArrayBoundaries(offset: number): RowBoundaries {
  let place: 'start' | 'inside' | 'over' = offset > 0 ? 'inside' : 'start'
  let passing: Nesting | undefined

  function end(bytes: Buffer, from: number, to: number, final: boolean): number {
    const next = skipSpace(bytes, from, to)
    if (next > from) return next
    if (from === to) return -1
    const opener = place === 'start' ? open : comma
    if (place === 'over') throw invalid(`there is ${isArray(bytes, from, to) ? 'another array' : 'more'} behind the end of the array`)
    if (place === 'inside' && bytes[from] === close) {
      place = 'over'
      return from + 1
    }
    if (bytes[from] !== opener)
      throw invalid(place === 'start' ? 'it does not begin with [' : 'a comma or ] is missing between two elements')
    const begin = skipSpace(bytes, from + 1, to)
    if (place === 'start' && begin < to && bytes[begin] === close) {
      place = 'over'
      return begin + 1
    }
    const nesting = new Nesting()
    const found = nesting.end(bytes, begin, to)
    if (found === begin) throw invalid('there is nothing behind a comma')
    const stop = found === broken ? brokenEnd(bytes, begin, to) : found
    if (stop < 0) {
      if (final) throw invalid(notClosed)
      return -1
    }
    place = 'inside'
    return stop
  }

  return {
    end,
    begin(bytes, from, to) {
      const at = skipSpace(bytes, from, to)
      if (at === to || bytes[at] === close) return to
      const begin = skipSpace(bytes, at + 1, to)
      return bytes[begin] === close && bytes[at] === open && begin + 1 === to ? to : begin
    },
    blank: (_bytes, from, to) => from === to,
    pass(bytes, from, to, final) {
      passing ??= new Nesting()
      place = 'inside'
      const found = passing.end(bytes, from, to)
      if (found === broken) throw invalid('a quote or bracket in it is never closed')
      if (found < 0 && final) throw invalid(notClosed)
      if (found >= 0) passing = undefined
      return found
    },
    over: () => place === 'over',
  }
}

const [open, close, comma, quote, backslash, lf, openBrace, closeBrace] = [91, 93, 44, 34, 92, 10, 123, 125]
const broken = -2
const notClosed = 'it ends before the array is closed'
/** Levels of nesting whose brackets must match; deeper ones are counted only. */
const watchedLevels = 512

const invalid = (what: string): LoadError =>
  new LoadError('json-array-invalid', `The file is not one whole JSON array: ${what}. Write [{"column": value, …}, …].`)

/** How deep an element is nested so far; goes on from piece to piece. */
class Nesting {
  #depth = 0
  /** What closes each of the outermost levels. */
  readonly #closers = new Uint8Array(watchedLevels)
  #inString = false
  #escaped = false

  /** Index of the comma or bracket behind the element; -1 when that is not among these bytes; `broken` at a newline inside a string or a bracket that does not match. */
  end(bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      if (this.#inString) {
        at = this.#string(bytes, at, to)
        if (at < 0) return at
        continue
      }
      const c = bytes[at]!
      if (c === quote) this.#inString = true
      else if (c === openBrace || c === open) {
        if (this.#depth < watchedLevels) this.#closers[this.#depth] = c === open ? close : closeBrace
        this.#depth++
      } else if (this.#depth === 0) {
        if (c === comma || c === close) return at
      } else if (c === closeBrace || c === close) {
        this.#depth--
        if (this.#depth < watchedLevels && this.#closers[this.#depth] !== c) return broken
      }
      at++
    }
    return -1
  }

  /** Index behind the string; -1 when it goes on. */
  #string(bytes: Buffer, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      const c = bytes[at]!
      if (this.#escaped) this.#escaped = false
      else if (c === backslash) this.#escaped = true
      else if (c === quote) {
        this.#inString = false
        return at + 1
      }
      if (c === lf) return broken
    }
    return -1
  }
}

/** Where an element whose quotes or brackets do not match ends: `},` at the end of a line, or the last `}` before a line with `]`. */
function brokenEnd(bytes: Buffer, begin: number, to: number): number {
  for (let line = bytes.indexOf(lf, begin); line >= 0 && line < to; line = bytes.indexOf(lf, line + 1)) {
    const last = backOverSpace(bytes, line - 1)
    if (last < begin) continue
    if (bytes[last] === comma && bytes[backOverSpace(bytes, last - 1)] === closeBrace) return last
    const next = skipSpace(bytes, line, to)
    if (bytes[last] === closeBrace && next < to && (bytes[next] === close || bytes[next] === comma)) return next
  }
  return -1
}

/** True where an array begins, with a byte order mark before it or without. */
function isArray(bytes: Buffer, from: number, to: number): boolean {
  const mark = bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf ? 3 : 0
  return bytes[skipSpace(bytes, from + mark, to)] === open
}

const isSpace = (c: number | undefined): boolean => c === 32 || c === lf || c === 13 || c === 9

function skipSpace(bytes: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && isSpace(bytes[at])) at++
  return at
}
function backOverSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at >= 0 && isSpace(bytes[at])) at--
  return at
}
