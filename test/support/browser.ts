import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sparticuz from '@sparticuz/chromium'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'

/** Why there is no browser to be had here, or false. The Chromium that comes from npm is a Linux x64 program. */
export const noBrowser =
  (process.platform !== 'linux' || process.arch !== 'x64') && !process.env.CHROME_PATH
    ? 'the Chromium of npm runs on Linux x64 only: set CHROME_PATH to a Chrome or Chromium of this machine'
    : false

/**
 * A headless browser; from npm, without system packages. The arguments that its package proposes are not taken: they switch CORS off
 * (--disable-web-security). Nothing but our own pages is opened, so it may run without the sandbox that containers and root do not allow.
 */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROME_PATH ?? (await sparticuz.executablePath())
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'], headless: true })
}

/** A page of its own origin on loopback that has the SDK as `millrace`, as a bundler makes it of `client/src/index.ts`. */
export async function servePage(): Promise<{ url: string } & AsyncDisposable> {
  const entry = join(import.meta.dirname, '../../client/src/index.ts')
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'millrace',
    target: 'es2024',
    outdir: tmpdir(),
  })
  const sdk = outputFiles[0]!.text
  const server = createServer((request, response) => {
    if (request.url === '/sdk.js') response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(sdk)
    else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><script src="/sdk.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
