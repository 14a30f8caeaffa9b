import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LocalFailure } from '../../../localstack/failure.ts'
import { readSettings, settingsOf, writeSettings } from '../../../localstack/settings.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder()

const outputs = {
  'millrace-local-storage': {
    TableName: 'table',
    StreamName: 'stream',
    RawBucketName: 'raw',
    RejectsBucketName: 'rejects',
    DeadLettersBucketName: 'dead',
  },
  'millrace-local-ingest': {
    PlanQueueUrl: 'http://localstack:4566/000000000000/plan',
    ChunkQueueUrl: 'http://localstack:4566/000000000000/chunk',
    PlanDeadLetterQueueUrl: 'http://localstack:4566/000000000000/plan-dead',
    ChunkDeadLetterQueueUrl: 'http://localstack:4566/000000000000/chunk-dead',
    LoadChunkFunctionName: 'load-chunk',
  },
  'millrace-local-api': { Url: 'https://abc.execute-api.us-east-1.amazonaws.com/local/', RestApiId: 'abc', StageName: 'local' },
}
const source = {
  endpoint: 'http://127.0.0.1:4577',
  databaseUrl: 'postgres://u:p%27w@db:5432/m?a=1&sslmode=require',
  apiKey: 'mr_x',
  outputs,
}

test('the settings come from the stacks, by the endpoint the caller uses', () => {
  const settings = settingsOf(source)
  assert.equal(settings.MILLRACE_URL, 'http://127.0.0.1:4577/_aws/execute-api/abc/local')
  assert.equal(settings.MILLRACE_CHUNK_DLQ_URL, 'http://127.0.0.1:4577/000000000000/chunk-dead')
  assert.equal(settings.MILLRACE_TABLE, 'table')
  assert.equal(settings.AWS_REGION, 'us-east-1')
})

test('a stack without an output it should have is named', () => {
  const lacking = { ...outputs, 'millrace-local-api': { StageName: 'local' } }
  assert.throws(() => settingsOf({ ...source, outputs: lacking }), /millrace-local-api has no output "RestApiId"/)
})

test('what is written is read alike by us, a shell and node --env-file', () => {
  const file = join(folder, 'env')
  const settings = settingsOf(source)
  writeSettings(file, settings)
  assert.deepEqual(readSettings(file), settings)
  const inShell = execFileSync('/bin/sh', ['-c', `set -a; . '${file}'; printf %s "$DATABASE_URL"`], { encoding: 'utf8' })
  assert.equal(inShell, settings.DATABASE_URL)
  const inNode = execFileSync(process.execPath, [`--env-file=${file}`, '-p', 'process.env.DATABASE_URL'], { encoding: 'utf8', env: {} })
  assert.equal(inNode.trim(), settings.DATABASE_URL)
})

test('only the owner may read it, also when a file with wider rights was there', () => {
  const file = join(folder, 'wide')
  writeFileSync(file, 'OLD=1\n', { mode: 0o644 })
  writeSettings(file, settingsOf(source))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.doesNotMatch(readFileSync(file, 'utf8'), /OLD/)
})

test('a value that no settings file can hold is refused by name', () => {
  const bad = settingsOf({ ...source, databaseUrl: "postgres://u:it's@db/m" })
  assert.throws(
    () => writeSettings(join(folder, 'bad'), bad),
    (error) => error instanceof LocalFailure && /DATABASE_URL/.test(error.message),
  )
})

test('no file means no settings', () => {
  assert.deepEqual(readSettings(join(folder, 'none')), {})
})
