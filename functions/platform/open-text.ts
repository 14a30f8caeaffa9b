import type { Load } from '#core/load.ts'
import { inflatedText } from './inflate.ts'
import type { ReadObject } from './objects.ts'
import { plainText, SourceChecksum } from './source.ts'

interface Range {
  readonly from: number
  readonly to: number
  readonly sourceFrom: number
  readonly sourceTo: number
}

/** Opens a load's text at an offset: a ranged read of a plain object; of a compressed one the inflated text, whose beginning is read and let go. */
export function textOpener(read: ReadObject) {
  return (load: Load, range: Range) => {
    const checksum = new SourceChecksum(range.sourceFrom, range.sourceTo)
    const source = { read, key: load.objectKey, size: load.size }
    // What comes before the text that is needed may still have to be accounted for: a CSV header.
    const { compression } = load
    const start = compression === 'none' ? Math.min(range.from, range.sourceFrom) : 0
    const whole = compression === 'none' ? plainText(source, start, range.to, checksum) : inflatedText(source, compression, checksum)
    const text = skip(whole, range.from - start)
    return { pieces: text, takeSource: () => checksum.take() }
  }
}

async function* skip(text: AsyncGenerator<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes
  for await (const piece of text) {
    if (left >= piece.length) left -= piece.length
    else {
      yield left === 0 ? piece : piece.subarray(left)
      left = 0
    }
  }
}
