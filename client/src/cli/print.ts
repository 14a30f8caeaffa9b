import type { DatasetAnswer } from '../../../functions/core/api/contract.ts'
import { type Receipt, type RowCounts, reconciles } from '../../../functions/core/loads/receipt.ts'
import type { Reject } from '../../../functions/core/rejects/reject.ts'
import type { Ignored } from '../../../functions/core/rows/ignored.ts'
import { bytes, count, duration, moment, table } from './figures.ts'

/** `3,000,000 received = 2,999,997 loaded + 0 updated + 0 duplicate + 3 rejected + 0 pending` */
export const equation = (r: RowCounts): string =>
  `${count(r.received)} received = ${count(r.loaded)} loaded + ${count(r.updated)} updated + ${count(r.duplicate)} duplicate + ${count(r.rejected)} rejected + ${count(r.pending)} pending`

export function printReceipt(receipt: Receipt): string {
  const { rows, checksum, chunks } = receipt
  const facts: [string, string][] = [
    ['dataset', receipt.dataset],
    ['file', `${receipt.fileName ?? '(batch)'}, ${bytes(receipt.bytes.received)}${encoding(receipt)}`],
    ['chunks', `${count(chunks.committed)} of ${chunks.planned === null ? 'as yet unknown' : count(chunks.planned)} committed`],
    ['CRC32', checksums(checksum)],
    ['time', times(receipt)],
    ['trace', receipt.trace],
  ]
  if (receipt.links.fixes) facts.push(['corrects', idIn(receipt.links.fixes)])
  if (receipt.links.source) facts.push(['loads again', idIn(receipt.links.source)])
  if (receipt.links.fixedBy.length > 0) facts.push(['corrected by', receipt.links.fixedBy.map(idIn).join(', ')])
  if (rows.rejected > 0) facts.push(['rejected', rejectsByCode(receipt)])
  if (receipt.ignored.byName.length > 0) facts.push(['ignored', ignoredText(receipt.ignored)])
  if (receipt.waiting) facts.push(['waiting', `${receipt.waiting.detail} (since ${moment(receipt.waiting.since)})`])
  if (receipt.problem) facts.push(['problem', `${receipt.problem.title}: ${receipt.problem.detail} (${receipt.problem.code})`])
  for (const { detail } of receipt.problem?.errors ?? []) facts.push(['', detail])
  return `Load ${receipt.id}: ${headline(receipt)}

  ${equation(rows)}${reconciles(rows) ? '' : '\n  THIS DOES NOT ADD UP: please report it, with the load and the trace'}

${indent(table(outcomes(receipt), new Set([1])))}

${indent(table(facts))}
`
}

function encoding({ format, compression }: Receipt): string {
  if (format === null) return ''
  return `, ${format}${compression === null || compression === 'none' ? '' : `, ${compression}`}`
}

function headline({ state, rows, expiresAt }: Receipt): string {
  switch (state) {
    case 'complete':
      return rows.rejected > 0 ? `complete, ${count(rows.rejected)} ${rows.rejected === 1 ? 'row' : 'rows'} rejected` : 'complete'
    case 'receiving':
      return `waiting for its bytes${expiresAt ? ` until ${moment(expiresAt)}` : ''}`
    default:
      return state
  }
}

function outcomes({ id, rows }: Receipt): string[][] {
  return [
    ['loaded', count(rows.loaded), 'new in the table'],
    ['updated', count(rows.updated), 'took the place of an older row'],
    ['duplicate', count(rows.duplicate), 'were there already, and were left alone'],
    ['rejected', count(rows.rejected), rows.rejected > 0 ? `not loaded; why: millrace rejects ${id}` : 'not loaded'],
    ['pending', count(rows.pending), 'not decided yet'],
  ]
}

const idIn = (link: string): string => link.slice(link.lastIndexOf('/') + 1)

