import { recordIn, type StoredLetters } from '#core/batches/dead-letter.ts'
import { decodeEnvelope } from '#core/batches/envelope.ts'
import { type EnvelopeRows, rowsOf } from '#core/batches/envelope-rows.ts'
import type { OrderAnswer, OrderPlace, OrderQuestion } from '#core/batches/order.ts'
import type { Dataset } from '#core/dataset/dataset.ts'
import { AccountingError, LoadError } from '#core/errors.ts'

/** What the function needs of the world. */
export interface CheckOrderDeps {
  readonly findDataset: (name: string) => Dataset | undefined
  readonly readLetters: (key: string) => Promise<StoredLetters | undefined>
  /** How many rows of a chunk may take the place of newer ones. */
  readonly wouldPutOver: (
    dataset: Dataset,
    place: OrderPlace,
    rows: EnvelopeRows,
  ) => Promise<{ readonly rows: number; readonly keys: readonly string[] }>
  readonly hasCommitsSince: (dataset: string, load: string, since: string) => Promise<boolean>
}

export type CheckOrder = (question: OrderQuestion) => Promise<OrderAnswer>

/** Tells what a replay would put over newer rows. It changes nothing. */
export function createCheckOrder(deps: CheckOrderDeps): CheckOrder {
  return async (question) => {
    const dataset = deps.findDataset(question.dataset)
    if (!dataset) throw new Error(`there is no dataset "${question.dataset}"`)
    if (question.kind === 'since')
      return { older: [], newer: await deps.hasCommitsSince(dataset.name, question.load, question.since), unreadable: [] }
    const older: OrderAnswer['older'][number][] = []
    const unreadable: number[] = []
    // One object at a time, each read once: a batch that Lambda gave up holds chunks of many loads.
    for (const [key, deadLetters] of Map.groupBy(question.deadLetters, ({ object }) => object)) {
      const object = await deps.readLetters(key)
      for (const { record, object: _, ...place } of deadLetters) {
        const read = object && envelopeRows(object, record, dataset)
        const over = read && (await unlessMiscounted(deps.wouldPutOver(dataset, place, read)))
        if (!over) unreadable.push(place.chunk)
        else if (over.rows > 0) older.push({ chunk: place.chunk, ...over })
      }
    }
    return { older, newer: false, unreadable }
  }
}

/** Undefined when it cannot be read: load-records will set it aside again. */
function envelopeRows(object: StoredLetters, record: number, dataset: Dataset): EnvelopeRows | undefined {
  const deadLetter = recordIn(object, { record })
  try {
    return deadLetter && rowsOf(decodeEnvelope(deadLetter.data), dataset)
  } catch (error) {
    if (error instanceof LoadError) return undefined
    throw error
  }
}

async function unlessMiscounted<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof AccountingError || error instanceof LoadError) return undefined
    throw error
  }
}
