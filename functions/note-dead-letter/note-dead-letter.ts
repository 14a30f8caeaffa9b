import { contentsOf, type DeadLetter, type DeadRecord, headerOf, isEarlier, type StoredLetters } from '#core/batches/dead-letter.ts'
import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import { LoadError } from '#core/errors.ts'
import type { Load } from '#core/loads/load.ts'

/** What the function needs of the world. */
export interface NoteDeadLetterDeps {
  /** Undefined when the object is gone: lifecycle, or a person. */
  readonly readLetters: (key: string) => Promise<StoredLetters | undefined>
  readonly getLoad: (id: string) => Promise<Load | undefined>
  /** Whether the chunk is shown in its load: then it is in the table. */
  readonly isCommitted: (load: string, chunk: number) => Promise<boolean>
  readonly findLetter: (load: string, chunk: number) => Promise<DeadLetter | undefined>
  /** Puts the dead letter in the place of the one that was known; throws when that is another one by now. */
  readonly noteLetter: (deadLetter: DeadLetter, known: DeadLetter | undefined) => Promise<void>
  readonly failLoad: (id: string, error: LoadError) => Promise<void>
  /** Tells of an object, or a record in it, that stays where it is and belongs to no load. */
  readonly countUnreadable: (key: string, record: number | undefined, why: string) => void
  /** Tells of chunks that were set aside just now. */
  readonly countDead: (deadLetters: readonly DeadLetter[]) => void
  readonly now: () => number
}

/** @param key of an object that was put into the dead-letters bucket */
export type NoteDeadLetter = (key: string) => Promise<void>

/**
 * Notes, for each chunk in what was set aside, where it lies, and ends its load as failed: the receipt says so, and a replay finds it. Everything
 * here may happen twice: what is noted already, or was committed after all, changes nothing.
 */
export function createNoteDeadLetter(deps: NoteDeadLetterDeps): NoteDeadLetter {
  return async (key) => {
    const object = await deps.readLetters(key)
    if (!object) return
    const contents = contentsOf(object)
    if (contents.kind === 'note') return
    if (contents.kind === 'unreadable') return deps.countUnreadable(key, undefined, contents.why)
    const fresh: Fresh[] = []
    for (const [n, record] of contents.records.entries()) {
      const header = headerOf(record.data)
      const fault = 'why' in header ? header.why : contents.reason === conflict ? anotherText : await foreign(deps, header)
      if (fault !== undefined) deps.countUnreadable(key, n, fault)
      else {
        const place = { object: key, record: n, reason: contents.reason, notedAt: new Date(deps.now()).toISOString() }
        const deadLetter = await unlessKnown(deps, letterOf(header as EnvelopeHeader, record, place))
        if (deadLetter) fresh.push(deadLetter)
      }
    }
    await note(deps, fresh)
  }
}

/** What load-records says of a chunk that the table has with another text. To send it again would change nothing. */
const conflict = 'chunk-conflict'
const anotherText = 'its chunk is in the table with another text'

/** Why the envelope is not one of the load that it names, or undefined. */
async function foreign({ getLoad }: NoteDeadLetterDeps, { load: id, tenant, dataset }: EnvelopeHeader): Promise<string | undefined> {
  const load = await getLoad(id)
  if (!load) return `its load ${id} is not known, or no longer`
  return load.tenant === tenant && load.dataset === dataset && load.door === 'batch' ? undefined : `it is none of load ${id}`
}

type Place = Pick<DeadLetter, 'object' | 'record' | 'reason' | 'notedAt'>
/** One that was sent again keeps the place in the order that it had, also when nothing was noted of it before: a range of the stream was sent again. */
const letterOf = (header: EnvelopeHeader, { data, ...record }: DeadRecord, place: Place): DeadLetter => ({
  load: header.load,
  tenant: header.tenant,
  dataset: header.dataset,
  chunk: header.chunk,
  ...place,
  rows: header.rows,
  bytes: data.length,
  ...record,
  ...(header.replay && { sequenceNumber: header.replay.position, arrivedAt: header.replay.arrivedAt }),
  lastSequenceNumber: record.sequenceNumber,
  ...(header.lane === undefined ? {} : { lane: header.lane }),
  ...(header.lanes === undefined ? {} : { lanes: header.lanes }),
  ttl: header.ttl,
})

interface Fresh {
  readonly deadLetter: DeadLetter
  /** The one that it takes the place of: the chunk was sent again, and set aside again. */
  readonly known: DeadLetter | undefined
}

/** The dead letter as it is to be noted; undefined when it was noted before, or its chunk is in the table. */
async function unlessKnown(deps: NoteDeadLetterDeps, deadLetter: DeadLetter): Promise<Fresh | undefined> {
  const known = await deps.findLetter(deadLetter.load, deadLetter.chunk)
  if (!known) return (await deps.isCommitted(deadLetter.load, deadLetter.chunk)) ? undefined : { deadLetter, known }
  const { sequenceNumber, arrivedAt } = isEarlier(deadLetter.sequenceNumber, known.sequenceNumber) ? deadLetter : known
  if (isEarlier(known.lastSequenceNumber, deadLetter.lastSequenceNumber))
    return (await deps.isCommitted(deadLetter.load, deadLetter.chunk))
      ? undefined
      : { deadLetter: { ...deadLetter, sequenceNumber, arrivedAt }, known }
  // The door had sent the chunk twice. Its place in the order is the earlier one; nothing new has failed.
  if (sequenceNumber !== known.sequenceNumber) await deps.noteLetter({ ...known, sequenceNumber, arrivedAt }, known)
  return undefined
}

/**
 * First the loads fail, then the dead letters are noted: cut off between the two, it all comes again, and the dead letters are still new. The other way round
 * a load might wait for ever; and a message that came late would fail a load again that was replayed meanwhile.
 */
async function note(deps: NoteDeadLetterDeps, fresh: readonly Fresh[]): Promise<void> {
  for (const [load, own] of Map.groupBy(fresh, ({ deadLetter }) => deadLetter.load)) {
    await deps.failLoad(load, problemOf(own.map(({ deadLetter }) => deadLetter)))
    for (const { deadLetter, known } of own) await deps.noteLetter(deadLetter, known)
  }
  if (fresh.length > 0) deps.countDead(fresh.map(({ deadLetter }) => deadLetter))
}

/** Chunks named in one problem. */
const maxNamed = 10

function problemOf(deadLetters: readonly DeadLetter[]): LoadError {
  const { load, reason } = deadLetters[0]!
  const chunks = deadLetters.length === 1 ? `Chunk ${deadLetters[0]!.chunk}` : `${deadLetters.length} chunks`
  return new LoadError(
    'dead-letter',
    `${chunks} could not be loaded (${reason}) and ${deadLetters.length === 1 ? 'is' : 'are'} kept whole. GET /v1/dead-letters?load=${load} lists all that was set aside; a replay sends it again.`,
    {
      errors: deadLetters
        .slice(0, maxNamed)
        .map(({ chunk, rows, reason }) => ({ pointer: `/chunks/${chunk}`, detail: `${rows} rows, set aside: ${reason}` })),
    },
  )
}
