import type { Receipt } from '../../../functions/core/loads/receipt.ts'
import { bytes, count, duration, short } from './figures.ts'
import { waitingText } from './progress.ts'

type Waiting = NonNullable<Receipt['waiting']>

/** One moment of a stream. */
export interface SendMoment {
  /** Accepted. */
  readonly rows: number
  readonly bytes: number
  readonly inFlight: number
  /** Accepted batches that are not known to be committed. */
  readonly unsettled: number
  /** Milliseconds from accepted to committed, of the batch that was committed last. */
  readonly lagMs: number | undefined
  /** What batches wait for that are not committed. */
  readonly waiting: Waiting | null
}

/** What is waited for takes the place of figures that do not move. */
const renderWaiting = (moment: SendMoment, waiting: Waiting): string =>
  `waiting  ${count(moment.rows)} rows accepted, ${moment.unsettled} to commit  ${waitingText(waiting)}`

/** `sending  1,234,000 rows  123.4 MB  45.6 k rows/s  3 in flight  12 to commit  lag 0.8 s` */
function renderMoment(moment: SendMoment, rowsPerSecond: number): string {
  const figures = [
    `${count(moment.rows)} rows`,
    bytes(moment.bytes),
    `${short(rowsPerSecond)} rows/s`,
    `${moment.inFlight} in flight`,
    `${moment.unsettled} to commit`,
  ]
  if (moment.lagMs !== undefined) figures.push(`lag ${duration(moment.lagMs)}`)
  return `sending  ${figures.join('  ')}`
}

/** Milliseconds that a rate looks back, and between two drawings. */
const rateWindow = 5000
const frame = 200

export interface SendLine extends Disposable {
  /** What is drawn from now on. */
  readonly watch: (look: () => SendMoment) => void
}

/** Draws one line on a terminal again and again, never wider than it: also when nothing comes, the rate must be seen to fall. */
export function createSendLine(terminal: { write: (text: string) => void; columns: () => number; now: () => number }): SendLine {
  let timer: NodeJS.Timeout | undefined
  let samples: { at: number; rows: number }[] = []
  function draw(moment: SendMoment): void {
    const at = terminal.now()
    samples = [...samples.filter((sample) => sample.at >= at - rateWindow), { at, rows: moment.rows }]
    const first = samples[0]!
    const rate = at > first.at ? ((moment.rows - first.rows) / (at - first.at)) * 1000 : 0
    const line = moment.waiting ? renderWaiting(moment, moment.waiting) : renderMoment(moment, rate)
    terminal.write(`\r\u001b[2K${line.slice(0, Math.max(0, terminal.columns() - 1))}`)
  }
  return {
    watch: (look) => {
      timer = setInterval(() => draw(look()), frame)
    },
    [Symbol.dispose]: () => {
      if (timer === undefined) return
      clearInterval(timer)
      terminal.write('\r\u001b[2K')
    },
  }
}
