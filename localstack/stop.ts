import { parseArgs } from 'node:util'
import { describeFailure } from './failure.ts'
import { stopLocal } from './local-aws.ts'

const help = `npm run local:stop -- [options]

Ends what \`npm run local\` started, and leaves no process behind. What was stored is kept for the
next start. An emulator and a Postgres that were only used (--endpoint) are left alone.

  --dir FOLDER   the state dir it was started with; default .local, or MILLRACE_LOCAL_DIR
  --help         print this
`

try {
  const { values } = parseArgs({ options: { dir: { type: 'string' }, help: { type: 'boolean', default: false } } })
  if (values.help) console.log(help)
  else {
    const ended = await stopLocal(values.dir)
    console.log(ended.length > 0 ? `Stopped ${ended.join(', ')}.` : 'Nothing was running.')
  }
} catch (error) {
  console.error(`millrace local:stop: ${describeFailure(error)}`)
  process.exitCode = 1
}
