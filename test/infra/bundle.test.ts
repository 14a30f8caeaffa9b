import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { synthesize } from '../support/synthesized-app.ts'

// migrate is the one function of its stack, and the one with everything that is hard to bundle: pg, the datasets, SQL, the SDK.
const { outdir } = synthesize('local', {}, ['millrace-local-database'])
const bundle = readdirSync(outdir)
  .filter((name) => name.startsWith('asset.'))
  .map((name) => join(outdir, name, 'index.mjs'))
  .find((file) => existsSync(file))!

it('is one ES module with its source map', () => {
  assert.ok(existsSync(`${bundle}.map`))
  execFileSync(process.execPath, ['--check', bundle])
})

it('holds everything but Node itself: our own imports, the SDK and pg are resolved', () => {
  const code = readFileSync(bundle, 'utf8')
  const imports = [...code.matchAll(/\bfrom\s?["']([^"'\s]+)["']/g)].map((m) => m[1]!).filter((name) => !/^(node:)?[a-z_/]+$/.test(name))
  assert.deepEqual(imports, [])
  assert.ok(statSync(bundle).size < 5_000_000, `${statSync(bundle).size} bytes`)
})

it('starts without node_modules, and names every variable that is missing', () => {
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `await import(${JSON.stringify(pathToFileURL(bundle).href)})`],
    {
      cwd: outdir,
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    },
  )
  assert.notEqual(status, 0)
  assert.match(stderr, /ConfigurationError: DATABASE_SECRET_ARN is not set .*LOADER_SECRET_ARN is not set .*STAGING_SLOTS is not set/)
})

it('exports the handler that Lambda calls', () => {
  const script = `const m = await import(${JSON.stringify(pathToFileURL(bundle).href)}); console.log(typeof m.handler)`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: outdir,
    env: { PATH: process.env.PATH, DATABASE_SECRET_ARN: 'a', LOADER_SECRET_ARN: 'b', STAGING_SLOTS: '2', AWS_REGION: 'us-east-1' },
    encoding: 'utf8',
  })
  assert.equal(stdout.trim(), 'function')
})
