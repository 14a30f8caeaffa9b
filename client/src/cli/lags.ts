/** Times of any number, in a bounded place: quantiles are right to 2.5 %. */
export interface Lags {
  readonly add: (ms: number) => void
  /** The time that this share of all did not exceed; undefined when there are none. */
  readonly quantile: (share: number) => number | undefined
  readonly count: () => number
}

const step = Math.log(1.05)

export function createLags(): Lags {
  /** How many fell between 1.05^i and 1.05^(i+1) ms. */
  const buckets = new Map<number, number>()
  let all = 0
  return {
    add: (ms) => {
      const bucket = Math.floor(Math.log(Math.max(1, ms)) / step)
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
      all++
    },
    quantile: (share) => {
      let rank = Math.max(1, Math.ceil(share * all))
      for (const [bucket, count] of [...buckets].toSorted(([a], [b]) => a - b)) {
        rank -= count
        if (rank <= 0) return Math.round(Math.exp((bucket + 0.5) * step))
      }
      return undefined
    },
    count: () => all,
  }
}
