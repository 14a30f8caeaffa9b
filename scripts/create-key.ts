import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeApiKey, tenantPattern } from '#core/api-key.ts'
import { datasets } from '#datasets'
import { putApiKey } from '#platform/api-keys.ts'
import { openTable } from '#platform/table.ts'

const help = `npm run key -- --tenant TENANT [options]

Makes an API key and prints it, once: only its hash is stored.

  --tenant TENANT   who sends: lower case letters, digits and -, 48 at most
  --dataset NAME    a dataset the key may use; may be given several times; all of them without it
  --name TEXT       a note on what the key is for
  --table NAME      the DynamoDB table (output TableName of the storage stack); default MILLRACE_TABLE, then the local AWS
  --help            print this

AWS is found as the AWS SDK finds it: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and so on.
`

interface Wanted {
  readonly tenant: string
  readonly datasets: readonly string[]
  readonly name: string | undefined
  readonly table: string
}

function wanted(): Wanted | string {
  const { values } = parseArgs({
    options: {
      tenant: { type: 'string' },
      dataset: { type: 'string', multiple: true },
      name: { type: 'string' },
      table: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return ''
  const { tenant, dataset = ['*'], name } = values
  if (tenant === undefined || !tenantPattern.test(tenant)) return '--tenant is needed: lower case letters, digits and -, 48 at most'
  const unknown = dataset.find((each) => each !== '*' && !datasets.has(each))
  if (unknown !== undefined) return `There is no dataset "${unknown}": ${[...datasets.keys()].join(', ')}`
  const table = values.table ?? process.env.MILLRACE_TABLE ?? localTable()
  if (table === undefined) return '--table is needed: no MILLRACE_TABLE is set and no local AWS was started (npm run local)'
  return { tenant, datasets: dataset, name, table }
}

/** The table of the local AWS, whose settings then hold for the AWS SDK too. */
function localTable(): string | undefined {
  const file = join(process.env.MILLRACE_LOCAL_DIR ?? join(import.meta.dirname, '../.local'), 'env')
  if (!existsSync(file)) return undefined
  process.loadEnvFile(file)
  return process.env.MILLRACE_TABLE
}

async function main(): Promise<number> {
  let what: Wanted | string
  try {
    what = wanted()
  } catch (error) {
    what = error instanceof Error ? error.message : String(error)
  }
  if (typeof what === 'string') {
    const asked = what === ''
    console[asked ? 'log' : 'error'](asked ? help : `${what}\n\n${help}`)
    return asked ? 0 : 2
  }
  const { tenant, name, table } = what
  const key = makeApiKey()
  const meaning = { tenant, datasets: what.datasets, createdAt: new Date().toISOString(), ...(name !== undefined && { name }) }
  try {
    await putApiKey(openTable(table))(key, meaning)
  } catch (error) {
    const gone = error instanceof Error && error.name === 'ResourceNotFoundException'
    console.error(
      gone ? `There is no table "${table}" in this account and region: give the output TableName of the storage stack` : String(error),
    )
    return 1
  }
  console.error(
    `A key of tenant ${tenant} for ${what.datasets.includes('*') ? 'all datasets' : what.datasets.join(', ')}; it is shown only now:`,
  )
  console.log(key)
  return 0
}

process.exitCode = await main()
