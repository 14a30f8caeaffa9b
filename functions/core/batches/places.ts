/**
 * Where the rows of a text stand in the body that it was cut from. Rows that follow each other in both have one run; a refused row between
 * them, or another lane's, begins the next.
 */
interface Run {
  /** Line of the text, from 1, from which on it holds. */
  readonly line: number
  /** What must be added to a line and to a byte offset of the text to get those of the body. */
  readonly lineShift: number
  readonly offsetShift: number
}

/** In the order of their lines. */
export type Places = readonly Run[]

export interface Place {
  /** From 1. */
  readonly line: number
  /** Of the first byte, in the body after decompression. */
  readonly offset: number
}

/** The place in the body of a row whose place in the text is known. */
export function placeOf(places: Places, line: number, offset: number): Place {
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]!.line <= line) low = middle + 1
    else high = middle
  }
  const run = places[low - 1]
  return run ? { line: line + run.lineShift, offset: offset + run.offsetShift } : { line, offset }
}

/** A JSON array of differences: where runs are regular, nearly all of it is repetition, which compresses to nothing. */
export function encodePlaces(places: Places): Buffer {
  const numbers: number[] = []
  let [line, lineShift, offsetShift] = [0, 0, 0]
  for (const run of places) {
    numbers.push(run.line - line, run.lineShift - lineShift, run.offsetShift - offsetShift)
    ;({ line, lineShift, offsetShift } = run)
  }
  return Buffer.from(JSON.stringify(numbers))
}

/** Undefined when the bytes are no places. */
export function decodePlaces(bytes: Buffer): Places | undefined {
  let numbers: unknown
  try {
    numbers = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  if (!Array.isArray(numbers) || numbers.length % 3 !== 0 || !numbers.every(Number.isSafeInteger)) return undefined
  const places: Run[] = []
  let [line, lineShift, offsetShift] = [0, 0, 0]
  for (let i = 0; i < numbers.length; i += 3) {
    line += numbers[i] as number
    lineShift += numbers[i + 1] as number
    offsetShift += numbers[i + 2] as number
    places.push({ line, lineShift, offsetShift })
  }
  return places
}
