import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseEndpoint } from '../endpoint.ts'
import { describeFailure, LocalFailure } from '../failure.ts'
import { serveMappings } from './serve.ts'

const help = `node localstack/pump/main.ts --endpoint URL --checkpoints FOLDER

Plays Lambda's event source for every disabled Kinesis mapping at a local endpoint: reads the streams, invokes the
functions, and keeps its place in FOLDER. \`npm run local\` starts it when there is such a mapping.

  --endpoint URL         a MiniStack or LocalStack
  --checkpoints FOLDER   made if missing
  --mapping UUID         serve only this one
  --help                 print this

SIGTERM or Ctrl-C: what is under way is awaited, then it ends. It can be killed at any time: records since the last checkpoint are
delivered again.
`

try {
  const { values } = parseArgs({
    options: {
      endpoint: { type: 'string' },
      checkpoints: { type: 'string' },
      mapping: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) console.log(help)
  else {
    const { endpoint, checkpoints: folder, mapping: only } = values
    if (!endpoint || !folder) throw new LocalFailure('--endpoint and --checkpoints are needed; --help tells more.')
    mkdirSync(folder, { recursive: true })
    const stopping = new AbortController()
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort())
    const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`)
    log(`Serving the disabled Kinesis mappings at ${endpoint}`)
    await serveMappings({ endpoint: parseEndpoint(endpoint), folder, only, signal: stopping.signal, log })
    log('Stopped in order.')
  }
} catch (error) {
  console.error(`millrace pump: ${describeFailure(error)}`)
  process.exitCode = 1
}
