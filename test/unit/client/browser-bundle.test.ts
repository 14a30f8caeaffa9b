import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const entry = fileURLToPath(new URL('../../../client/src/index.ts', import.meta.url))

test('the SDK bundles for browsers: no node: module, nothing of the server, no package', async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
  })
  const inputs = Object.keys(metafile.inputs).toSorted()
  assert.ok(inputs.length > 5)
  for (const input of inputs)
    assert.match(
      input,
      /client\/src\/[a-z-]+\.ts$|functions\/core\/(loads\/(crc32|receipt)|rows\/ignored)\.ts$/,
      `${input} is in the bundle`,
    )
  assert.deepEqual(
    Object.values(metafile.outputs).flatMap((output) => output.imports),
    [],
  )
  assert.ok(outputFiles[0]!.contents.length < 25_000, `${outputFiles[0]!.contents.length} bytes minified`)
})
