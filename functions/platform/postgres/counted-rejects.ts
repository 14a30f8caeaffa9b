import type { Dataset } from '#core/dataset/dataset.ts'
import type { Load } from '#core/loads/load.ts'
import { givenUp, type PlacedRefusal } from '#core/rejects/max-rejects.ts'
import { type RejectSum, RejectTally } from '#core/rejects/reject-sums.ts'
import type { RejectFile } from '#platform/s3/reject-file.ts'

/** Rejects of a chunk that is given up which its problem names. */
const mostNamed = 10

export interface CountedRejects extends RejectFile {
  readonly sums: readonly RejectSum[]
}

/** A chunk's rejects, counted by code and column. Adding one more than the whole load takes gives the chunk up. */
export function countedRejects(
  file: RejectFile,
  { maxRejects }: Pick<Load, 'maxRejects'>,
  dataset: Dataset,
  chunk: number,
): CountedRejects {
  const tally = new RejectTally(Object.keys(dataset.columns))
  const most = typeof maxRejects === 'number' ? maxRejects : Number.POSITIVE_INFINITY
  const first: PlacedRefusal[] = []
  return {
    get count() {
      return file.count
    },
    get sums() {
      return tally.sums
    },
    add(refusal, row) {
      if (first.length < mostNamed) first.push({ refusal, offset: row.offset })
      if (file.count >= most) throw givenUp(most, chunk, first)
      tally.add(refusal)
      file.add(refusal, row)
    },
    flush: file.flush,
    finish: file.finish,
    abort: file.abort,
  }
}
