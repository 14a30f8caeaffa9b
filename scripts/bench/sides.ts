import type { Dataset } from '#core/dataset/dataset.ts'
import type { Format } from '#core/rows/encoding.ts'
import type { Hand, Step } from './by-hand.ts'
import type { Run } from './figures.ts'
import { type Expected, loadFile, type Source } from './loading.ts'
import type { Server } from './server.ts'

/** One way to get rows into a table. */
export interface Side {
  /** Not timed: tables and files as they must be. */
  readonly prepare: () => Promise<void>
  readonly run: () => Promise<Run>
  /** Not timed either: nothing is left for autovacuum to find while others run. */
  readonly tidy: () => Promise<void>
}
export type Sides = Readonly<Record<string, Side>>

export interface Stage {
  readonly server: Server
  readonly hand: Hand
  /** Where files are made; it is removed at the end. */
  readonly folder: string
  /** Rows of the flights. */
  readonly rows: number
  /** Flags for the loaders' Node, such as those of its profiler. */
  readonly flags: readonly string[]
}

type Files = () => Promise<Source['file']>

/** Remembers what it made: the same file serves every round. */
export function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

export const nothing = async (): Promise<void> => undefined
export const columnsOf = (dataset: Dataset): string => Object.keys(dataset.columns).join(', ')
export const tableOf = (dataset: Dataset): string => `public.${dataset.name}`

/** A new, empty table for every round. */
export const emptyTable = ({ server }: Stage, dataset: Dataset, more: () => Promise<unknown> = nothing) => ({
  prepare: async () => {
    await more()
    await server.fresh(dataset)
  },
  tidy: async () => void (await server.query(`DROP TABLE ${tableOf(dataset)}`)),
})

interface LoadSide {
  readonly dataset: Dataset
  readonly file: Files
  readonly format?: Format
  readonly workers: number
  readonly expected: (rows: number) => Expected
  readonly id?: string
}

/** The product itself. */
export const loaderRun =
  ({ server, flags }: Stage, { dataset, file, format = 'ndjson', workers, expected, id }: LoadSide) =>
  async (): Promise<Run> => {
    const found = await file()
    return loadFile({ dataset, format, file: found }, { url: server.url, workers, expected: expected(found.rows), id, flags })
  }

/** psql's copy of a CSV file, with more statements around it. */
export const handRun =
  ({ hand }: Stage, dataset: Dataset, file: Files, into = tableOf(dataset), before: Step[] = [], after: Step[] = []) =>
  async (): Promise<Run> =>
    hand.run([...before, { copy: `${into} (${columnsOf(dataset)})`, file: (await file()).path! }, ...after])
