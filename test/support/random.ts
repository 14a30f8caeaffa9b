/** Numbers in [0, 1) from a seed (mulberry32): the same seed, the same numbers. */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number from 0 to below `n`. */
export const below = (random: Random, n: number): number => Math.floor(random() * n)
