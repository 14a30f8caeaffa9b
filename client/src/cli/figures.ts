/** 3000000 → 3,000,000 */
export const count = (n: number): string => n.toLocaleString('en-US')

/** Bytes in decimal units, as disks and networks count. */
export function bytes(n: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let value = n
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return unit === 0 ? `${n} ${n === 1 ? 'byte' : 'bytes'}` : `${value.toFixed(1)} ${units[unit]}`
}

/** 71234 rows a second → 71.2 k; 3100000 → 3.1 M */
export function short(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} M`
  return n >= 1000 ? `${(n / 1000).toFixed(1)} k` : n.toFixed(0)
}

/** Milliseconds as people say them. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  return h > 0 ? `${h} h ${m} min` : `${m} min ${s} s`
}

/** 2026-11-21T04:51:40.123Z → 2026-11-21 04:51:40 UTC */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`

/** Rows of cells as aligned columns; `right` names the columns that hold numbers. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
