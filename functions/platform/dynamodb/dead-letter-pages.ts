import { QueryCommand, type QueryCommandInput, type QueryCommandOutput } from '@aws-sdk/lib-dynamodb'
import { type DeadLetter, deadLetterKey } from '#core/batches/dead-letter.ts'
import { chunkKey } from '#core/loads/load.ts'
import { letterOf, tenantPk } from './dead-letters.ts'
import { readItems } from './read-items.ts'
import { isKept, type Table } from './table.ts'

interface LetterFilter {
  readonly dataset?: string | undefined
  readonly load?: string | undefined
}
interface LettersPage {
  readonly deadLetters: readonly DeadLetter[]
  /** Sort key of the last dead letter looked at; undefined after the last. */
  readonly next: string | undefined
}

/** A dead letter and the chunk that it may have become: BatchGetItem takes 100 keys. */
const batch = 50

/**
 * One page of what was set aside: of a tenant, newest first, through the index; or of one load, by chunk. Read again from the table, with the
 * chunks: what was committed since is no dead letter any more.
 */
export const listLetters =
  (table: Table) =>
  async (tenant: string, filter: LetterFilter, limit: number, after: string | undefined): Promise<LettersPage> => {
    const { Items = [], LastEvaluatedKey } = await table.client.send(new QueryCommand(pageQuery(table.name, tenant, filter, limit, after)))
    const places = Items.map(({ pk, sk }) => ({ load: String(pk).slice('LOAD#'.length), chunk: Number(String(sk).slice('DEAD#'.length)) }))
    const deadLetters: DeadLetter[] = []
    for (let i = 0; i < places.length; i += batch) deadLetters.push(...(await current(table, places.slice(i, i + batch))))
    return {
      deadLetters: deadLetters.filter((deadLetter) => deadLetter.tenant === tenant),
      next: LastEvaluatedKey && sortKey(LastEvaluatedKey, filter),
    }
  }

const sortKey = (key: NonNullable<QueryCommandOutput['LastEvaluatedKey']>, { load }: LetterFilter): string =>
  String(load === undefined ? key.createdSk : key.sk)

function pageQuery(
  table: string,
  tenant: string,
  { dataset, load }: LetterFilter,
  limit: number,
  after: string | undefined,
): QueryCommandInput {
  const common = {
    TableName: table,
    Limit: limit,
    ...(dataset !== undefined && { FilterExpression: '#dataset = :dataset', ExpressionAttributeNames: { '#dataset': 'dataset' } }),
  }
  const values = dataset === undefined ? {} : { ':dataset': dataset }
  if (load !== undefined) {
    const { pk, sk } = deadLetterKey(load, 0)
    return {
      ...common,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ...values, ':pk': pk, ':from': sk, ':to': 'DEAD#9999999' },
      ConsistentRead: true,
      ...(after !== undefined && { ExclusiveStartKey: { pk, sk: after } }),
    }
  }
  const pk = tenantPk(tenant)
  return {
    ...common,
    IndexName: 'byTenant',
    ScanIndexForward: false,
    KeyConditionExpression: 'tenantPk = :pk',
    ExpressionAttributeValues: { ...values, ':pk': pk },
    ...(after !== undefined && { ExclusiveStartKey: { ...keyIn(after), tenantPk: pk, createdSk: after } }),
  }
}

/** The item's own key, which its sort key in the index ends with: `time#load#chunk`. */
function keyIn(createdSk: string): { pk: string; sk: string } {
  const [, load = '', chunk] = createdSk.split('#')
  return deadLetterKey(load, Number(chunk))
}

interface Place {
  readonly load: string
  readonly chunk: number
}
/** The dead letters at these places that are still dead, in their order. */
async function current(table: Table, places: readonly Place[]): Promise<DeadLetter[]> {
  const item = await readItems(
    table,
    places.flatMap(({ load, chunk }) => [deadLetterKey(load, chunk), chunkKey(load, chunk)]),
  )
  return places.flatMap(({ load, chunk }) => {
    const deadLetter = letterOf(item(deadLetterKey(load, chunk)))
    return deadLetter && !isKept(item(chunkKey(load, chunk))) ? [deadLetter] : []
  })
}
