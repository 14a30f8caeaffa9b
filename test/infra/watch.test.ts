import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { resources, synthesize } from '../support/synthesized-app.ts'

const production = synthesize('production')
const { watch } = production.templates
const local = synthesize('local').templates.watch
const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8')
const sections = new Set([...runbook.matchAll(/^## (.+)$/gm)].map((m) => m[1]))

interface Alarm {
  readonly AlarmDescription: string
  readonly AlarmActions?: unknown[]
  readonly OKActions?: unknown[]
  readonly MetricName?: string
  readonly Metrics?: unknown
  readonly Threshold: number
  readonly TreatMissingData: string
}
const alarms = resources<Alarm>(watch, 'AWS::CloudWatch::Alarm')
const about = (prefix: string) => alarms.filter(({ id }) => id.startsWith(prefix.replaceAll('-', ''))).map(({ properties }) => properties)

describe('alarms', () => {
  it('tell the topic, when they sound and when they are over', () => {
    for (const { id, properties } of alarms) {
      assert.equal(properties.AlarmActions?.length, 1, id)
      assert.equal(properties.OKActions?.length, 1, id)
    }
  })
  it('each name a section of the runbook that exists', () => {
    for (const { id, properties } of alarms) {
      const section = /docs\/runbook\.md#([\w-]+)$/.exec(properties.AlarmDescription)?.[1]
      assert.ok(section && sections.has(section), `${id}: ${properties.AlarmDescription}`)
    }
  })
  it('leave no section of the runbook without an alarm', () => {
    const used = new Set(alarms.map(({ properties }) => properties.AlarmDescription.split('#')[1]))
    assert.deepEqual(
      [...sections].filter((s) => !used.has(s)),
      [],
    )
  })
  it('sound at the first dead letter', () => {
    for (const queue of ['plan', 'chunks', 'set-aside']) {
      const [alarm] = about(`${queue}-dead-letters`)
      assert.equal(alarm?.MetricName, 'ApproximateNumberOfMessagesVisible')
      assert.equal(alarm?.Threshold, 1)
    }
    assert.equal(about('chunks-set-aside')[0]?.MetricName, 'DeadLetters')
    assert.equal(about('dead-letters-unreadable')[0]?.MetricName, 'DeadLettersUnreadable')
  })
  it('watch the oldest message, the database, and the API’s errors', () => {
    assert.equal(about('chunks-oldest-message')[0]?.MetricName, 'ApproximateAgeOfOldestMessage')
    assert.equal(about('database-cpu')[0]?.MetricName, 'CPUUtilization')
    assert.equal(about('database-capacity')[0]?.MetricName, 'ACUUtilization')
    assert.equal(about('database-connections')[0]?.MetricName, 'DatabaseConnections')
    assert.equal(about('api-server-errors')[0]?.MetricName, '5XXError')
  })
  it('watch how far the consumer of the stream is behind, and whether Lambda lost what it gave up', () => {
    const [behind] = about('stream-behind')
    assert.deepEqual([behind?.MetricName, behind?.Threshold], ['IteratorAge', 300_000])
    const [dropped] = about('records-dropped')
    assert.deepEqual([dropped?.MetricName, dropped?.Threshold], ['DroppedEventCount', 1])
  })
  it('watch errors and throttles of every function', () => {
    const { ingest, api, database } = production.stacks
    for (const { node } of [...ingest.functions, ...api.functions, database.migrate]) {
      assert.equal(about(`${node.id}-errors`)[0]?.MetricName, 'Errors', node.id)
      assert.equal(about(`${node.id}-throttles`)[0]?.MetricName, 'Throttles', node.id)
    }
  })
  it('take silence for rest', () => {
    for (const { properties } of alarms) assert.equal(properties.TreatMissingData, 'notBreaching')
  })
})

it('the topic refuses publishers without TLS', () => {
  const [policy] = resources<{ PolicyDocument: unknown }>(watch, 'AWS::SNS::TopicPolicy')
  assert.match(JSON.stringify(policy!.properties.PolicyDocument), /"aws:SecureTransport":"false"/)
})

it('the dashboard shows the door, the queues, the loaders and the database', () => {
  const [dashboard] = resources<{ DashboardBody: unknown }>(watch, 'AWS::CloudWatch::Dashboard')
  const body = JSON.stringify(dashboard!.properties.DashboardBody)
  for (const title of ['API: requests', 'Queue chunks: messages', 'load-chunk: time a chunk', 'Aurora: capacity'])
    assert.ok(body.includes(title), title)
})

describe('the local stage', () => {
  it('has alarms on single metrics and no dashboard', () => {
    const found = resources<Alarm>(local, 'AWS::CloudWatch::Alarm')
    assert.ok(found.length > 20)
    for (const { id, properties } of found) assert.equal(properties.Metrics, undefined, id)
    local.resourceCountIs('AWS::CloudWatch::Dashboard', 0)
  })
})
