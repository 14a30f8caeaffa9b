import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { badFlights } from '../../../scripts/demo/bad-flights.ts'
import { flightsFile } from '../../../scripts/flights.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('the flights are those of the package, with a running id, and are made once', async () => {
  const folder = temporaryFolder()
  const path = await flightsFile(40_000, folder)
  const lines = (await readFile(path, 'utf8')).split('\n')
  assert.equal(lines.pop(), '')
  assert.equal(lines.length, 40_000)
  assert.equal(lines[0], '{"id":1,"date":"2001-01-01T00:01:00.000Z","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}')
  for (const [i, line] of lines.entries())
    assert.match(
      line,
      new RegExp(
        `^{"id":${i + 1},"date":"2001-01-[0-3]\\d(T\\d\\d:\\d\\d):00.000Z","delay":-?\\d+,"distance":\\d+,"origin":"[A-Z]{3}","destination":"[A-Z]{3}"}$`,
      ),
    )
  const { mtimeNs } = await stat(path, { bigint: true })
  assert.equal(await flightsFile(40_000, folder), path)
  assert.equal((await stat(path, { bigint: true })).mtimeNs, mtimeNs)
  assert.deepEqual(await readdir(folder), ['flights-40000-v1.ndjson'])
})

test('the file with bad rows is the same every time, so that its receipt can be told beforehand', () => {
  const text = badFlights(3_000_000)
  assert.equal(text, badFlights(3_000_000))
  assert.equal(text.split('\n').filter((line) => line !== '').length, 11)
})
