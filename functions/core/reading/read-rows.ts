import type { Ignored } from '#core/rows/ignored.ts'
import type { BulkReader } from '#core/rows/row-boundaries.ts'
import type { RowSplitter, SplitRow } from '#core/rows/row-splitter.ts'
import { CopyWriter } from '#core/values/copy-writer.ts'
import { type Refusal, rowTooLarge } from '#core/values/reject.ts'
import type { RowReader } from './format.ts'

/** Text that arrives piece by piece. */
export interface Text {
  readonly splitter: RowSplitter
  /** Pushes the next piece into the splitter; false when there is none. */
  more(): Promise<boolean>
}

/** Where rows go. Both calls are ordered as the rows are. */
export interface RowSink {
  /** Binary COPY rows. They are overwritten as soon as the promise resolves: whoever keeps them copies them. */
  write(rows: Uint8Array): Promise<void>
  /** Called for one row; must not wait. */
  refuse(refusal: Refusal, row: SplitRow): void
  /** Called between pieces: the time to wait for what `refuse` gathered. */
  flush(): Promise<void>
  /** What rows are written with on their way, for whoever reads many short texts one after the other; else each has its own. */
  readonly writer?: CopyWriter
}

/** When to stop before the limit: what would not be committed in its time is left to another part of the chunk. */
export interface Quota {
  /** Rows at most; at least 1. */
  readonly rows: number
  /** Told after every piece how many rows were read; true when it is time to stop. */
  readonly isOver: (received: number) => boolean
}

export interface RowsRead {
  /** Rows counted where the bytes were split. */
  readonly received: number
  /** Rows written to the sink. */
  readonly encoded: number
  /** What was passed over of those; absent when nothing was. */
  readonly ignored?: Ignored
  /** Lines the rows span, blank ones included. */
  readonly lines: number
  /** Text offset at which the next row begins. */
  readonly nextRow: number
  /** True when the text is over and every row of it was read: its last bytes may have come while rows behind the limit are still held. */
  readonly ended: boolean
  /** True when it stopped before the limit: there may be more rows. */
  readonly more?: true
}

/** Rows are handed on in buffers of about this many bytes: large enough that a write costs nothing per row. */
const writeBytes = 64 * 1024

/**
 * Reads the rows that begin before text offset `limit`, encodes the good ones and refuses the others, with backpressure from the sink.
 * @param linesBefore lines of the chunk that were read already: a header
 * @param quota where it may stop earlier, behind any row but never before the first
 */
export async function readRows(
  text: Text,
  limit: number,
  { encode, scanner, ignored: ignoredOf }: RowReader,
  sink: RowSink,
  linesBefore = 0,
  quota?: Quota,
): Promise<RowsRead> {
  const { splitter } = text
  const out = sink.writer ?? new CopyWriter()
  out.truncate(0)
  let received = 0
  let encoded = 0
  let ended = false
  let stops = false
  const mostRows = quota?.rows ?? Number.POSITIVE_INFINITY
  splitter.resetLines(linesBefore)
  const onRow = (row: SplitRow): void => {
    received++
    const refusal = row.oversized ? rowTooLarge : encode(row.bytes, row.line, row.offset, out)
    if (refusal) sink.refuse(refusal, row)
    else encoded++
  }
  const bulk: BulkReader | undefined =
    scanner &&
    ((bytes, from, to, end, line, base) => {
      const at = scanner.scan(bytes, from, to, end, out, line, base)
      received += scanner.rows
      encoded += scanner.rows
      return { at, rows: scanner.rows }
    })
  for (;;) {
    // A row takes a byte at least: no more of them begin in the next bytes than there may be.
    const step = Math.min(limit, splitter.offset + mostRows - received)
    const stepped = splitter.rows(step, ended, onRow, bulk)
    const done = stepped && (step === limit || (ended && !splitter.holds))
    if (quota && received > 0 && splitter.betweenRows) stops = received >= mostRows || quota.isOver(received)
    if (out.length >= writeBytes || ((done || stops) && out.length > 0)) {
      await sink.write(out.written)
      out.truncate(0)
    }
    await sink.flush()
    if (done || stops) break
    if (!stepped || !splitter.betweenRows) ended = !(await text.more())
  }
  const ignored = ignoredOf(encoded)
  const read = {
    ...{ received, encoded, lines: splitter.lines, nextRow: splitter.offset, ended: ended && !splitter.holds },
    ...(ignored && { ignored }),
  }
  return stops && read.nextRow < limit && !read.ended ? { ...read, more: true } : read
}
