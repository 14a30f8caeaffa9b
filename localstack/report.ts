/** How a start tells what it does. */
export interface Report {
  say(line: string): void
  /** Runs a step and tells how long it took, once it is done. `outcome` words it from the result. */
  step<T>(name: string, run: () => Promise<T>, outcome?: (result: T) => string): Promise<T>
}

export const quietReport: Report = { say() {}, step: (_name, run) => run() }

/** Lines with times. @param write takes a line without its end. */
export function lineReport(write: (line: string) => void = console.log): Report {
  return {
    say: write,
    async step(name, run, outcome) {
      const began = performance.now()
      const result = await run()
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      write(`  ${`${seconds} s`.padStart(7)}  ${outcome?.(result) ?? name}`)
      return result
    },
  }
}
