import type { Dataset } from '#core/dataset/dataset.ts'
import type { PlannedLoad } from '#core/loads/load.ts'
import { type RowReader, rowFormatOf } from '#core/rows/format.ts'
import { readRows, type Text } from '#core/rows/read-rows.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readHeader } from './header.ts'
import { type ChunkRead, feed, type OpenedText, type OpenText, type ReadChunk, type SourceRange } from './text.ts'

/** Where a chunk's rows end, and with them the source bytes that are accounted for. */
export interface Position {
  readonly nextRow: number
  readonly sourceEnd: number
}

interface Stream {
  readonly opened: OpenedText
  readonly text: Text
  readonly rowReader: (lead: boolean) => RowReader
  readonly headerLines: number
  /** The chunk whose first row comes next; undefined while one is read, and after an attempt that failed. */
  next: number | undefined
}

/** One text, read chunk after chunk. A chunk that must be read again gets a stream of its own. */
export class SequenceReader {
  readonly #openText: OpenText
  readonly #load: PlannedLoad
  readonly #dataset: Dataset
  #stream: Stream | undefined

  constructor(openText: OpenText, load: PlannedLoad, dataset: Dataset) {
    this.#openText = openText
    this.#load = load
    this.#dataset = dataset
  }

  /**
   * @param from where the chunk's first row begins; undefined at the beginning of the text
   * @param onRead called once, when the chunk has been read to its end: the next one may then be read
   */
  chunk(chunk: number, from: Position | undefined, onRead: (read: ChunkRead) => void): ReadChunk {
    // Fixed by the first reading: the next chunk accounts for what follows it.
    let source: SourceRange | undefined
    return async (sink, lead) => {
      const stream = this.#stream?.next === chunk ? this.#stream : await this.#open(chunk, from)
      if (!source) await this.#use(stream)
      stream.next = undefined
      const limit = (chunk + 1) * this.#load.chunkSize
      const rows = await readRows(stream.text, limit, stream.rowReader(lead), sink, chunk === 0 ? stream.headerLines : 0)
      const atEnd = this.#load.compression === 'none' && rows.nextRow >= this.#load.size
      // A file that ends with its header leaves nothing to split, but its bytes count.
      while (atEnd && stream.opened.accounted() < this.#load.size && !(await stream.opened.pieces.next()).done);
      const last = rows.ended || atEnd
      if (source) {
        await close(stream)
        return { ...rows, ...source, last }
      }
      source = stream.opened.takeSource()
      stream.next = chunk + 1
      onRead({ ...rows, ...source, last })
      return { ...rows, ...source, last }
    }
  }

  async close(): Promise<void> {
    await close(this.#stream)
  }

  /** Makes a stream the one that goes on; another one stands where nobody needs it any more. */
  async #use(stream: Stream): Promise<void> {
    if (this.#stream !== stream) await close(this.#stream)
    this.#stream = stream
  }

  async #open(chunk: number, from: Position | undefined): Promise<Stream> {
    const { scanner, reader } = rowFormatOf(this.#load)
    const { size, createdAt } = this.#load
    const header = await readHeader(this.#openText, this.#load, this.#dataset)
    const offset = from?.nextRow ?? header.end
    const opened = this.#openText(this.#load, { from: offset, to: size, sourceFrom: from?.sourceEnd ?? 0, sourceTo: size })
    const { rowBytes } = this.#dataset.limits
    return {
      opened,
      text: feed(new RowSplitter({ scanner: scanner(offset), rowBytes, offset, skipToNewline: false, ranged: false }), opened.pieces),
      rowReader: (lead) => reader(this.#dataset, { day: new Date(createdAt), lead }, header.bytes),
      headerLines: header.lines,
      next: chunk,
    }
  }
}

const close = async (stream: Stream | undefined): Promise<void> => {
  await stream?.opened.pieces.return?.()
}
