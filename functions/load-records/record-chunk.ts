import type { Dataset } from '#core/dataset.ts'
import type { Envelope, EnvelopeHeader } from '#core/envelope.ts'
import { AccountingError } from '#core/errors.ts'
import { rowFormatOf } from '#core/format.ts'
import { type Place, placeOf } from '#core/places.ts'
import { type RowSink, type RowsRead, readRows } from '#core/read-rows.ts'
import { RowSplitter } from '#core/row-splitter.ts'

/** A record of the stream as the function gets it. */
export interface StreamRecord {
  readonly sequenceNumber: string
  readonly partitionKey: string
  readonly shard: string
  /** When the stream took it, ISO 8601. */
  readonly arrivedAt: string
  readonly data: Buffer
}

/** What reading a chunk found out. */
interface RecordRead extends RowsRead {
  readonly sourceStart: number
  readonly sourceEnd: number
  readonly crc32: number
  readonly last: boolean
}

/** A chunk that came as one record. */
export interface RecordChunk {
  readonly header: EnvelopeHeader
  readonly record: StreamRecord
  /** Sends every good row to the sink. Called again when the rows must go another way: it then begins again. */
  readonly read: (sink: RowSink, lead: boolean, linesBefore: number) => Promise<RecordRead>
  /** Where a row of the text stands in the body of the batch. */
  readonly placeOf: (line: number, offset: number) => Place
}

/** The rows of an envelope. They are held in memory whole, so nothing here waits but for the sink. */
export function recordChunk(record: StreamRecord, { header, text, places }: Envelope, dataset: Dataset): RecordChunk {
  const { start, size, crc32, last, createdAt } = header
  const { scanner, reader } = rowFormatOf(header)
  return {
    header,
    record,
    async read(sink, lead, linesBefore) {
      const splitter = new RowSplitter({
        scanner: scanner(0),
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
