import type { Dataset } from '#core/dataset/dataset.ts'
import { type ChunkPlace, type ChunkResult, type PlannedLoad, placeAfter } from '#core/loads/load.ts'
import type { ChunkPosition, ChunkRead, ReadChunk } from '#core/reading/chunk-read.ts'
import { type RowReader, rowFormatOf } from '#core/reading/format.ts'
import { type Quota, readRows, type Text } from '#core/reading/read-rows.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'
import { readHeader } from './header.ts'
import { feed, type OpenedText, type OpenText } from './text.ts'

interface Stream {
  readonly opened: OpenedText
  readonly text: Text
  readonly rowReader: (lead: boolean) => RowReader
  readonly headerLines: number
  /** Whose first row comes next; undefined while one is read, and after an attempt that failed. */
  next: ChunkPlace | undefined
}

/** One text, read chunk after chunk. A chunk that must be read again gets a stream of its own. */
export class SequenceReader {
  readonly #openText: OpenText
  readonly #load: PlannedLoad
  readonly #dataset: Dataset
  readonly #ahead: ChunkResult | undefined
  #stream: Stream | undefined

  /** @param ahead a chunk that was committed before the one in front of it, which accounts for the source bytes up to there and no further */
  constructor(openText: OpenText, load: PlannedLoad, dataset: Dataset, ahead: ChunkResult | undefined) {
    this.#ahead = ahead
    this.#openText = openText
    this.#load = load
    this.#dataset = dataset
  }

  /**
   * @param from where the first row begins; undefined at the beginning of the text
   * @param quota where it may end earlier than the chunk, asked whenever it is read
   * @param onRead called once, when it has been read to its end: the next chunk or part may then be read
   */
  chunk(place: ChunkPlace, from: ChunkPosition | undefined, quota: () => Quota, onRead: (read: ChunkRead) => void): ReadChunk {
    const { chunk, part } = place
    const sourceTo = this.#ahead?.chunk === chunk + 1 ? this.#ahead.sourceStart : undefined
    // Fixed by the first reading: the next chunk or part begins where it ended, and accounts for what follows it.
    let first: ChunkRead | undefined
    return async (sink, lead) => {
      const next = this.#stream?.next
      const stream = next?.chunk === chunk && next.part === part ? this.#stream! : await this.#open(place, from, sourceTo)
      if (!first) await this.#use(stream)
      stream.next = undefined
      const limit = first?.nextRow ?? (chunk + 1) * this.#load.chunkSize
      const headerLines = chunk === 0 && part === 0 ? stream.headerLines : 0
      const rows = await readRows(stream.text, limit, stream.rowReader(lead), sink, headerLines, first ? undefined : quota())
      if (first) {
        await close(stream)
        return { ...first, encoded: rows.encoded, received: rows.received }
      }
      const atEnd = !rows.more && this.#load.compression === 'none' && rows.nextRow >= this.#load.size
      // A file that ends with its header leaves nothing to split, but its bytes count.
      while (atEnd && stream.opened.accounted() < this.#load.size && !(await stream.opened.pieces.next()).done);
      if (sourceTo !== undefined && !rows.more) while (stream.opened.accounted() < sourceTo && !(await stream.opened.pieces.next()).done);
      first = { ...rows, ...stream.opened.takeSource(), last: rows.ended || atEnd }
      // Behind a chunk that ends where another one was committed to begin nothing is read on: its text may have passed.
      stream.next = sourceTo !== undefined && !rows.more ? undefined : placeAfter({ ...place, ...(rows.more && { more: rows.more }) })
      onRead(first)
      return first
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

  async #open(next: ChunkPlace, from: ChunkPosition | undefined, sourceTo = this.#load.size): Promise<Stream> {
    const { boundaries, reader } = rowFormatOf(this.#load)
    const { size, createdAt } = this.#load
    const header = await readHeader(this.#openText, this.#load, this.#dataset)
    const offset = from?.nextRow ?? header.end
    const opened = this.#openText(this.#load, { from: offset, to: size, sourceFrom: from?.sourceEnd ?? 0, sourceTo })
    const { rowBytes } = this.#dataset.limits
    return {
      opened,
      text: feed(new RowSplitter({ boundaries: boundaries(offset), rowBytes, offset, skipToNewline: false, ranged: false }), opened.pieces),
      rowReader: (lead) => reader(this.#dataset, { day: new Date(createdAt), lead }, header.bytes),
      headerLines: header.lines,
      next,
    }
  }
}

const close = async (stream: Stream | undefined): Promise<void> => {
  await stream?.opened.pieces.return?.()
}
