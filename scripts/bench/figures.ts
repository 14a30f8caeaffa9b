/** What one side of a comparison did in one round. */
export interface Run {
  readonly seconds: number
  /** The most memory that any of its worker processes had resident, MiB. */
  readonly peakMiB?: number | undefined
  /** What each call of many took: milliseconds, or a multiple of what the same work takes otherwise. */
  readonly calls?: readonly number[]
}

/** Every round of every side. */
export type Runs = ReadonlyMap<string, readonly Run[]>

/** One line of the table: a ratio of two sides' speeds, or the memory of one, or how long its calls took. */
export interface Line {
  /** Names it on the command line. */
  readonly key: string
  readonly name: string
  readonly ours: string
  /** The side whose time is divided by ours; undefined when the line is about memory. */
  readonly against: string | undefined
  /** The line is about `calls`, of all rounds together: which percentile of them is held at or below the target, and what they are. */
  readonly calls?: { readonly percentile: number; readonly unit: 'ratio' | 'ms' }
  /** Measured only when it is named: it needs more than a Postgres. */
  readonly onlyNamed?: boolean
  /** Undefined: shown, and held to nothing. */
  readonly target: number | undefined
}

export interface Result {
  readonly key: string
  readonly name: string
  readonly target: string | null
  /** The median of the rounds' ratios, or the highest memory; null when it could not be measured. */
  readonly measured: number | null
  /** Null when there is nothing to hold, or nothing was measured. */
  readonly holds: boolean | null
  readonly unit: 'ratio' | 'MiB' | 'ms'
  readonly rounds: readonly number[]
  /** Seconds of each round, of ours and of what it is held against. */
  readonly seconds: { readonly ours: readonly number[]; readonly against: readonly number[] }
  readonly peakMiB: number | null
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of nothing')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The smallest value that so many percent of all do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new Error('there is no percentile of nothing')
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!
}

/** Judges one line. The two sides of a ratio are those of the same round: what slows the machine slows both. */
export function judge(line: Line, runs: Runs): Result {
  const ours = runs.get(line.ours) ?? []
  const against = line.against === undefined ? [] : (runs.get(line.against) ?? [])
  const peaks = ours.flatMap(({ peakMiB }) => (peakMiB === undefined ? [] : [peakMiB]))
  const peakMiB = peaks.length > 0 ? Math.max(...peaks) : null
  if (line.calls) return judgeCalls(line, line.calls, ours)
  const memory = line.against === undefined
  const rounds = memory ? peaks : ours.slice(0, against.length).map((run, i) => against[i]!.seconds / run.seconds)
  const measured = rounds.length === 0 ? null : memory ? peakMiB : median(rounds)
  const { key, name, target } = line
  return {
    key,
    name,
    target: target === undefined ? null : memory ? `<= ${target} MiB` : `>= ${target}`,
    measured: measured === null ? null : Number(measured.toFixed(3)),
    holds: target === undefined || measured === null ? null : memory ? measured <= target : measured >= target,
    unit: memory ? 'MiB' : 'ratio',
    rounds: rounds.map((r) => Number(r.toFixed(3))),
    seconds: { ours: secondsOf(ours), against: secondsOf(against) },
    peakMiB,
  }
}

/** The rounds are shown each by itself, and judged together: a single slow call is one of all. */
function judgeCalls({ key, name, target }: Line, { percentile: percent, unit }: NonNullable<Line['calls']>, ours: readonly Run[]): Result {
  const calls = ours.flatMap((run) => run.calls ?? [])
  const measured = calls.length === 0 ? null : percentile(calls, percent)
  const peaks = ours.flatMap(({ peakMiB }) => (peakMiB === undefined ? [] : [peakMiB]))
  return {
    key,
    name,
    target: target === undefined ? null : `<= ${target}${unit === 'ms' ? ' ms' : ''}`,
    measured: measured === null ? null : Number(measured.toFixed(3)),
    holds: target === undefined || measured === null ? null : measured <= target,
    unit,
    rounds: ours.flatMap((run) => (run.calls?.length ? [Number(percentile(run.calls, percent).toFixed(3))] : [])),
    seconds: { ours: secondsOf(ours), against: [] },
    peakMiB: peaks.length > 0 ? Math.max(...peaks) : null,
  }
}

const secondsOf = (runs: readonly Run[]): number[] => runs.map(({ seconds }) => Number(seconds.toFixed(3)))
