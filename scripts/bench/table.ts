import type { Result } from './figures.ts'

/** The results for people. */
export function tableText(results: readonly Result[]): string {
  const rows = results.map((r) => [
    r.name,
    r.target ?? '',
    measuredText(r),
    spreadText(r),
    r.peakMiB === null ? '' : `${r.peakMiB} MiB`,
    holdsText(r),
  ])
  const head = ['what', 'target', 'measured', 'rounds', 'peak memory', 'holds']
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

function measuredText({ measured, unit }: Result): string {
  if (measured === null) return '-'
  return unit === 'ratio' ? ratioText(measured) : `${unit === 'ms' ? measured.toFixed(1) : measured} ${unit}`
}

/** The lowest and the highest round, and how many. */
function spreadText({ rounds, unit }: Result): string {
  if (unit === 'MiB' || rounds.length === 0) return ''
  return `${rounds.length}: ${ratioText(Math.min(...rounds))} to ${ratioText(Math.max(...rounds))}`
}

const ratioText = (n: number): string => (n >= 10 ? n.toFixed(0) : n.toFixed(2))

function holdsText({ holds, measured }: Result): string {
  if (holds !== null) return holds ? 'yes' : 'NO'
  return measured === null ? 'not measured' : 'shown only'
}
