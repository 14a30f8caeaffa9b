import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A folder of a test's own, or of a whole file's, with a space in its name; removed when that is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace test '))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
