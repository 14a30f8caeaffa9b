import { finalStates, type Receipt } from '../../functions/core/loads/receipt.ts'
import { readContent } from './content.ts'
import { PushError } from './errors.ts'
import type { Millrace } from './millrace.ts'
import { openLoad } from './opening.ts'
import type { PushOptions, PushResult } from './push-options.ts'
import type { RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import { newTraceparent } from './trace.ts'
import type { World } from './transport.ts'
import { uploadContent } from './upload.ts'

interface Deps {
  readonly client: Millrace
  readonly world: World
  readonly policy: RetryPolicy
}

/** Pushes a source. Killed at any point, the same push again goes on where this one stopped. */
export async function pushFile(source: Source, options: PushOptions, { client, world, policy }: Deps): Promise<PushResult> {
  const call = { traceparent: newTraceparent(), signal: options.signal }
  const version = await source.version()
  const content = await readContent(source, {
    countRows: options.format === 'ndjson' && options.compression === 'none',
    signal: options.signal,
    onBytes: (bytes, rows) => options.onProgress?.({ phase: 'check', bytes, totalBytes: source.size, rows }),
  })
  const { upload, earlier, key } = await openLoad(source, content, options, { client, call })
  options.onProgress?.({ phase: 'open', load: upload.loadId, key, replayed: earlier !== undefined })

  let receipt = earlier
  let sent = 0
  let resumed = 0
  if (!receipt || receipt.state === 'receiving') {
    const unchanged = async () => {
      if ((await source.version()) !== version) throw new PushError('file-changed', `${source.name} changed while it was being sent`)
    }
    const work = { source, content, upload, fresh: !receipt, unchanged }
    ;({ receipt, sent, resumed } = await uploadContent(work, options, { client, world, policy, call }))
  }
  if (options.wait !== false && !finalStates.has(receipt.state)) {
    options.onProgress?.({ phase: 'load', receipt })
    const onReceipt = (receipt: Receipt) => options.onProgress?.({ phase: 'load', receipt })
    const onStill = (receipt: Receipt, stillFor: number) => options.onProgress?.({ phase: 'load', receipt, stillFor })
    receipt = await client.waitFor(receipt.id, { ...call, onReceipt, onStill })
  }
  return { receipt, alreadyThere: earlier !== undefined && earlier.state !== 'receiving', sent, resumed, key }
}
