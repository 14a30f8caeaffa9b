import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError } from '#core/errors.ts'
import type { ChunkRead } from '#core/reading/chunk-read.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { type RowSink, readRows } from '#core/reading/read-rows.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import type { Envelope } from './envelope.ts'
import { type Place, placeOf } from './places.ts'

export interface EnvelopeRows {
  /** Sends every good row to the sink. Called again when the rows must go another way: it then begins again. */
  readonly read: (sink: RowSink, lead: boolean, linesBefore: number) => Promise<ChunkRead>
  /** Where a row of the text stands in the body of the batch. */
  readonly placeOf: (line: number, offset: number) => Place
}

/** The rows of an envelope. They are held in memory whole, so nothing here waits but for the sink. */
export function rowsOf({ header, text, places }: Envelope, dataset: Dataset): EnvelopeRows {
  const { start, size, crc32, last, createdAt } = header
  const { boundaries, reader } = rowFormatOf(header)
  return {
    async read(sink, lead, linesBefore) {
      const splitter = new RowSplitter({
        boundaries: boundaries(0),
        rowBytes: dataset.limits.rowBytes,
        offset: 0,
        skipToNewline: false,
        ranged: false,
      })
      splitter.push(text)
      const rows = await readRows(
        { splitter, more: async () => false },
        size,
        reader(dataset, { day: new Date(createdAt), lead }, Buffer.alloc(0)),
        sink,
        linesBefore,
      )
      if (rows.received !== header.rows)
        throw new AccountingError(`the door counted ${header.rows} rows in chunk ${header.chunk}, and there are ${rows.received}`)
      return { ...rows, nextRow: start + size, sourceStart: start, sourceEnd: start + size, crc32, last }
    },
    placeOf: (line, offset) => placeOf(places, line, offset),
  }
}
