import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import type { Checkpoint } from '../../localstack/event-source/ports.ts'
import { kinesisClient } from '../../localstack/pump/kinesis-source.ts'
import { repository } from '../../localstack/state-dir.ts'
import { callOf } from '../support/event-source-run.ts'
import { createKinesisStream, type KinesisStream } from '../support/kinesis-stream.ts'
import { setting } from '../support/stage.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { zipOf } from '../support/zip.ts'

/** Reports the first record that says "poison". */
const code = `exports.handler = async ({ Records }) => {
  console.log(Records.length)
  const poison = Records.find(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString().includes('poison'))
  return { batchItemFailures: poison ? [{ itemIdentifier: poison.kinesis.sequenceNumber }] : [] }
}`

async function deployMapping(lambda: LambdaClient, stream: KinesisStream, bucket: string): Promise<{ uuid: string } & AsyncDisposable> {
  const role = 'arn:aws:iam::000000000000:role/test'
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: stream.name,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: role,
      Code: { ZipFile: zipOf('index.js', code) },
    }),
  )
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60, minDelay: 1 }, { FunctionName: stream.name })
  const { UUID: uuid = '' } = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: stream.name,
      EventSourceArn: stream.arn,
      Enabled: false,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 25,
      ParallelizationFactor: 2,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 0,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      DestinationConfig: { OnFailure: { Destination: `arn:aws:s3:::${bucket}` } },
    }),
  )
  return {
    uuid,
    [Symbol.asyncDispose]: async () => {
      await lambda.send(new DeleteEventSourceMappingCommand({ UUID: uuid }))
      await lambda.send(new DeleteFunctionCommand({ FunctionName: stream.name }))
    },
  }
}

function startPump(folder: string, mapping: string) {
  const endpoint = setting('AWS_ENDPOINT_URL')
  const args = [join(repository, 'localstack/pump/main.ts'), '--endpoint', endpoint, '--checkpoints', folder, '--mapping', mapping]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return {
    output: () => output,
    end: async (signal: NodeJS.Signals) => {
      child.kill(signal)
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      return child.exitCode
    },
  }
}

async function failuresIn(s3: S3Client, bucket: string, uuid: string): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `aws/lambda/${uuid}/` }))
  const found: string[] = []
  for (const { Key } of Contents) {
    assert.match(Key ?? '', /\/shardId-\d{12}\/\d{4}\/\d\d\/\d\d\/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}$/)
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
    const { payload } = JSON.parse((await object.Body?.transformToString()) ?? '') as { payload: string }
    found.push(...callOf(payload, 0).data)
  }
  return found
}

test('the pump serves a disabled mapping of a deployed function, is killed, goes on from its checkpoint, and stops in order', async () => {
  const kinesis = kinesisClient(setting('AWS_ENDPOINT_URL'))
  const lambda = new LambdaClient()
  const s3 = new S3Client({ forcePathStyle: true })
  const bucket = setting('MILLRACE_DEAD_LETTERS_BUCKET')
  const folder = temporaryFolder()
  await using stream = await createKinesisStream(kinesis, 2)
  await using mapping = await deployMapping(lambda, stream, bucket)
  const checkpoint = (): Checkpoint['shards'] => {
    try {
      return (JSON.parse(readFileSync(join(folder, `${mapping.uuid}.json`), 'utf8')) as Checkpoint).shards
    } catch {
      return {}
    }
  }
  const records = (from: number) =>
    Array.from({ length: 100 }, (_, i) => ({ key: `key ${i % 7}`, data: i % 40 === 5 ? `poison ${from + i}` : `${from + i}` }))
  const reached = async (placed: readonly { shard: string; sequenceNumber: string }[]): Promise<void> => {
    const last = new Map(placed.map(({ shard, sequenceNumber }) => [shard, sequenceNumber]))
    const isThere = ([shard, sequenceNumber]: [string, string]): boolean => {
      const mark = checkpoint()[shard]
      return mark?.state === 'reading' && mark.position.from === 'after' && mark.position.sequenceNumber === sequenceNumber
    }
    const end = Date.now() + 120_000
    while (![...last].every(isThere)) {
      assert.ok(
        Date.now() < end,
        `the checkpoint ${JSON.stringify(checkpoint())} does not come to ${JSON.stringify([...last])}\n${pump.output()}`,
      )
      await new Promise((done) => setTimeout(done, 100))
    }
  }

  let pump = startPump(folder, mapping.uuid)
  try {
    const first = await stream.put(records(0))
    await reached(first)
    await pump.end('SIGKILL')
    const second = await stream.put(records(100))
    pump = startPump(folder, mapping.uuid)
    await reached(second)
    // After the kill a record may be given up a second time.
    const givenUp = new Set(await failuresIn(s3, bucket, mapping.uuid))
    assert.deepEqual(givenUp, new Set([5, 45, 85, 105, 145, 185].map((i) => `poison ${i}`)))
    assert.equal(await pump.end('SIGTERM'), 0)
    assert.match(pump.output(), /Stopped in order/)
  } finally {
    await pump.end('SIGKILL')
    s3.destroy()
  }
})
