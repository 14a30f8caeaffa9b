import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The process on this machine that holds the loopback TCP port, such as the other end of a database connection.
 * @returns undefined when there is none to be seen: it runs in a container, or this is not Linux
 */
export function processOfPort(port: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const inode = inodeOf(port)
  if (inode === undefined) return undefined
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => linksOf(pid).includes(`socket:[${inode}]`))
}

/** proc_net_tcp(5): local address and port in hex, ..., the state (01: established), ..., the inode of the socket. */
function inodeOf(port: number): string | undefined {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n').slice(1))
  const fields = lines.map((line) => line.trim().split(/\s+/)).find(([, local, , state]) => local?.endsWith(end) && state === '01')
  return fields?.[9]
}

/** What a process has open; nothing of one that is gone or not ours. */
function linksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    })
  } catch {
    return []
  }
}
