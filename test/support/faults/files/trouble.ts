import { crc32 } from 'node:zlib'
import { below, randomFrom } from '../../random.ts'
import type { Matrix } from '../matrix.ts'
import { neededFor, type Pair } from '../steps.ts'
import { mix } from '../values.ts'

/** Pairs of step and fault that each file is planned to meet; it comes to some of the steps only. */
const perFile = 8

/** What an invocation, or a message, has had of faults. */
export interface Luck {
  faults: number
}

/** Faults that take seconds of real time are dealt in one round of so many. */
const costly: ReadonlySet<string> = new Set(['locked', 'slow'])
const costlyEvery = 4

interface Planned extends Pair {
  /** Times that the step is passed before it happens. */
  passes: number
}

/**
 * Decides what goes wrong. The list of steps and faults is shuffled and dealt to the files, round after round: what a
 * file meets is settled by the seed
 * and its number alone, whatever else happens, so that a seed plays the same faults again.
 */
export class FileTrouble {
  /** Nothing goes wrong any more. */
  healed = false
  readonly #seed: number
  readonly #matrix: Matrix
  readonly #deck: readonly Pair[]
  readonly #plans = new Map<string, Planned[]>()

  constructor(seed: number, matrix: Matrix) {
    this.#seed = seed
    this.#matrix = matrix
    const random = randomFrom(seed)
    const deck = [...matrix.pairs]
    for (let i = deck.length - 1; i > 0; i--) {
      const j = below(random, i + 1)
      ;[deck[i], deck[j]] = [deck[j]!, deck[i]!]
    }
    this.#deck = deck
  }

  /** @param number of the file, from 1 */
  plan(load: string, number: number): void {
    const first = (number - 1) * perFile
    const isCheap = Math.floor(first / this.#deck.length) % costlyEvery > 0
    const dealt = Array.from({ length: perFile }, (_, i) => this.#deck[(first + i) % this.#deck.length]!).filter(
      ({ fault }) => !(isCheap && costly.has(fault)),
    )
    const needed = dealt.flatMap((pair) => neededFor(pair) ?? [])
    const pairs = [...new Set([...dealt, ...needed])]
    this.#plans.set(
      load,
      pairs.map((pair, i) => ({ ...pair, passes: mix(this.#seed, number, i) % 5 === 0 ? 1 : 0 })),
    )
  }

  /**
   * The fault that a load meets at a step, if there is one; one an invocation, so that it can be told what came of it.
   * @param barred faults that cannot be had just now
   */
  at(part: string, step: string, load: string | undefined, luck: Luck, barred: readonly string[] = []): string | undefined {
    const plan = load === undefined ? undefined : this.#plans.get(load)
    if (!plan || this.healed || luck.faults > 0) return undefined
    const i = plan.findIndex((pair) => pair.part === part && pair.step === step && !barred.includes(pair.fault))
    if (i < 0 || plan[i]!.passes-- > 0) return undefined
    const [{ fault }] = plan.splice(i, 1) as [Planned]
    this.saw({ part, step, fault })
    luck.faults++
    return fault
  }

  saw(pair: Pair): void {
    this.#matrix.saw(pair)
  }

  /** A whole number from `from` to `to`, the same for the same key. */
  between(from: number, to: number, key: string): number {
    return from + (mix(this.#seed, crc32(key), to) % (to - from + 1))
  }
}
