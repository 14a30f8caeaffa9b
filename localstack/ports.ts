import { createServer } from 'node:net'

/** The wanted port when nobody listens on it, so that URLs survive a restart; otherwise any free one. */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await listen(wanted)) !== undefined) return wanted
  return (await listen(0))!
}

function listen(port: number): Promise<number | undefined> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.once('error', (error) => (port === 0 ? failed(error) : done(undefined)))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : undefined))
    })
  })
}
