import { QueryCommand, type QueryCommandInput } from '@aws-sdk/lib-dynamodb'
import { effectiveState, type Load, loadKey } from '#core/loads/load.ts'
import type { LoadState } from '#core/loads/receipt.ts'
import { loadOf, tenantPk } from './loads.ts'
import { readItems } from './read-items.ts'
import type { Table } from './table.ts'

export interface LoadFilter {
  readonly dataset?: string | undefined
  readonly state?: LoadState | undefined
}
export interface LoadsPage {
  readonly loads: readonly Load[]
  /** Where the next page begins: the index's sort key of the last load looked at; undefined after the last. */
  readonly next: string | undefined
}

/** Index pages read for one answer: a filter that matches little may leave a page short, but never slow. */
const maxPages = 10

/** A tenant's loads, newest first, read through the index and then from the table, so that what is told is current. */
export const listLoads =
  (table: Table) =>
  async (tenant: string, filter: LoadFilter, limit: number, after: string | undefined): Promise<LoadsPage> => {
    const now = Date.now()
    const keys: string[] = []
    let position = after
    for (let page = 0; page < maxPages; page++) {
      const { Items = [], LastEvaluatedKey } = await table.client.send(
        new QueryCommand(pageQuery(table.name, tenant, filter, now, limit, position)),
      )
      const found = Items.map((item) => item.createdSk as string)
      const room = limit - keys.length
      keys.push(...found.slice(0, room))
      if (found.length > room || (keys.length === limit && LastEvaluatedKey)) {
        return { loads: await readLoads(table, keys, filter, now), next: keys.at(-1) }
      }
      position = LastEvaluatedKey?.createdSk as string | undefined
      if (position === undefined) return { loads: await readLoads(table, keys, filter, now), next: undefined }
    }
    return { loads: await readLoads(table, keys, filter, now), next: position }
  }

function pageQuery(
  table: string,
  tenant: string,
  { dataset, state }: LoadFilter,
  now: number,
  limit: number,
  after: string | undefined,
): QueryCommandInput {
  const filters = [...(dataset === undefined ? [] : ['#dataset = :dataset']), ...(state === undefined ? [] : [stateFilter(state)])]
  const names = { ...(dataset !== undefined && { '#dataset': 'dataset' }), ...(state !== undefined && { '#state': 'state' }) }
  const computed = state === 'receiving' || state === 'expired'
  return {
    TableName: table,
    IndexName: 'byTenant',
    KeyConditionExpression: 'tenantPk = :tenant',
    ScanIndexForward: false,
    // Counted before the filter; with one, read further at a time.
    Limit: filters.length > 0 ? Math.max(limit, 250) : limit,
    ...(filters.length > 0 && { FilterExpression: filters.join(' AND '), ExpressionAttributeNames: names }),
    ExpressionAttributeValues: {
      ':tenant': tenantPk(tenant),
      ...(dataset !== undefined && { ':dataset': dataset }),
      ...(state !== undefined && { ':state': state }),
      ...(state === 'expired' && { ':receiving': 'receiving' }),
      ...(computed && { ':now': new Date(now).toISOString() }),
    },
    ...(after !== undefined && { ExclusiveStartKey: { ...loadKey(idOf(after)), tenantPk: tenantPk(tenant), createdSk: after } }),
  }
}

/** `expired` is stored nowhere: it is `receiving` past its window. Times are ISO 8601 in UTC, so their order is that of text. */
function stateFilter(state: LoadState): string {
  if (state === 'receiving') return '(#state = :state AND expiresAt > :now)'
  if (state === 'expired') return '(#state = :state OR (#state = :receiving AND expiresAt <= :now))'
  return '#state = :state'
}

const idOf = (createdSk: string): string => createdSk.slice(createdSk.indexOf('#') + 1)

/** The loads as the table has them now; one that no longer fits the filter, the index being a moment behind, is left out. */
async function readLoads(table: Table, sortKeys: readonly string[], filter: LoadFilter, now: number): Promise<Load[]> {
  const item = await readItems(
    table,
    sortKeys.map((key) => loadKey(idOf(key))),
  )
  return sortKeys
    .map((key) => loadOf(item(loadKey(idOf(key)))))
    .filter((load): load is Load => load !== undefined && (filter.state === undefined || effectiveState(load, now) === filter.state))
}
