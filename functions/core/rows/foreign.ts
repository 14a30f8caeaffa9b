import { LoadError } from '#core/errors.ts'

/** What people send by mistake, by how it begins: bytes that no text in UTF-8 begins with, and what to do about it. */
const kinds: readonly { readonly magic: string; readonly at?: number; readonly is: string; readonly instead: string }[] = [
  { magic: 'PK\x03\x04', is: 'a zip archive or an Excel file', instead: 'send the text in it' },
  { magic: '7z\xbc\xaf\x27\x1c', is: 'a 7z archive', instead: 'send the text in it' },
  { magic: 'ustar', at: 257, is: 'a tar archive', instead: 'send the files in it one by one' },
  { magic: 'BZh', is: 'compressed with bzip2', instead: 'use gzip or zstd' },
  { magic: '\xfd7zXZ\x00', is: 'compressed with xz', instead: 'use gzip or zstd' },
  { magic: '\x04\x22\x4d\x18', is: 'compressed with lz4', instead: 'use gzip or zstd' },
  { magic: '\xff\x06\x00\x00sNaPpY', is: 'compressed with snappy', instead: 'use gzip or zstd' },
  // U+FFFD in the place of a byte of the magic number, and 0xFF where a door has taken that back.
  ...['\x1f\xef\xbf\xbd', '\x1f\xff\x08', '(\xef\xbf\xbd/\xef\xbf\xbd', '(\xff/\xff'].map((magic) => ({
    magic,
    is: `${magic[0] === '(' ? 'zstd' : 'gzip'} data that was made text of on its way, and has lost bytes by it`,
    instead: 'send its bytes as they are, not as a string, with a Content-Type of compressed data',
  })),
  { magic: '\x1e', is: 'a JSON text sequence (RFC 7464)', instead: "leave out the record separators (tr -d '\\036')" },
  { magic: 'Obj\x01', is: 'an Avro file', instead: 'send NDJSON, CSV or Parquet' },
  { magic: 'ARROW1\x00\x00', is: 'an Arrow file', instead: 'send NDJSON, CSV or Parquet' },
]
const utf32 = { is: 'text in UTF-32', instead: 'save it as UTF-8' }
const utf16 = { is: 'text in UTF-16', instead: 'save it as UTF-8' }

/** What follows the mark of a bzip2 file: a block, or the end. "BZh" alone may be the name of a column. */
const bzip2Blocks = ['1AY&SY', '\x17rE8P\x90']

/**
 * @param head how the text begins
 * @throws LoadError format-unsupported; not for anything that may be text in UTF-8, or only has a first row that is not
 */
export function refuseForeign(head: Buffer): void {
  const kind = foreignKind(head)
  if (kind) throw new LoadError('format-unsupported', `The file is ${kind.is}, which is not read; ${kind.instead}.`)
}

function foreignKind(head: Buffer): { readonly is: string; readonly instead: string } | undefined {
  const begins = head.toString('latin1', 0, 512)
  const kind = kinds.find(({ magic, at = 0 }) => begins.startsWith(magic, at))
  if (kind?.magic === 'BZh') return bzip2Blocks.some((block) => begins.startsWith(block, 4)) ? kind : undefined
  // Before UTF-16: the mark of one begins with the mark of the other.
  return kind ?? (isUtf32(head) ? utf32 : isUtf16(head) ? utf16 : undefined)
}

/** One sign of ASCII, or the mark, in four bytes; no text in UTF-8 has a zero. */
function isUtf32(head: Buffer): boolean {
  if (head.length < 4) return false
  const isSign = (code: number): boolean => code === 0xfeff || (code > 0 && code < 128)
  return isSign(head.readUInt32LE(0)) || isSign(head.readUInt32BE(0))
}

/** Every format begins with two signs of ASCII, beside which UTF-16 has zeros; its mark may stand in front. */
function isUtf16(head: Buffer): boolean {
  const mark = head.length < 2 ? 0 : head.readUInt16BE(0)
  const at = mark === 0xfffe || mark === 0xfeff ? 2 : 0
  if (head.length < at + 4) return false
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(at, at + 4)
  return (a > 0 && b === 0 && c > 0 && d === 0) || (a === 0 && b > 0 && c === 0 && d > 0)
}
