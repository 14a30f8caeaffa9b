import type { Dataset } from '#core/dataset/dataset.ts'
import { LoadError, RequestError } from '#core/errors.ts'
import { isPlanned, type Load, type PlannedLoad } from '#core/loads/load.ts'
import { rowFormatOf } from '#core/reading/format.ts'
import { csvFixFile } from '#core/rejects/fix-csv.ts'
import type { FixFile } from '#core/rejects/fix-file.ts'
import { jsonFixFile } from '#core/rejects/fix-json.ts'
import { namesIn } from '#core/rows/csv.ts'
import { standardCsv } from '#core/rows/csv-dialect.ts'
import { RowSplitter } from '#core/rows/row-splitter.ts'

export interface FixDeps {
  readonly findDataset: (name: string) => Dataset | undefined
  /** How the text of the uploaded object begins: its header is in there. */
  readonly textHead: (load: PlannedLoad) => Promise<Buffer>
}

/** The form in which a load's rejects can be corrected. The columns of a CSV file stand only in the file itself; those of a batch are kept with it. */
export async function fixFileFor(load: Load, deps: FixDeps): Promise<FixFile> {
  if (load.format !== 'csv') return jsonFixFile
  const dialect = load.csv ?? standardCsv
  const columns = deps.findDataset(load.dataset)?.columns ?? {}
  if (!dialect.header) return csvFixFile(dialect, dialect.columns ?? Object.keys(columns), columns)
  if (!isPlanned(load)) return jsonFixFile
  const { boundaries } = rowFormatOf(load)
  const splitter = new RowSplitter({ boundaries: boundaries(0), rowBytes: maxHeader, offset: 0, skipToNewline: false, ranged: false })
  splitter.push(await textHead(load, deps))
  const header = splitter.first(true)
  return csvFixFile(dialect, (header && namesIn(header.bytes, dialect)) ?? [], columns)
}
const maxHeader = 64 * 1024

async function textHead(load: PlannedLoad, deps: FixDeps): Promise<Buffer> {
  try {
    return await deps.textHead(load)
  } catch (cause) {
    if (!(cause instanceof LoadError)) throw cause
    const detail = 'The uploaded file is no longer kept, and with it the names of its columns; the rejects can be had without as=original'
    throw new RequestError('rejects-expired', detail, { cause })
  }
}
