import { nameOf, type Pair } from './steps.ts'

/** How often each fault has been met at each step. */
export class Matrix {
  readonly pairs: readonly Pair[]
  readonly #counts: Map<string, number>

  constructor(pairs: readonly Pair[]) {
    this.pairs = pairs
    this.#counts = new Map(pairs.map((pair) => [nameOf(pair), 0]))
  }

  /** @throws when the list has no such pair */
  saw(pair: Pair, times = 1): void {
    this.#counts.set(nameOf(pair), this.count(pair) + times)
  }
  count(pair: Pair): number {
    const count = this.#counts.get(nameOf(pair))
    if (count === undefined) throw new Error(`no such fault in test/support/faults/steps.ts: ${nameOf(pair)}`)
    return count
  }
  faultsAt(part: string, step: string): Pair[] {
    return this.pairs.filter((pair) => pair.part === part && pair.step === step)
  }
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
  get unseen(): string[] {
    return this.pairs.filter((pair) => this.count(pair) === 0).map(nameOf)
  }
}

/** Steps down, and behind each its faults with how often they were met; a dash for never. */
export function matrixText(counts: Readonly<Record<string, number>>): string {
  const lines: string[] = []
  let last = ''
  const steps = new Map<string, string[]>()
  for (const [name, count] of Object.entries(counts)) {
    const [part, step, fault] = name.split(' · ') as [string, string, string]
    const key = `${part} · ${step}`
    steps.set(key, [...(steps.get(key) ?? []), `${fault} ${count === 0 ? '-' : count.toLocaleString('en-US')}`])
  }
  for (const [key, faults] of steps) {
    const [part, step] = key.split(' · ') as [string, string]
    lines.push(`  ${(part === last ? '' : part).padEnd(13)} ${step.padEnd(15)} ${faults.join(', ')}`)
    last = part
  }
  return lines.join('\n')
}
