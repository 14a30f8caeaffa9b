import type { Reject } from '../../../functions/core/rejects/reject.ts'
import { nothingIgnored } from '../../../functions/core/rows/ignored.ts'
import type { BatchEvent, RowWriter } from '../row-writer.ts'
import type { SendState, SendTotal } from '../send-state.ts'
import { bytes, count, duration, table } from './figures.ts'
import { createLags } from './lags.ts'
import { equation, ignoredText, indent, printReject } from './print.ts'
import type { SendMoment } from './send-progress.ts'

interface Stream {
  readonly dataset: string
  /** Path of the checkpoint; undefined when nothing is kept. */
  readonly checkpoint: string | undefined
  readonly seekable: boolean
  /** What an earlier sender has saved. */
  readonly before: SendState | undefined
}
/** What is told of a stream: while it is sent, and at its end. */
export interface SendStory {
  readonly add: (event: BatchEvent) => void
  readonly moment: (writer: RowWriter) => SendMoment
  readonly text: (total: SendTotal) => string
  /** The same for programs. */
  readonly facts: (total: SendTotal) => object
  readonly howToGoOn: (what: string, state: SendState) => string
}

/** Rejected rows that are shown: the first ones that the door named. */
const shown = 10

export function createSendStory({ dataset, checkpoint, seekable, before }: Stream): SendStory {
  const began = performance.now()
  const lags = createLags()
  const rejects: Reject[] = []
  let lagMs: number | undefined

  function add(event: BatchEvent): void {
    if (event.kind === 'accepted') {
      // Lines are counted within the batch: a person looks for them in the stream.
      for (const reject of event.rejects.slice(0, shown - rejects.length))
        rejects.push({ ...reject, line: reject.line === null ? null : event.batch.line + reject.line - 1 })
    } else if (event.ms !== undefined) {
      lagMs = event.ms
      lags.add(event.ms)
    }
  }
  function moment(writer: RowWriter): SendMoment {
    const { total, accepted } = writer.state()
    const { inFlight, waiting } = writer.pending()
    return { rows: total.rows.received, bytes: total.bytes, inFlight, unsettled: accepted.length, lagMs, waiting }
  }
  const quantiles = () => ({ p50: lags.quantile(0.5) ?? null, p99: lags.quantile(0.99) ?? null })
  const seconds = (): number => (performance.now() - began) / 1000
  const now = (total: SendTotal) => ({
    rows: total.rows.received - (before?.total.rows.received ?? 0),
    bytes: total.bytes - (before?.total.bytes ?? 0),
  })

  function text(total: SendTotal): string {
    const { p50, p99 } = quantiles()
    const sent = now(total)
    const took = seconds()
    const facts: [string, string][] = [
      ['sent', `${count(sent.rows)} rows, ${bytes(sent.bytes)} in ${duration(took * 1000)}, ${count(Math.round(sent.rows / took))} rows/s`],
    ]
    if (before && before.total.batches > 0)
      facts.push(['before', `${count(before.total.rows.received)} rows in ${batches(before.total.batches)} by earlier runs of this stream`])
    if (p50 !== null && p99 !== null)
      facts.push(['committed', `${duration(p50)} after acceptance for half of the batches, ${duration(p99)} for 99 of 100`])
    if (total.rows.rejected > 0) facts.push(['rejected', rejectedText(total)])
    if (total.ignored) facts.push(['ignored', ignoredText(total.ignored)])
    if (total.failed > 0)
      facts.push(['failed', `${loads(total.failed)}; why: ${total.failedLoads.map((id) => `millrace receipt ${id}`).join(', ')}`])
    if (checkpoint !== undefined) facts.push(['checkpoint', `${checkpoint}: the same command goes on behind what was sent`])
    const lines = rejects.map((reject) => `  ${printReject(reject)}\n`)
    return `Stream into ${dataset}: ${batches(total.batches)}

  ${equation(total.rows)}

${indent(table(facts))}
${lines.length > 0 ? `\nThe first rejected rows, by their lines in the stream:\n${lines.join('')}` : ''}`
  }

  const facts = (total: SendTotal): object => ({
    dataset,
    ...total,
    ignored: total.ignored ?? nothingIgnored,
    sentNow: { ...now(total), seconds: Number(seconds().toFixed(3)) },
    lagMs: { ...quantiles(), batches: lags.count() },
    rejects,
    checkpoint: checkpoint ?? null,
  })

  function howToGoOn(what: string, { total, open, next, accepted }: SendState): string {
    const so = `${what} ${count(total.rows.received)} rows in ${batches(total.batches)} are accepted${open.length > 0 ? `, ${batches(open.length)} perhaps` : ''}`
    const later = accepted.length > 0 ? `; ${batches(accepted.length)} of them are still being loaded` : ''
    if (checkpoint === undefined) return `${so}${later}. The stream was cut at its byte ${count(next.offset)}, which is kept nowhere.\n`
    return `${so}${later}.\nThe same command goes on from there${seekable ? '' : ', when the pipe comes again from its beginning'}: ${checkpoint}\n`
  }
  return { add, moment, text, facts, howToGoOn }
}

const batches = (n: number): string => `${count(n)} ${n === 1 ? 'batch' : 'batches'}`
const loads = (n: number): string => `${count(n)} ${n === 1 ? 'load' : 'loads'}`

/** `5 wrong-type in delay, 2 invalid-json; which: millrace rejects ld_…` */
function rejectedText({ byCode, rejectedLoads }: SendTotal): string {
  const sums = byCode.slice(0, 6).map(({ code, column, rows }) => `${count(rows)} ${code}${column === null ? '' : ` in ${column}`}`)
  return `${sums.join(', ')}; which: ${rejectedLoads
    .slice(0, 3)
    .map((id) => `millrace rejects ${id}`)
    .join(', ')}${rejectedLoads.length > 3 ? ', …' : ''}`
}
