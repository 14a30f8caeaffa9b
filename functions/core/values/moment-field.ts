import { type EncoderOf, quote, type TimeWindow, wrongType } from './field-encoder.ts'
import { dayUs, type MomentFault, parseDate, parseTimestamp } from './moment.ts'
import { type Refusal, refuse } from './reject.ts'

export const date: EncoderOf = (name, _, window) => (value, out) => {
  if (typeof value !== 'string') return wrongType(name, 'a date (YYYY-MM-DD)', value)
  const days = parseDate(value)
  if (typeof days !== 'number') return momentFault(name, value, days, 'a date (YYYY-MM-DD)')
  if (window && outside(days * dayUs, window)) return outsidePartitions(name, value)
  out.int32(days)
  return undefined
}

export const moment =
  (offset: boolean): EncoderOf =>
  (name, _, window) => {
    const what = offset ? 'an ISO 8601 time with Z or an offset' : 'an ISO 8601 time without offset'
    // Rows often come in the order of time, many to a second or a minute.
    let last = ''
    let lastUs: ReturnType<typeof parseTimestamp> = 'format'
    return (value, out) => {
      if (typeof value !== 'string') return wrongType(name, what, value)
      if (value !== last) {
        lastUs = parseTimestamp(value, offset)
        last = value
      }
      const us = lastUs
      if (typeof us === 'string') return momentFault(name, value, us, what)
      if (window && outside(us, window)) return outsidePartitions(name, value)
      if (typeof us === 'number') out.int64(us)
      else out.bigint(us)
      return undefined
    }
  }

function momentFault(name: string, value: string, fault: MomentFault, wanted: string): Refusal {
  if (fault === 'range') return refuse('out-of-range', name, `${quote(value)} is no time that exists`)
  if (fault === 'precision') return refuse('too-precise', name, `${quote(value)} has more than 6 digits of a second`)
  return refuse('invalid-format', name, `${quote(value)} is not ${wanted}`)
}

const outside = (us: number | bigint, window: TimeWindow): boolean => us < window.from || us >= window.to
const outsidePartitions = (name: string, value: string): Refusal =>
  refuse('outside-partitions', name, `${quote(value)} lies outside the days that the dataset keeps partitions for`)
