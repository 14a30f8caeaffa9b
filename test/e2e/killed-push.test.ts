import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { millrace } from '../support/command.ts'
import { checkReceipt, connectStage, flight, freshIds, outcomes } from '../support/stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const stage = connectStage()
after(() => stage[Symbol.asyncDispose]())
const folder = temporaryFolder()

/** Four parts of 8 MiB, the last one short; rows of 8 kB, so that loading them is quick. */
const rows = 3500
const partSize = 8 * 1024 * 1024
async function file(id: number): Promise<{ path: string; size: number }> {
  const padding = ' '.repeat(8000)
  const text = Array.from({ length: rows }, (_, i) => `${JSON.stringify(flight(id + i)).replace(',', `,${padding}`)}\n`).join('')
  const path = join(folder, `${id}.ndjson`)
  await writeFile(path, text)
  return { path, size: text.length }
}

const points: Record<string, { at: string; partsThere: number; open: boolean }> = {
  'just after the upload was opened': { at: 'SIGKILL after 1 POST /uploads', partsThere: 0, open: true },
  'in the middle of the parts': { at: 'SIGKILL after 2 PUT /', partsThere: 2, open: true },
  'before the upload is completed': { at: 'SIGKILL before 1 POST /complete', partsThere: 4, open: true },
  'after the upload is completed': { at: 'SIGKILL after 1 POST /complete', partsThere: 4, open: false },
}
for (const [name, { at, partsThere, open }] of Object.entries(points))
  test(`push killed with SIGKILL ${name} goes on when it is run again, and every row is loaded once`, async () => {
    const id = freshIds()
    const { path, size } = await file(id)
    const push = ['push', path, '--dataset', 'flights', '--parallel', '1', '--json']
    const killed = await millrace(push, { killAt: at })
    assert.equal(killed.signal, 'SIGKILL', killed.err)
    const again = await millrace(push)
    assert.equal(again.code, 0, again.err)
    const { receipt, resumedBytes, sentBytes, alreadyThere } = JSON.parse(again.out)
    checkReceipt(receipt)
    assert.equal(alreadyThere, !open)
    if (open) {
      assert.equal(resumedBytes, Math.min(partsThere * partSize, size))
      assert.equal(sentBytes, size - resumedBytes)
    } else assert.equal(sentBytes, 0)
    assert.deepEqual(outcomes(receipt), { received: rows, loaded: rows })
    assert.equal(await stage.countFlights(id, id + rows), rows)
  })

test('Ctrl-C ends a push with 130, says how to go on, and what was sent is there', async () => {
  const id = freshIds()
  const { path } = await file(id)
  const push = ['push', path, '--dataset', 'flights', '--parallel', '1', '--json']
  const interrupted = await millrace(push, { killAt: 'SIGINT after 2 PUT /' })
  assert.deepEqual([interrupted.code, interrupted.signal], [130, null])
  const load = /^Interrupted\. What was sent is kept as load (ld_\w+): the same command goes on from there\.$/m.exec(interrupted.err)?.[1]
  assert.ok(load, interrupted.err)
  const there = (await stage.client.showUpload(load)).parts.length
  assert.ok(there >= 1 && there < 4, `${there} parts`)
  const again = await millrace(push)
  assert.equal(JSON.parse(again.out).receipt.id, load)
  assert.equal(JSON.parse(again.out).resumedBytes, there * partSize)
  assert.equal(await stage.countFlights(id, id + rows), rows)
})

test('the command ends with 2 when rows are rejected, and says which', async () => {
  const id = freshIds()
  const path = join(folder, 'some-bad.ndjson')
  await writeFile(path, `${JSON.stringify(flight(id))}\n${JSON.stringify(flight(id + 1, { delay: 'late' }))}\n`)
  const { code, out } = await millrace(['push', path, '-d', 'flights'])
  assert.equal(code, 2)
  assert.match(out, /^ {2}2 received = 1 loaded \+ 0 updated \+ 0 duplicate \+ 1 rejected \+ 0 pending$/m)
  const load = /^Load (\S+):/m.exec(out)![1]!
  const rejects = await millrace(['rejects', load])
  assert.deepEqual([rejects.code, rejects.out], [0, 'line 2, column "delay": a whole number is needed, not a string (wrong-type)\n'])
  const all = join(folder, 'rejects.ndjson')
  assert.equal((await millrace(['rejects', load, '--out', all])).out, `1 rejects written to ${all}\n`)
})
