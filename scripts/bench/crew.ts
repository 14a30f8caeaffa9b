import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Message } from './answering.ts'

export type Program = 'loader-process' | 'copy-process' | 'stream-process' | 'door-process'

/** Processes of one kind. They are started, and connected to the database, before a clock runs: as warm functions are. */
export interface Crew<Order, Answer> extends AsyncDisposable {
  readonly members: readonly Member<Order, Answer>[]
  /** Ends them all in peace. @returns the most memory that one of them had, MiB */
  end(): Promise<number>
}
interface Member<Order, Answer> {
  ask(order: Order): Promise<Answer>
}

/** @param flags for Node, such as those of its profiler */
export async function startCrew<Order, Answer>(
  program: Program,
  size: number,
  url: string,
  flags: readonly string[] = [],
): Promise<Crew<Order, Answer>> {
  const children = await Promise.all(Array.from({ length: size }, () => start(program, url, flags)))
  return {
    members: children.map((child) => ({ ask: async (order) => answerOf<Answer>(await exchange(child, order)) })),
    async end() {
      const peaks = await Promise.all(children.map(endOf))
      return Math.max(...peaks)
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    },
  }
}

async function start(program: Program, url: string, flags: readonly string[]): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(`${program}.ts`, import.meta.url))
  const child = fork(path, [url], {
    execArgv: [...flags],
    serialization: 'advanced',
    // Log lines and metrics are made as in production, and go nowhere.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, POWERTOOLS_SERVICE_NAME: 'bench', POWERTOOLS_METRICS_NAMESPACE: 'bench', AWS_REGION: 'local' },
  })
  await next(child)
  return child
}

async function exchange(child: ChildProcess, order: unknown): Promise<Message<unknown>> {
  const answer = next(child)
  child.send({ order })
  return answer
}

function answerOf<Answer>(message: Message<unknown>): Answer {
  if (message.kind === 'failure') throw new Error(`a worker of the bench failed: ${message.message}`)
  return (message as { answer: Answer }).answer
}

async function endOf(child: ChildProcess): Promise<number> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const said = await exchange(child, undefined)
  await ended
  return said.kind === 'memory' ? said.peakMiB : 0
}

function next(child: ChildProcess): Promise<Message<unknown>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a worker of the bench ended with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as Message<unknown>)
    })
  })
}
