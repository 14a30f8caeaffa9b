import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { externalOf, runCommand } from './command-line.ts'
import { type LocalAws, type StartOptions, startLocal } from './local-aws.ts'
import { lineReport, quietReport } from './report.ts'

const help = `npm run local -- [options]

Starts the local AWS: MiniStack and Postgres (no Docker), the stacks of stage "local", the
migrations, a tenant "demo" with an API key. Running it again answers at once, and starts again
what has died. \`npm run local:stop\` ends it.

  --endpoint URL   deploy to this LocalStack or MiniStack, which runs already ...
  --database URL   ... and this Postgres, postgres://USER:PASSWORD@HOST:PORT/NAME (made if missing);
                   both or none, and nothing is then started
  --function-database URL
                   the same database as the functions reach it, when they run in containers;
                   or MILLRACE_FUNCTION_DATABASE
  --dir FOLDER     state, logs and settings; default .local, or MILLRACE_LOCAL_DIR
  --fresh          first stop it and delete all that it stored, the loaded rows too
  --json           print one JSON object (without the API key, which is in FOLDER/env only)
  --help           print this
`

interface Wanted extends StartOptions {
  readonly json: boolean
}

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      endpoint: { type: 'string' },
      database: { type: 'string' },
      'function-database': { type: 'string' },
      dir: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { help, dir, endpoint, database, fresh, json, 'function-database': functionDatabase } = values
  if (help) return undefined
  const report = json ? quietReport : lineReport()
  return { ...(dir !== undefined && { dir }), external: externalOf(endpoint, database), functionDatabase, fresh, report, json }
}

async function start(options: Wanted): Promise<void> {
  const began = performance.now()
  const local = await startLocal(options)
  const seconds = (performance.now() - began) / 1000
  console.log(options.json ? asJson(local, seconds) : asText(local, seconds, options))
}

function asJson({ settings, dir, kind, unchanged }: LocalAws, seconds: number): string {
  const { MILLRACE_API_KEY: _, ...shown } = settings
  return JSON.stringify({ ...shown, emulator: kind, envFile: dir.env, logs: dir.logs, unchanged, seconds: Number(seconds.toFixed(1)) })
}

function asText({ settings, dir, unchanged }: LocalAws, seconds: number, { external }: StartOptions): string {
  const env = relative(process.cwd(), dir.env) || dir.env
  return [
    unchanged ? 'It runs already, and nothing has changed.' : `Ready in ${seconds.toFixed(1)} s.`,
    '',
    `  API        ${settings.MILLRACE_URL}`,
    `  Database   ${settings.DATABASE_URL}`,
    `  Emulator   ${settings.AWS_ENDPOINT_URL}`,
    `  Settings   ${env} (with the API key of tenant demo)`,
    `  Logs       ${relative(process.cwd(), dir.logs) || dir.logs}`,
    '',
    'Try next:',
    '  npm run millrace -- datasets',
    '  npm run millrace -- push FILE --dataset flights',
    `  set -a; . '${env}'; set +a; curl -H "Authorization: Bearer $MILLRACE_API_KEY" "$MILLRACE_URL/v1/loads"`,
    ...(external ? [] : ['  npm run local:stop']),
  ].join('\n')
}

/** Children that must not outlive us are ended on 'exit', which a signal by itself would skip. */
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(name, () => {
    console.error('\nInterrupted. What was started runs on: `npm run local` continues, `npm run local:stop` ends it.')
    process.exit(code)
  })
}

process.stdout.on('error', () => {}) // `| head` may close it; the start goes on

await runCommand({ name: 'npm run local', help, read: wanted, run: start })
