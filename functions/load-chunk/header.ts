import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError } from '#core/errors.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { feed, type OpenText } from './text.ts'

/** The row that names the columns; of a format without one, nothing. */
export interface Header {
  readonly bytes: Buffer
  /** Text offset behind it. */
  readonly end: number
  readonly lines: number
}

/**
 * The first row of the file: read by itself, so that a reader that begins in the middle knows the columns too.
 * @throws LoadError csv-header-invalid
 */
export async function readHeader(openText: OpenText, load: PlannedLoad, dataset: Dataset): Promise<Header> {
  const { boundaries, hasHeader } = rowFormatOf(load)
  if (!hasHeader) return { bytes: Buffer.alloc(0), end: 0, lines: 0 }
  const opened = openText(load, { from: 0, to: Math.min(load.size, 64 * 1024), sourceFrom: 0, sourceTo: 0 })
  const { rowBytes } = dataset.limits
  const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes, offset: 0, skipToNewline: false, ranged: false })
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
