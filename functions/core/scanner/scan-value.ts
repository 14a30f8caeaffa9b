import { giveUp } from './scan-write.ts'

/** Code that reads a value (see scan-code.ts). */
export interface ValueCode {
  /** Reads the value of an unquoted field or JSON literal, or the inside of a string; leaves `p` behind its last byte. */
  readonly code: string
  /** Whether JSON writes the value in quotes: it may do so with numbers of many digits. */
  readonly quoted: 'never' | 'maybe' | 'always'
}

/** Code that reads a value as JSON writes it, with its quotes. */
export function jsonCode({ code, quoted }: ValueCode): string {
  const close = `if(b[p]!==34)${giveUp};p++;`
  if (quoted === 'never') return `{${code}}`
  if (quoted === 'always') return `${close}{const stop=34;${code}}${close}`
  return `{const quoted=b[p]===34;if(quoted)p++;{${code}}if(quoted){${close}}}`
}
