/** The values of one row, made up from what the row is: the same row, the same values. */
export interface Values {
  /** Digits, too many for a JSON number. */
  readonly big: string | null
  /** A decimal as it is sent; `amountStored` is the same with as many digits as the column has. */
  readonly amount: string | null
  readonly amountStored: string | null
  readonly ratio: number | null
  readonly note: string | null
  /** ISO 8601 as it is sent, with an offset or Z; `atStored` is the same moment in UTC with microseconds. */
  readonly at: string | null
  readonly atStored: string | null
  /** JSON as it is sent; `docStored` is as Postgres writes a jsonb. */
  readonly doc: string | null
  readonly docStored: string | null
  readonly ok: boolean | null
}

/** A whole number from 0 to below 2^32 from three others (finalizer of MurmurHash3). */
export function mix(a: number, b: number, c: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35) ^ Math.imul(c + 0x165667b1, 0x27d4eb2f)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * What breaks a reader or a writer that does not know all rules: quotes, escapes, ends of lines, several bytes a
 * character.
 */
const notes = [
  'plain',
  '',
  'comma, "quoted", and \'single\'',
  'back\\slash \\n \\N \\. \\u0041',
  'two\nlines',
  'carriage\r\nreturn\ttab',
  'Grüße, Ærø, Ελλάδα',
  '日本語のテキスト',
  'emoji 👩‍👩‍👧‍👦 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢',
  ' spaces at both ends ',
  'null',
  '{"not": "json"}',
  '\u0001\u001f\u007f\u2028',
]

/** One in so many values is null. */
const nulls = 8
const scale = 6
const epoch = 1_500_000_000

/** @param seed of the run @param owner what the row belongs to @param row its number there */
export function valuesOf(seed: number, owner: number, row: number): Values {
  const h = mix(seed, owner, row)
  const g = mix(h, row, owner)
  const isNull = (shift: number): boolean => ((h >>> shift) & (nulls - 1)) === 0
  const amount = isNull(0) ? null : amountOf(g, h)
  const at = isNull(6) ? null : momentOf(g, h)
  const doc = isNull(9) ? null : docOf(g, h)
  return {
    big: isNull(3) ? null : `${g & 1 ? '-' : ''}${1 + (h % 899_999_999)}${String(g % 1_000_000_000).padStart(9, '0')}`,
    amount,
    amountStored: amount && stored(amount),
    // Exactly a double, and written alike by JavaScript and Postgres.
    ratio: isNull(12) ? null : (g | 0 || 1) / 1024,
    note: isNull(15) ? null : noteOf(g, h),
    at: at?.sent ?? null,
    atStored: at?.stored ?? null,
    doc: doc?.sent ?? null,
    docStored: doc?.stored ?? null,
    ok: isNull(18) ? null : (g & 2) === 0,
  }
}

function noteOf(g: number, h: number): string {
  const note = notes[g % notes.length]!
  return note === '' || note === 'null' ? note : `${note} ${h % 10_000}`
}

function amountOf(g: number, h: number): string {
  const whole = `${g & 4 ? '-' : ''}${2 + (h % 99_999_998)}`
  const digits = (g >>> 3) % (scale + 1)
  return digits === 0 ? whole : `${whole}.${String(h % 10 ** digits).padStart(digits, '0')}`
}

function stored(amount: string): string {
  const [whole, fraction = ''] = amount.split('.')
  return `${whole}.${fraction.padEnd(scale, '0')}`
}

const two = (n: number): string => String(n).padStart(2, '0')

/** Minutes east of UTC, and how that is written. */
const offsets = [
  [0, 'Z'],
  [330, '+05:30'],
  [-180, '-03:00'],
  [0, '+00:00'],
] as const

function momentOf(g: number, h: number): { sent: string; stored: string } {
  const second = epoch + (h % 400_000_000)
  const micros = String(g % 1_000_000).padStart(6, '0')
  const [minutes, zone] = offsets[(g >>> 5) % offsets.length]!
  return { sent: `${textOf(second + 60 * minutes)}.${micros}${zone}`, stored: `${textOf(second)}.${micros}Z` }
}

function textOf(second: number): string {
  const d = new Date(second * 1000)
  const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
  return `${day}T${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}

/** A jsonb has its keys by length and then by bytes, and one space behind colons and commas. */
function docOf(g: number, h: number): { sent: string; stored: string } {
  const [a, b] = [h % 1000, g % 100_000]
  switch (g % 4) {
    case 0:
      return {
        sent: `{"zeta":"Ω ${b}","b":[${a}, 1.50,null],"a":{"x":true}}`,
        stored: `{"a": {"x": true}, "b": [${a}, 1.50, null], "zeta": "Ω ${b}"}`,
      }
    case 1:
      return { sent: `[ ${b} ,"quote \\" and \\\\", "\\u00fc" ]`, stored: `[${b}, "quote \\" and \\\\", "ü"]` }
    case 2:
      return { sent: `${b}.1000`, stored: `${b}.1000` }
    default:
      return { sent: `{"k":${b},"empty":{}}`, stored: `{"k": ${b}, "empty": {}}` }
  }
}
