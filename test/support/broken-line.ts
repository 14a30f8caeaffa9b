import { createConnection, createServer, type Socket } from 'node:net'
import pg from 'pg'

/** A way to a Postgres that can be cut: while it is, every connection is refused, as by a server that is down. */
export interface BrokenLine extends AsyncDisposable {
  readonly connect: () => Promise<pg.Client>
  /** Connections that were tried while it was cut, epoch milliseconds each. */
  readonly refused: readonly number[]
  cut(): void
  mend(): void
}

export async function brokenLine(url: string): Promise<BrokenLine> {
  const { hostname, port } = new URL(url)
  const open = new Set<Socket>()
  const refused: number[] = []
  let isCut = false
  const server = createServer((near) => {
    near.on('error', () => undefined)
    if (isCut) {
      refused.push(Date.now())
      near.destroy()
      return
    }
    const far = createConnection(Number(port), hostname)
    far.on('error', () => near.destroy())
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.port = String((server.address() as { port: number }).port)
  return {
    refused,
    async connect() {
      const client = new pg.Client({ connectionString: through.href })
      client.on('error', () => undefined)
      await client.connect()
      return client
    },
    cut() {
      isCut = true
      for (const socket of open) socket.destroy()
    },
    mend() {
      isCut = false
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
