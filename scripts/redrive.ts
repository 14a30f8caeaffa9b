import { parseArgs } from 'node:util'
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { parseChunkJob } from '#core/loads/chunk.ts'
import { parsePlanMessage } from '#core/loads/plan-message.ts'
import { runCommand } from '../localstack/command-line.ts'

const help = `npm run redrive -- --from URL [--to URL --yes]

Lists the messages of a dead-letter queue: which load and chunk each is about, since when, and how often it was tried. With --yes each goes
back to its queue. What was done in the meantime is recognised by the ledger, so nothing is loaded twice.

  --from URL   the dead-letter queue (outputs PlanDeadLetterQueueUrl, ChunkDeadLetterQueueUrl of the ingest stack)
  --to URL     the queue that they came from (outputs PlanQueueUrl, ChunkQueueUrl)
  --yes        send them back; without it they stay where they are
  --json       one JSON object a message
  --help       print this

AWS is found as the AWS SDK finds it: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and so on.
`

/** Seconds for which a message that was shown is hidden from others, and from this listing itself: it ends when nothing new comes. */
const hidden = 60
/** SQS is many machines: an empty answer may have asked too few of them. */
const emptyAnswers = 2

interface Wanted {
  readonly from: string
  readonly to: string | undefined
  readonly json: boolean
}

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { from, to, yes, json } = values
  if (values.help) return undefined
  if (from === undefined) throw new Error('--from is needed: the URL of a dead-letter queue')
  if (yes && to === undefined) throw new Error('--yes needs --to: the URL of the queue that the messages came from')
  return { from, to: yes ? to : undefined, json }
}

interface Shown {
  readonly about: string
  readonly load: string | null
  readonly sentAt: string
  readonly tries: number
  readonly body: string
}
function shown({ Body = '', Attributes = {} }: Message): Shown {
  const times = {
    sentAt: new Date(Number(Attributes.SentTimestamp ?? 0)).toISOString(),
    tries: Number(Attributes.ApproximateReceiveCount ?? 0),
  }
  const job = parseChunkJob(Body)
  if (job) return { about: `chunk ${job.chunk} of ${job.load} (${job.mode})`, load: job.load, ...times, body: Body }
  const [first] = parsePlanMessage(Body) ?? []
  if (first?.kind === 'replay') return { about: `plan of ${first.load}`, load: first.load, ...times, body: Body }
  if (first?.kind === 'object') return { about: `object ${first.key}`, load: first.key.split('/').at(-1) ?? null, ...times, body: Body }
  return { about: 'not understood', load: null, ...times, body: Body }
}

async function* messagesOf(sqs: SQSClient, QueueUrl: string): AsyncGenerator<Message> {
  const seen = new Set<string>()
  for (let empty = 0; empty < emptyAnswers; ) {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: hidden,
      WaitTimeSeconds: 1,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['SentTimestamp', 'ApproximateReceiveCount'],
    })
    const { Messages = [] } = await sqs.send(command)
    const fresh = Messages.filter(({ MessageId = '' }) => !seen.has(MessageId))
    for (const { MessageId = '' } of fresh) seen.add(MessageId)
    empty = fresh.length === 0 ? empty + 1 : 0
    yield* fresh
  }
}

/** First into the queue, then out of the dead letters: cut off between the two it is in both, which the ledger makes harmless. */
async function sendBack(sqs: SQSClient, from: string, to: string, { Body = '', MessageAttributes, ReceiptHandle }: Message): Promise<void> {
  await sqs.send(new SendMessageCommand({ QueueUrl: to, MessageBody: Body, ...(MessageAttributes && { MessageAttributes }) }))
  await sqs.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }))
}

async function redrive({ from, to, json }: Wanted): Promise<void> {
  const sqs = new SQSClient({})
  let count = 0
  for await (const message of messagesOf(sqs, from)) {
    count++
    const { body, ...known } = shown(message)
    if (to !== undefined) await sendBack(sqs, from, to, message)
    console.log(
      json
        ? JSON.stringify({ ...known, body, sentBack: to !== undefined })
        : `${known.sentAt}  ${known.tries} tries  ${known.about}${to === undefined ? '' : '  → sent back'}`,
    )
  }
  if (!json)
    console.error(
      `${count} ${count === 1 ? 'message' : 'messages'}${to === undefined ? `; those shown are hidden for ${hidden} s` : ' sent back'}`,
    )
}

await runCommand({ name: 'npm run redrive', help, read: wanted, run: redrive })
