import { csvRows } from '#core/rows/csv.ts'
import type { CsvDialect } from '#core/rows/csv-dialect.ts'
import type { BulkReader, RowBoundaries } from '#core/rows/row-boundaries.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import type { Text } from './read-rows.ts'

/**
 * Cutting CSV at any byte. Whether a newline ends a row or stands inside quotes depends on all that came before. So every chunk is looked at
 * by itself, side by side, under each state that it may begin in (Ge et al., "Speculative Distributed CSV Data Parsing", SIGMOD 2019): which is its
 * first row then, and where does the next chunk's first row begin? Afterwards the chunks are joined in order, without reading anything again: the
 * row with which one ends must be the one with which the next begins. What no state explains (a quote that is never closed can do that)
 * is left to one reader that goes through the whole file.
 */
export interface Edge {
  /** Text offset of the first row that begins in the chunk. */
  readonly start: number
  /** Text offset of the first row that begins behind it. */
  readonly end: number
}

const newline = 10
/** Bytes of the longest state: so many stand before the chunk's first one, which lets it be read as if it were in that state. */
const lead = 3

/** Bytes that put the boundaries into each state: between fields, in a plain field, in a quoted field, behind a quote in a quoted field. */
function statesOf({ delimiter, quote }: CsvDialect) {
  const plain = ['x', 'y', 'z'].find((c) => c !== delimiter && c !== quote)!
  return { between: '', plain, quoted: quote, behindQuote: `${quote}${plain}${quote}` }
}

/** The states in which the byte behind this one can be read. Inside quotes everything is possible. */
function statesBehind(byte: number, dialect: CsvDialect): readonly string[] {
  const { between, plain, quoted, behindQuote } = statesOf(dialect)
  if (byte === newline || byte === dialect.delimiter.charCodeAt(0)) return [between, quoted]
  if (byte === dialect.quote.charCodeAt(0)) return [behindQuote, quoted, plain]
  return [plain, quoted]
}

/** Passes rows up to the next quote at once: where there is none, a newline ends a row. */
const rowsWithoutQuotes = ({ quote }: CsvDialect): BulkReader => {
  const byte = quote.charCodeAt(0)
  return (bytes, from, to, limit) => {
    const next = bytes.indexOf(byte, from)
    const plain = next < 0 || next >= to ? to : bytes.lastIndexOf(newline, next) + 1
    // The row that begins before the limit is the last one taken.
    const at = limit < plain ? bytes.indexOf(newline, limit - 1) + 1 : plain
    return at > from ? { at, rows: 1 } : { at: from, rows: 0 }
  }
}

export interface ChunkBytes {
  /** The chunk's first byte and the first byte behind it. */
  readonly from: number
  readonly to: number
  readonly rowBytes: number
  readonly dialect: CsvDialect
  /** Pieces of text that begin one byte before the chunk; false when there is none left. */
  readonly next: () => Promise<Buffer | undefined>
}

/** The edges of a chunk that does not begin the file. */
export async function findEdges({ from, to, rowBytes, dialect, next }: ChunkBytes): Promise<Edge[]> {
  const boundaries = csvRows(dialect)
  // The last byte of the lead is the one before the chunk.
  let head: Buffer = Buffer.alloc(lead - 1)
  let final = false
  const gather = async (bytes: number): Promise<void> => {
    const pieces = [head]
    for (let held = head.length; held < bytes && !final; ) {
      const piece = await next()
      if (!piece) final = true
      else {
        pieces.push(piece)
        held += piece.length
      }
    }
    head = Buffer.concat(pieces)
  }
  await gather(lead)
  const before = head[lead - 1]
  const states = before === undefined ? [] : statesBehind(before, dialect)
  const startsIn = (): (number | undefined)[] =>
    states.map((state) => (state === '' && before === newline ? from : startIn(state, head, from, final, boundaries)))
  let starts = startsIn()
  // A state in which no row ends within the longest row there may be is not the right one. Twice as much each time, or a look at all would cost its square.
  while (starts.some((s) => s === undefined) && !final && head.length <= rowBytes + lead) {
    await gather(Math.min(2 * head.length, rowBytes + lead + 1))
    starts = startsIn()
  }
  const distinct = [...new Set(starts.filter((s) => s !== undefined))]
  const readers = distinct.map((start) => reader(boundaries, start, rowBytes, head.subarray(start - from + lead)))
  const bulk = rowsWithoutQuotes(dialect)
  for (;;) {
    for (const r of readers) r.edge ??= endOf(r, to, final, bulk)
    if (readers.every((r) => r.edge)) return readers.map((r) => r.edge!)
    const piece = await next()
    if (!piece) final = true
    else for (const r of readers) if (!r.edge) r.splitter.push(piece)
  }
}

/** Where the chunk's first row begins when its first byte is read in this state; undefined when the bytes do not tell yet. */
function startIn(state: string, head: Buffer, from: number, final: boolean, boundaries: RowBoundaries): number | undefined {
  head.write(state, lead - state.length, 'latin1')
  const end = boundaries.end(head, lead - state.length, head.length, final)
  return end < 0 ? undefined : from + end - lead
}

interface EdgeReader {
  readonly start: number
  readonly splitter: RowSplitter
  edge: Edge | undefined
}

function reader(boundaries: RowBoundaries, start: number, rowBytes: number, bytes: Buffer): EdgeReader {
  const splitter = new RowSplitter({ boundaries, rowBytes, offset: start, skipToNewline: false, ranged: false })
  splitter.push(bytes)
  return { start, splitter, edge: undefined }
}

const endOf = ({ start, splitter }: EdgeReader, to: number, final: boolean, bulk: BulkReader): Edge | undefined =>
  splitter.rows(to, final, () => undefined, bulk) ? { start, end: splitter.offset } : undefined

/** The edge of the chunk that begins the file: its first row is where the header ends. */
export async function firstEdge(text: Text, start: number, to: number, dialect: CsvDialect): Promise<Edge> {
  const bulk = rowsWithoutQuotes(dialect)
  for (let final = false; ; final = !(await text.more())) {
    if (text.splitter.rows(to, final, () => undefined, bulk)) return { start, end: text.splitter.offset }
  }
}

/**
 * Where each chunk's first row begins, chunk by chunk.
 * @param edges of every chunk, in order; of the first chunk there is one
 * @returns undefined when no state of some chunk agrees with the one before it
 */
export function joinEdges(edges: readonly (readonly Edge[])[], chunkSize: number): number[] | undefined {
  const starts: number[] = []
  let at = edges[0]?.[0]?.start ?? 0
  for (const [chunk, candidates] of edges.entries()) {
    starts.push(at)
    if (at >= (chunk + 1) * chunkSize) continue
    const edge = candidates.find((e) => e.start === at)
    if (!edge) return undefined
    at = edge.end
  }
  return starts
}
