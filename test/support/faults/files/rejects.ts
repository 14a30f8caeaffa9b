import { type ChunkPlace, chunkKey } from '#core/loads/load.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'

/** Numbers of rows, as many and with these sums, which no others have by accident. */
export interface Sums {
  readonly rows: number
  readonly sum: number
  readonly squares: number
}
export const noSums: Sums = { rows: 0, sum: 0, squares: 0 }
export const withRow = ({ rows, sum, squares }: Sums, n: number): Sums => ({ rows: rows + 1, sum: sum + n, squares: squares + n * n })

/** The number of a row, by its text: CSV has it second. */
function numberOf(text: string): number {
  const found = /^\d+,(\d+),/.exec(text) ?? /"n":\s*(\d+)/.exec(text)
  return Number(found?.[1])
}

/** A process that asks a service for something, with the faults of that step. */
interface Asking {
  readonly step: (name: string, work: () => void) => Promise<void>
}

/** Reject files of all parts of all chunks: stored again they are replaced. */
export class RejectSet {
  readonly #files = new Map<string, Sums>()

  of(load: string, { chunk, part }: ChunkPlace): Sums {
    return this.#files.get(`${load} ${chunkKey(load, chunk, part).sk}`) ?? noSums
  }

  open(process: Asking, load: string, place: ChunkPlace): RejectFile {
    let sums = noSums
    return {
      get count() {
        return sums.rows
      },
      add: (_, { bytes }) => {
        sums = withRow(sums, numberOf(bytes.toString()))
      },
      flush: async () => undefined,
      finish: async () => {
        // Without rejects there is no object.
        if (sums.rows > 0)
          await process.step('store rejects', () => void this.#files.set(`${load} ${chunkKey(load, place.chunk, place.part).sk}`, sums))
      },
      abort: async () => undefined,
    }
  }
}
