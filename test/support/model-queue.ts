import type { Clock } from '../../localstack/event-source/ports.ts'

/**
 * A standard queue of SQS in memory and in virtual time: a simulator, by what AWS has written. SQS Developer Guide,
 * docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/<page>:
 * - standard-queues-at-least-once-delivery: a message may be delivered more than once, also after it was deleted;
 * - standard-queues: order is best effort, so any visible message may come next;
 * - sqs-visibility-timeout: a received message is hidden, by default for the queue's time; the consumer may change
 *   that, from then on;
 * - sqs-message-timers: a message may be delayed by up to 15 minutes;
 * - sqs-dead-letter-queues: one that was received `maxReceiveCount` times goes to the dead-letter queue in place of
 *   the next receive;
 * - sqs-basic-architecture and "message retention": after the retention period a message is gone.
 * API reference, DeleteMessage: with an old receipt handle the request succeeds, but the message might not be deleted;
 * here it is not.
 */
export interface ModelQueue {
  readonly name: string
  readonly arn: string
  /** @param delay seconds */
  send(body: string, delay?: number): void
  /** A visible message that was not received too often, or nothing. */
  receive(): Delivery | undefined
  /** Hides a message for some seconds from now on. Nothing happens with an old receipt, or once it is deleted. */
  hide(receipt: string, seconds: number): void
  delete(receipt: string): void
  /** Messages that were sent, and are neither deleted, moved nor expired. */
  readonly open: number
}

export interface Delivery {
  readonly id: string
  readonly receipt: string
  readonly body: string
  /** ApproximateReceiveCount, with this time. */
  readonly received: number
}

/** What may happen to a message: decided when it is sent. */
interface Whim {
  /**
   * Times that it is stored: 2 is one message delivered as two, which no delete of the one touches; 0 is one that
   * nobody ever gets.
   */
  readonly copies: number
  /** Seconds by which it becomes visible later than it was asked to. */
  readonly late: number
}

export interface ModelQueueOptions {
  readonly name: string
  readonly clock: Clock
  /** A number from 0 to below 1: which of the visible messages comes next. */
  readonly random: () => number
  /** Seconds. */
  readonly visibility: number
  readonly maxReceives?: number
  /** Seconds. */
  readonly retention?: number
  readonly deadLetters?: Pick<ModelQueue, 'send'>
  readonly whim?: (body: string) => Whim
}

/** SQS: 15 minutes. */
const longestDelay = 900
/** SQS: 12 hours. */
const longestVisibility = 43_200
/** SQS: 14 days, which is what every queue here has. */
const usualRetention = 14 * 86_400

interface Stored {
  readonly id: string
  readonly body: string
  readonly sentAt: number
  visibleAt: number
  received: number
}

export function createModelQueue(options: ModelQueueOptions): ModelQueue {
  const { name, clock, random, visibility, maxReceives = Number.POSITIVE_INFINITY, retention = usualRetention, deadLetters, whim } = options
  const messages = new Map<string, Stored>()
  let next = 0

  const current = (receipt: string): Stored | undefined => {
    const [id, received] = receipt.split('#')
    const message = messages.get(id!)
    return message?.received === Number(received) ? message : undefined
  }
  function expire(): void {
    for (const { id, sentAt } of messages.values()) if (clock.now() - sentAt >= retention * 1000) messages.delete(id)
  }
  return {
    name,
    arn: `arn:aws:sqs:eu-central-1:000000000000:${name}`,
    send(body, delay = 0) {
      if (delay < 0 || delay > longestDelay) throw new Error(`InvalidParameterValue: DelaySeconds ${delay}`)
      const { copies, late } = whim?.(body) ?? { copies: 1, late: 0 }
      const now = clock.now()
      for (let copy = 0; copy < copies; copy++) {
        const id = `${name}-${next++}`
        messages.set(id, { id, body, sentAt: now, visibleAt: now + 1000 * (delay + late), received: 0 })
      }
    },
    receive() {
      expire()
      const now = clock.now()
      for (;;) {
        const visible = [...messages.values()].filter(({ visibleAt }) => visibleAt <= now)
        const message = visible[Math.floor(random() * visible.length)]
        if (!message) return undefined
        if (message.received < maxReceives) {
          message.received++
          message.visibleAt = now + visibility * 1000
          const { id, body, received } = message
          return { id, receipt: `${id}#${received}`, body, received }
        }
        messages.delete(message.id)
        deadLetters?.send(message.body)
      }
    },
    hide(receipt, seconds) {
      if (seconds < 0 || seconds > longestVisibility) throw new Error(`InvalidParameterValue: VisibilityTimeout ${seconds}`)
      const message = current(receipt)
      if (message) message.visibleAt = clock.now() + 1000 * seconds
    },
    delete(receipt) {
      const message = current(receipt)
      if (message) messages.delete(message.id)
    },
    get open() {
      expire()
      return messages.size
    },
  }
}
