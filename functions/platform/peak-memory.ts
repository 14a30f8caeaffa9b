import { readFileSync } from 'node:fs'

/**
 * The most memory that this process has had resident, MiB. Linux' VmHWM (proc(5)) and not `resourceUsage().maxRSS`: that one
 * outlives exec, so a worker would begin with what the process had that started it. Where there is no /proc, what is resident now.
 */
export function peakMemory(): number {
  const kibibytes = highWaterMark() ?? process.memoryUsage.rss() / 1024
  return Math.round(kibibytes / 1024)
}

function highWaterMark(): number | undefined {
  try {
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return found ? Number(found[1]) : undefined
  } catch {
    return undefined
  }
}
