import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeApiKey, tenantPattern } from '#core/api/api-key.ts'
import { datasets as all } from '#datasets'
import { putApiKey } from '#platform/dynamodb/api-keys.ts'
import { openTable } from '#platform/dynamodb/table.ts'
import { runCommand } from '../localstack/command-line.ts'
import { localDir } from '../localstack/state-dir.ts'

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

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      tenant: { type: 'string' },
      dataset: { type: 'string', multiple: true },
      name: { type: 'string' },
      table: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { tenant, dataset = ['*'], name } = values
  if (tenant === undefined || !tenantPattern.test(tenant))
    throw new Error('--tenant is needed: lower case letters, digits and -, 48 at most')
  const unknown = dataset.find((each) => each !== '*' && !all.has(each))
  if (unknown !== undefined) throw new Error(`there is no dataset "${unknown}": ${[...all.keys()].join(', ')}`)
  const table = values.table ?? process.env.MILLRACE_TABLE ?? localTable()
  if (table === undefined) throw new Error('--table is needed: no MILLRACE_TABLE is set and no local AWS was started (npm run local)')
  return { tenant, datasets: dataset, name, table }
}

/** The table of the local AWS, whose settings then hold for the AWS SDK too. */
function localTable(): string | undefined {
  const file = join(localDir(), 'env')
  if (!existsSync(file)) return undefined
  process.loadEnvFile(file)
  return process.env.MILLRACE_TABLE
}

async function createKey({ tenant, datasets, name, table }: Wanted): Promise<void> {
  const key = makeApiKey()
  const meaning = { tenant, datasets, createdAt: new Date().toISOString(), ...(name !== undefined && { name }) }
  try {
    await putApiKey(openTable(table))(key, meaning)
  } catch (error) {
    const gone = error instanceof Error && error.name === 'ResourceNotFoundException'
    console.error(
      gone ? `There is no table "${table}" in this account and region: give the output TableName of the storage stack` : String(error),
    )
    process.exitCode = 1
    return
  }
  console.error(`A key of tenant ${tenant} for ${datasets.includes('*') ? 'all datasets' : datasets.join(', ')}; it is shown only now:`)
  console.log(key)
}

await runCommand({ name: 'npm run key', help, read: wanted, run: createKey })
