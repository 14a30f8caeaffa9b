import { parseArgs } from 'node:util'
import { runCommand } from './command-line.ts'
import { stopLocal } from './local-aws.ts'

const help = `npm run local:stop -- [options]

Ends what \`npm run local\` started, and leaves no process behind. What was stored is kept for the
next start. An emulator and a Postgres that were only used (--endpoint) are left alone.

  --dir FOLDER   the state dir it was started with; default .local, or MILLRACE_LOCAL_DIR
  --help         print this
`

await runCommand({
  name: 'npm run local:stop',
  help,
  read: () => {
    const { values } = parseArgs({ options: { dir: { type: 'string' }, help: { type: 'boolean', default: false } } })
    return values.help ? undefined : values
  },
  run: async ({ dir }) => {
    const ended = await stopLocal(dir)
    console.log(ended.length > 0 ? `Stopped ${ended.join(', ')}.` : 'Nothing was running.')
  },
})
