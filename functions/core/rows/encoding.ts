export const formats = ['ndjson', 'json', 'csv', 'parquet'] as const
export const compressions = ['none', 'gzip', 'zstd'] as const
export type Format = (typeof formats)[number]
export type Compression = (typeof compressions)[number]

/** How the bytes of an object become rows. */
export interface Encoding {
  readonly format: Format
  readonly compression: Compression
}
/** What a client says of them; `auto` leaves it to the bytes. */
export interface DeclaredEncoding {
  readonly format: Format | 'auto'
  readonly compression: Compression | 'auto'
}

/** What a batch may be: texts only, of which an array or lines of JSON become lines. */
export type BatchFormat = Exclude<Format, 'parquet'>
