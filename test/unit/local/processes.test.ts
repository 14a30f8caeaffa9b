import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockHolder, withLock } from '../../../localstack/lock.ts'
import { freePort } from '../../../localstack/ports.ts'
import { identify, isRunning, startDetached, waitForEnd } from '../../../localstack/processes.ts'
import { readRecord, updateRecord } from '../../../localstack/record.ts'
import { stateDir } from '../../../localstack/state-dir.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder()

test('a process that ended does not run, nor does another that has its number', async () => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const id = identify(child.pid!)!
  assert.equal(isRunning(id), true)
  assert.equal(isRunning({ ...id, started: 'another time' }), false)
  child.kill('SIGKILL')
  assert.equal(await waitForEnd(id, 10_000), true)
  assert.equal(isRunning(undefined), false)
})

test('a detached process writes to its log and says why it ended', async () => {
  const log = join(folder, 'log')
  const started = await startDetached('/bin/sh', ['-c', 'echo out; echo err >&2; exit 3'], { log })
  while (started.ended() === undefined) await new Promise((done) => setTimeout(done, 10))
  assert.equal(started.ended(), 'it exited with code 3')
  assert.equal(readFileSync(log, 'utf8'), 'out\nerr\n')
})

test('a program that is not there is an error, not a silence', async () => {
  await assert.rejects(startDetached(join(folder, 'nothing'), [], { log: join(folder, 'log') }), { code: 'ENOENT' })
})

test('a port that is taken is replaced, one that is free is kept', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const taken = typeof address === 'object' && address ? address.port : 0
  assert.notEqual(await freePort(taken), taken)
  server.close()
  await once(server, 'close')
  assert.equal(await freePort(taken), taken)
})

test('a lock admits one at a time and outlives no holder', async () => {
  const path = join(folder, 'lock')
  writeFileSync(path, JSON.stringify({ pid: process.pid, started: 'another time' }))
  assert.equal(lockHolder(path), undefined)
  let inside = 0
  const enter = () =>
    withLock(path, async () => {
      inside++
      assert.equal(inside, 1)
      assert.equal(lockHolder(path)?.pid, process.pid)
      await new Promise((done) => setTimeout(done, 5))
      inside--
    })
  await Promise.all([enter(), enter(), enter()])
  assert.equal(lockHolder(path), undefined)
})

test('a record that a crash cut short reads as none', () => {
  const dir = stateDir(join(folder, 'state'))
  updateRecord(dir, { emulator: { port: 1, persist: true } })
  updateRecord(dir, { postgres: { port: 2, password: 'p', data: 'd' } })
  assert.deepEqual(readRecord(dir), { emulator: { port: 1, persist: true }, postgres: { port: 2, password: 'p', data: 'd' } })
  writeFileSync(dir.record, '{"emulator":')
  assert.deepEqual(readRecord(dir), {})
})
