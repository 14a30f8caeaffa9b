import type { EnvelopeHeader } from '#core/batches/envelope.ts'
import { AccountingError, LoadError } from '#core/errors.ts'
import type { StreamRecord } from '#core/stream-record.ts'
import type { RecordPorts } from './ports.ts'

/** Sets a record aside whole, and then says so in its load, where it is known. Done again it does the same. */
export async function setAsideAndFail(
  { setAside, failLoad }: Pick<RecordPorts, 'setAside' | 'failLoad'>,
  record: StreamRecord,
  header: EnvelopeHeader | undefined,
  fault: LoadError | AccountingError,
): Promise<void> {
  const reason = fault instanceof AccountingError ? new LoadError('chunk-miscounted', `Nothing is loaded of it: ${fault.message}.`) : fault
  await setAside(record, header, reason)
  if (!header) return
  const { title, detail } = reason.problem
  await failLoad(header.load, new LoadError('dead-letter', `Chunk ${header.chunk} was set aside. ${title}: ${detail}`))
}
