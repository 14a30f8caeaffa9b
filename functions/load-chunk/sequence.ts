import type { Dataset } from '#core/dataset.ts'
import { LoadError } from '#core/errors.ts'
import { type RowFormat, type RowReader, rowFormats } from '#core/format.ts'
import type { ChunkResult, Load } from '#core/load.ts'
import { readRows, type Text } from '#core/read-rows.ts'
import { RowSplitter } from '#core/row-splitter.ts'
import type { LoadChunkDeps } from './load-chunk.ts'
import { feed, type OpenedText } from './text.ts'

/** Milliseconds kept for handing over, on top of twice the slowest chunk so far. */
const handOverTime = 10_000

/**
 * Reads a text from one end to the other and commits chunk after chunk. The ledger says where to go on: after a crash, a
 * hand-over to the next invocation, or when another delivery of the same message was faster.
 */
export async function loadSequence(
  deps: LoadChunkDeps,
  load: Load,
  dataset: Dataset,
  first: number,
  timeLeft: () => number,
): Promise<void> {
  let chunk = first
  for (;;) {
    const before = await skipCommitted(deps, load, chunk)
    if (before?.last) return deps.finishLoad(load.id)
    chunk = before ? before.chunk + 1 : 0
    const outcome = await loadFrom(deps, load, dataset, before, timeLeft)
    if (outcome.kind === 'ended') return deps.finishLoad(load.id)
    if (outcome.kind === 'out-of-time')
      return deps.sendChunk({ tenant: load.tenant, load: load.id, chunk: outcome.next, mode: 'sequence' }, load.traceparent)
    chunk = outcome.next
  }
}

/** Projects the chunks from `chunk` on that are committed, and returns the last committed one before the work that is left. */
async function skipCommitted(deps: LoadChunkDeps, load: Load, chunk: number): Promise<ChunkResult | undefined> {
  let before = chunk > 0 ? await deps.committedChunk(load.id, chunk - 1) : undefined
  for (let n = before ? chunk : 0; ; n++) {
    const committed = await deps.committedChunk(load.id, n)
    if (!committed) return before
    await deps.projectChunk(load.id, committed)
    before = committed
  }
}

type Outcome = { readonly kind: 'ended' } | { readonly kind: 'out-of-time' | 'overtaken'; readonly next: number }

async function loadFrom(
  deps: LoadChunkDeps,
  load: Load,
  dataset: Dataset,
  committed: ChunkResult | undefined,
  timeLeft: () => number,
): Promise<Outcome> {
  let before = committed
  let reader: Reader | undefined
  try {
    let slowest = 0
    for (let chunk = before ? before.chunk + 1 : 0; ; chunk++) {
      const began = timeLeft()
      // At least one chunk an invocation, or a short time limit would only pass the load on.
      if (before !== committed && began < handOverTime + 2 * slowest) return { kind: 'out-of-time', next: chunk }
      const result = await deps.commitChunk(load, dataset, chunk, async (sink, lead) => {
        // A reader that stands behind a committed chunk goes on; one that was used for an attempt that failed is opened again.
        if (reader?.next !== chunk) {
          await reader?.opened.pieces.return?.()
          reader = await openReader(deps, load, dataset, before)
        }
        reader.next = undefined
        const rowReader = reader.rowReader(lead)
        const rows = await readRows(reader.text, (chunk + 1) * load.chunkSize!, rowReader, sink, chunk === 0 ? reader.headerLines : 0)
        const ended = rows.ended || (load.compression === 'none' && rows.nextRow >= load.size)
        return { ...rows, ...reader.opened.takeSource(), last: ended }
      })
      if (!result) return { kind: 'overtaken', next: chunk }
      await deps.projectChunk(load.id, result)
      if (result.last) return { kind: 'ended' }
      before = result
      if (reader) reader.next = chunk + 1
      slowest = Math.max(slowest, began - timeLeft())
    }
  } finally {
    await reader?.opened.pieces.return?.()
  }
}

interface Reader {
  readonly opened: OpenedText
  readonly text: Text
  readonly rowReader: (lead: boolean) => RowReader
  readonly headerLines: number
  /** The chunk whose first row comes next; undefined while one is read, and after an attempt that failed. */
  next: number | undefined
}

/** Opens the text at the first row that is not committed yet. */
async function openReader(deps: LoadChunkDeps, load: Load, dataset: Dataset, before: ChunkResult | undefined): Promise<Reader> {
  const format = rowFormats[load.format]
  const header = format.hasHeader ? await readHeader(deps, load, dataset, format) : { bytes: Buffer.alloc(0), end: 0, lines: 0 }
  const from = before?.nextRow ?? header.end
  const opened = deps.openText(load, { from, to: load.size, sourceFrom: before?.sourceEnd ?? 0, sourceTo: load.size })
  const splitter = new RowSplitter({
    scanner: format.scanner,
    rowBytes: dataset.limits.rowBytes,
    offset: from,
    skipToNewline: false,
    ranged: false,
  })
  return {
    opened,
    text: feed(splitter, opened.pieces),
    rowReader: (lead) => format.reader(dataset, { day: new Date(load.createdAt), lead }, header.bytes),
    headerLines: header.lines,
    next: before ? before.chunk + 1 : 0,
  }
}

/** The first row of the file: read by itself, so that a reader that begins in the middle knows the columns too. */
async function readHeader(
  deps: LoadChunkDeps,
  load: Load,
  dataset: Dataset,
  { scanner }: RowFormat,
): Promise<{ bytes: Buffer; end: number; lines: number }> {
  const opened = deps.openText(load, { from: 0, to: Math.min(load.size, 64 * 1024), sourceFrom: 0, sourceTo: 0 })
  const splitter = new RowSplitter({ scanner, rowBytes: dataset.limits.rowBytes, offset: 0, skipToNewline: false, ranged: false })
  const text = feed(splitter, opened.pieces)
  try {
    let row = splitter.first(false)
    for (let more = true; !row && more; row = splitter.first(!more)) more = await text.more()
    if (!row) throw new LoadError('csv-header-invalid', 'The file has no line that names the columns.')
    if (row.oversized) throw new LoadError('csv-header-invalid', 'The first line is longer than a row may be.')
    return { bytes: Buffer.from(row.bytes), end: splitter.offset, lines: splitter.lines }
  } finally {
    await opened.pieces.return?.()
  }
}
