import { crc32 } from 'node:zlib'

/** A zip with one stored file: the code of a function that a test deploys. */
export function zipOf(name: string, text: string): Buffer {
  const [file, data] = [Buffer.from(name), Buffer.from(text)]
  const common = Buffer.alloc(26) // version 2.0, flags, method (stored), time, date, checksum, sizes, length of the name
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(0x21, 8) // 1980-01-01
  common.writeUInt32LE(crc32(data), 10)
  common.writeUInt32LE(data.length, 14)
  common.writeUInt32LE(data.length, 18)
  common.writeUInt16LE(file.length, 22)
  const signed = (signature: string, ...parts: readonly Uint8Array[]) => Buffer.concat([Buffer.from(signature, 'latin1'), ...parts])
  const local = signed('PK\x03\x04', common, file, data)
  const attributes = Buffer.alloc(14)
  attributes.writeUInt32LE((0o100644 << 16) >>> 0, 6) // readable by everybody
  const central = signed('PK\x01\x02', Buffer.from([20, 3]), common, attributes, file)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(1, 4)
  end.writeUInt16LE(1, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(local.length, 12)
  return Buffer.concat([local, central, signed('PK\x05\x06', end)])
}
