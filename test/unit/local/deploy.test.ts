import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeployOptions, deploy } from '../../../localstack/deploy.ts'
import { sourcesHash } from '../../../localstack/fingerprint.ts'
import type { DeploymentNote } from '../../../localstack/secrets.ts'

test('what is in the emulator is done only once its migrations have run: until then every start runs them', async () => {
  const databaseSecretArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:database'
  const context = ['stage=local', `databaseSecretArn=${databaseSecretArn}`, 'gatewayAuthenticates=true'].flatMap((c) => ['--context', c])
  // As a deploy leaves it whose migrations then failed.
  let note: DeploymentNote = { bootstrapped: true, complete: true, sources: sourcesHash(context), templates: 'same', outputs: { a: {} } }
  const options = {
    kind: 'ministack',
    databaseSecretArn,
    secrets: {
      readNote: async () => note,
      async writeNote(next: DeploymentNote) {
        note = next
      },
    },
    step: async (name: string) => assert.fail(`${name} would change what is there`),
  } as unknown as DeployOptions
  for (let starts = 0; starts < 2; starts++) assert.equal((await deploy(options)).changed, true)
  await (await deploy(options)).migrated()
  const { changed, outputs } = await deploy(options)
  assert.deepEqual([changed, outputs], [false, { a: {} }])
})
