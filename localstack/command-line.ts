import { describeFailure, messageOf } from './failure.ts'

interface Command<T> {
  /** As it is typed. */
  readonly name: string
  readonly help: string
  /** What the command line asks for, undefined for --help. What it throws is about what was typed. */
  readonly read: () => T | undefined
  readonly run: (wanted: T) => Promise<void>
}

/** Runs a command of this checkout. What cannot be understood is said together with the help, exit code 2; what fails ends with exit code 1. */
export async function runCommand<T>({ name, help, read, run }: Command<T>): Promise<void> {
  let wanted: T | undefined
  try {
    wanted = read()
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}\n\n${help}`)
    process.exitCode = 2
    return
  }
  if (wanted === undefined) return console.log(help)
  try {
    await run(wanted)
  } catch (error) {
    console.error(`\n${name}: ${describeFailure(error)}`)
    process.exitCode = 1
  }
}

/** The whole number that an option says, with _ or , between its digits or without. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text.replace(/[_,]/g, ''))
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new Error(`${option} must be a whole number, ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}`)
}

/** An emulator and a database that run already: both or none. */
export function externalOf(endpoint: string | undefined, database: string | undefined): { endpoint: string; database: string } | undefined {
  if (endpoint !== undefined && database !== undefined) return { endpoint, database }
  if (endpoint !== database) throw new Error('--endpoint and --database go together')
  return undefined
}
