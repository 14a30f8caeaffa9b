import type { Receipt } from '../../../functions/core/loads/receipt.ts'
import type { Progress } from '../push-options.ts'
import { bytes, count, duration, short } from './figures.ts'

/** One moment of a phase. */
interface Sample {
  readonly at: number
  readonly bytes: number
  readonly rows: number
}
interface Bar {
  readonly label: string
  readonly bytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  readonly rowsPerSecond: number
}

/** Milliseconds that a rate looks back: long enough to be calm, short enough to be true. */
const rateWindow = 5000
/** Milliseconds between two drawings. */
const frame = 80

/** `sending  ██████░░░░  62 %  204.4 of 329.7 MB  98.2 MB/s  893.0 k rows/s  1.3 s left`, never wider than the terminal. */
export function renderBar(bar: Bar, columns: number): string {
  const share = bar.totalBytes === 0 ? 1 : Math.min(1, bar.bytes / bar.totalBytes)
  const figures = [
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${bytes(bar.bytes)} of ${bytes(bar.totalBytes)}`,
    `${(bar.bytesPerSecond / 1e6).toFixed(1)} MB/s`,
  ]
  if (bar.rowsPerSecond > 0) figures.push(`${short(bar.rowsPerSecond)} rows/s`)
  if (bar.bytesPerSecond > 0) figures.push(`${duration(((bar.totalBytes - bar.bytes) / bar.bytesPerSecond) * 1000)} left`)
  const text = figures.join('  ')
  const label = bar.label.padEnd(9)
  const width = Math.min(30, columns - label.length - text.length - 3)
  if (width < 5) return `${label}${text}`.slice(0, Math.max(0, columns - 1))
  const full = Math.round(share * width)
  return `${label}${'█'.repeat(full)}${'░'.repeat(width - full)} ${text}`
}

interface Terminal {
  readonly write: (text: string) => void
  readonly columns: () => number
  readonly now: () => number
}
export interface ProgressBar {
  readonly show: (progress: Progress) => void
  /** Ends the line. */
  readonly end: () => void
}

const labels = { check: 'checking', upload: 'sending', load: 'loading' } as const
const past = { check: 'checked', upload: 'sent', load: 'loaded' } as const

/** Draws one line a phase on a terminal, and leaves a line behind that says what the phase came to. */
export function createProgressBar({ write, columns, now }: Terminal): ProgressBar {
  let phase: keyof typeof labels | undefined
  let began = 0
  let drawn = 0
  let samples: Sample[] = []
  let summary = ''

  function show(progress: Progress): void {
    if (progress.phase === 'open') return
    if (progress.phase !== phase) {
      end()
      phase = progress.phase
      began = now()
      samples = []
    }
    const { done, total, rows, skipped } = measure(progress)
    samples.push({ at: now(), bytes: done, rows })
    while (samples.length > 2 && samples[1]!.at < now() - rateWindow) samples.shift()
    const took = now() - began
    const rate = took > 0 ? `, ${((done - skipped) / took / 1000).toFixed(1)} MB/s` : ''
    summary = `${past[phase].padEnd(9)}${bytes(done - skipped)}${rows > 0 ? `, ${count(rows)} rows` : ''} in ${duration(took)}${rate}${skipped > 0 ? `; ${bytes(skipped)} were there from an earlier push` : ''}`
    const why = progress.phase === 'load' ? waitingFor(progress.receipt, progress.stillFor) : undefined
    if (why !== undefined) return void write(`\r\u001b[2K${why.slice(0, Math.max(0, columns() - 1))}`)
    if (now() - drawn < frame) return
    drawn = now()
    const [first, last] = [samples[0]!, samples.at(-1)!]
    const seconds = Math.max(0.001, (last.at - first.at) / 1000)
    const bar = {
      label: labels[phase],
      bytes: done,
      totalBytes: total,
      bytesPerSecond: (last.bytes - first.bytes) / seconds,
      rowsPerSecond: (last.rows - first.rows) / seconds,
    }
    write(`\r\u001b[2K${renderBar(bar, columns())}`)
  }
  function end(): void {
    if (phase) write(`\r\u001b[2K${summary}\n`)
    phase = undefined
  }
  return { show, end }
}

/** `for 2 min 5 s: The table is locked …` */
export function waitingText({ since, detail }: NonNullable<Receipt['waiting']>): string {
  // By two clocks: that of the server may be ahead.
  return `for ${duration(Math.max(0, Date.now() - Date.parse(since)))}: ${detail}`
}

/** What a load that does not move waits for; undefined while it moves. */
export function waitingFor({ waiting, chunks }: Pick<Receipt, 'waiting' | 'chunks'>, stillFor = 0): string | undefined {
  if (waiting) return `waiting  ${waitingText(waiting)}`
  if (stillFor === 0) return undefined
  const planned = chunks.planned === null ? 'chunks' : `of ${count(chunks.planned)} chunks`
  const next = chunks.planned === 0 || (chunks.planned === null && chunks.committed === 0) ? 'to be planned' : 'for a loader'
  return `waiting  nothing has moved for ${duration(stillFor)}: ${count(chunks.committed)} ${planned} committed, the load waits ${next} and goes on by itself`
}

function measure(progress: Exclude<Progress, { phase: 'open' }>): { done: number; total: number; rows: number; skipped: number } {
  if (progress.phase === 'load') {
    const { bytes, rows } = progress.receipt
    return { done: bytes.read, total: bytes.received, rows: rows.received - rows.pending, skipped: 0 }
  }
  const { bytes: done, totalBytes: total, rows = 0 } = progress
  if (progress.phase === 'check') return { done, total, rows, skipped: 0 }
  return { done, total, rows: total > 0 ? Math.round((rows * done) / total) : 0, skipped: progress.resumed }
}