/** `5 wrong-type in delay, 2 invalid-json, 1 other`, as many as fit a line or two. */
function rejectsByCode({ rows, rejects: { byCode } }: Receipt): string {
  const told = byCode.slice(0, toldCodes)
  const others = told.reduce((rest, sum) => rest - sum.rows, rows.rejected)
  const sums = told.map(({ code, column, rows }) => `${count(rows)} ${code}${column === null ? '' : ` in ${column}`}`)
  return [...sums, ...(others > 0 ? [`${count(others)} other`] : [])].join(', ')
}
const toldCodes = 6

/** `"note" in 12 rows, "gate" in 1 row, others 7 times`: what was passed over, as many names as fit a line or two. */
export function ignoredText({ byName, others }: Ignored): string {
  const told = byName.slice(0, toldNames)
  const rest = byName.slice(toldNames).reduce((sum, { rows }) => sum + rows, others)
  const names = told.map(({ name, rows }) => `${JSON.stringify(name)} in ${count(rows)} ${rows === 1 ? 'row' : 'rows'}`)
  return [...names, ...(rest > 0 ? [`others ${count(rest)} ${rest === 1 ? 'time' : 'times'}`] : [])].join(', ')
}
const toldNames = 6

function checksums({ uploaded, loaded }: Receipt['checksum']): string {
  if (uploaded === null) return 'not known before the upload is complete'
  if (loaded === null) return `${uploaded} sent; compared with what was read when the load ends`
  return uploaded === loaded ? `${uploaded} sent and read: they match` : `${uploaded} sent, ${loaded} read: THEY DIFFER`
}

function times({ createdAt, startedAt, committedAt, rows }: Receipt): string {
  if (startedAt === null || committedAt === null)
    return `opened ${moment(createdAt)}${startedAt ? `, loading since ${moment(startedAt)}` : ''}`
  const ms = Date.parse(committedAt) - Date.parse(startedAt)
  const rate = ms > 0 ? `, ${count(Math.round((rows.received / ms) * 1000))} rows/s` : ''
  return `opened ${moment(createdAt)}, committed ${moment(committedAt)}: loaded in ${duration(ms)}${rate}`
}

/** `line 12, column "delay": … (code)` */
export function printReject({ line, offset, column, message, code }: Reject): string {
  const where = line === null ? `byte ${count(offset)}` : `line ${count(line)}`
  return `${where}${column === null ? '' : `, column "${column}"`}: ${message} (${code})`
}

export function printLoads(receipts: readonly Receipt[]): string {
  if (receipts.length === 0) return 'There are no such loads.\n'
  const head = ['LOAD', 'DATASET', 'STATE', 'RECEIVED', 'REJECTED', 'OPENED', 'FILE']
  const rows = receipts.map((r) => [
    r.id,
    r.dataset,
    r.state,
    count(r.rows.received),
    count(r.rows.rejected),
    moment(r.createdAt),
    r.fileName ?? '(batch)',
  ])
  return `${table([head, ...rows], new Set([3, 4]))}\n`
}

export const printDatasets = (datasets: readonly DatasetAnswer[]): string => `${table(datasets.map((d) => [d.name, d.description]))}\n`

export function printDataset(d: DatasetAnswer): string {
  const facts: [string, string][] = [
    ['primary key', d.primaryKey.join(', ')],
    ['a row whose key is there', onConflict(d)],
    ['order is kept', d.orderingKey === null ? 'no: rows may be applied in any order' : `among rows of the same ${d.orderingKey}`],
    ['largest row', bytes(d.limits.rowBytes)],
    ['largest file', bytes(d.limits.fileBytes)],
    ['rejects a load takes', d.limits.maxRejects === undefined ? 'any number' : `${d.limits.maxRejects}, unless it says otherwise`],
  ]
  return `${d.name}: ${d.description}\n\n${indent(table(facts))}\n\nA row, as JSON Schema:\n${JSON.stringify(d.schema, null, 2)}\n`
}

function onConflict({ onConflict: policy, version }: DatasetAnswer): string {
  if (policy === 'ignore') return 'leaves the old row (duplicate)'
  return version === null
    ? 'takes its place (updated)'
    : `takes its place if its ${version} is greater (updated), else is left out (duplicate)`
}

export const indent = (text: string): string => text.replace(/^/gm, '  ')
