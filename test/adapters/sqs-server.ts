import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/**
 * A stand-in for SQS: the part of its JSON protocol that the SDK needs, its limits on attributes, and its redrive to a
 * dead-letter queue.
 */
export interface SqsServer {
  readonly endpoint: string
  /** Makes all messages of a queue visible, as their visibility timeout would. */
  expireVisibility(queue: string): void
  stop(): Promise<void>
}

type Input = Readonly<Record<string, unknown>>

interface Attribute {
  readonly DataType?: string
  readonly StringValue?: string
  readonly BinaryValue?: string
}

interface Stored {
  readonly MessageId: string
  readonly Body: string
  readonly attributes: Readonly<Record<string, Attribute>>
  /** The queue from which a dead letter came. */
  readonly sourceArn?: string
  count: number
  visibleFrom: number
  receipt: string
}

interface Queue {
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
  readonly messages: Set<Stored>
}

const SYSTEM_NAMES = [
  'All',
  'ApproximateReceiveCount',
  'SentTimestamp',
  'SenderId',
  'MessageGroupId',
  'SequenceNumber',
  'DeadLetterQueueSourceArn',
]
/** The characters that SQS accepts. */
const TEXT = /^[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u

/** An error that the service answers, with its code. */
class ServiceError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export async function startSqsServer(): Promise<SqsServer> {
  const queues = new Map<string, Queue>()
  const waiting = new Set<() => void>()
  let endpoint = ''

  const nameOf = (address: unknown): string => String(address).slice(String(address).search(/[^/:]*$/))
  const queueOf = (address: unknown): Queue => {
    const queue = queues.get(nameOf(address))
    if (queue === undefined) throw new ServiceError('QueueDoesNotExist', 'The specified queue does not exist.')
    return queue
  }
  const redriveOf = ({ settings }: Queue): { maxReceiveCount: number; deadLetterTargetArn: string } | undefined => {
    return settings.RedrivePolicy === undefined
      ? undefined
      : (JSON.parse(settings.RedrivePolicy) as { maxReceiveCount: number; deadLetterTargetArn: string })
  }
  const wake = (): void => {
    for (const check of waiting) check()
  }

  function put(queue: Queue, input: Input): Input {
    const body = input.MessageBody
    const attributes = (input.MessageAttributes ?? {}) as Record<string, Attribute>
    if (typeof body !== 'string' || body === '')
      throw new ServiceError('MissingParameter', 'The request must contain the parameter MessageBody.')
    const names = Object.keys(attributes)
    if (names.length > 10)
      throw new ServiceError(
        'InvalidParameterValue',
        `Number of message attributes [${String(names.length)}] exceeds the allowed maximum [10].`,
      )
    for (const name of names) {
      const { DataType, StringValue, BinaryValue } = attributes[name] ?? {}
      // SQS also rejects empty values. They are accepted here, for the W3C vector that is empty; ours never are.
      const fits =
        DataType === 'Binary'
          ? BinaryValue !== undefined
          : DataType === 'String' && StringValue !== undefined && TEXT.test(StringValue)
      if (!fits || !/^[\w.-]{1,256}$/.test(name))
        throw new ServiceError('InvalidParameterValue', `The message attribute '${name}' cannot be used.`)
    }
    const message: Stored = { MessageId: randomUUID(), Body: body, attributes, count: 0, visibleFrom: 0, receipt: '' }
    queue.messages.add(message)
    wake()
    return { MessageId: message.MessageId, MD5OfMessageBody: md5(body) }
  }

  /**
   * Receives visible messages and hides them for a time; moves those at their maximum of deliveries to the dead
   * letters.
   */
  function receive(queue: Queue, max: number, timeoutMs: number): Stored[] {
    const found: Stored[] = []
    const redrive = redriveOf(queue)
    for (const message of queue.messages) {
      if (found.length === max || message.visibleFrom > Date.now()) continue
      if (redrive !== undefined && message.count >= redrive.maxReceiveCount) {
        queue.messages.delete(message)
        queueOf(redrive.deadLetterTargetArn).messages.add({
          ...message,
          sourceArn: `arn:aws:sqs:us-east-1:000000000000:${queue.name}`,
          visibleFrom: 0,
        })
        wake()
        continue
      }
      Object.assign(message, { count: message.count + 1, visibleFrom: Date.now() + timeoutMs, receipt: randomUUID() })
      found.push(message)
    }
    return found
  }

  const operations: Readonly<Record<string, (input: Input) => Input | Promise<Input>>> = {
    'AmazonSQS.CreateQueue': ({ QueueName, Attributes }) => {
      const name = String(QueueName)
      queues.set(name, { name, settings: (Attributes ?? {}) as Record<string, string>, messages: new Set() })
      return { QueueUrl: `${endpoint}/000000000000/${name}` }
    },
    'AmazonSQS.GetQueueAttributes': ({ QueueUrl }) => ({ Attributes: queueOf(QueueUrl).settings }),
    'AmazonSQS.SendMessage': (input) => put(queueOf(input.QueueUrl), input),
    'AmazonSQS.SendMessageBatch': ({ QueueUrl, Entries }) => {
      const [Successful, Failed]: [Input[], Input[]] = [[], []]
      for (const entry of Entries as readonly Input[]) {
        try {
          Successful.push({ Id: entry.Id, ...put(queueOf(QueueUrl), entry) })
        } catch (error) {
          if (!(error instanceof ServiceError) || error.code === 'QueueDoesNotExist') throw error
          Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message })
        }
      }
      return { Successful, Failed }
    },
    'AmazonSQS.ReceiveMessage': async (input) => {
      const queue = queueOf(input.QueueUrl)
      const system = [...listOf(input.AttributeNames), ...listOf(input.MessageSystemAttributeNames)]
      const unknown = system.find((name) => !SYSTEM_NAMES.includes(name))
      if (unknown !== undefined) throw new ServiceError('InvalidAttributeName', `Unknown Attribute ${unknown}.`)
      const timeoutMs = 1_000 * Number(input.VisibilityTimeout ?? queue.settings.VisibilityTimeout ?? 30)
      const find = (): Stored[] => receive(queue, Number(input.MaxNumberOfMessages ?? 1), timeoutMs)
      const found = find()
      const messages = found.length > 0 ? found : await waitFor(find, 1_000 * Number(input.WaitTimeSeconds ?? 0))
      return messages.length === 0
        ? {}
        : { Messages: messages.map((message) => toResponse(message, listOf(input.MessageAttributeNames), system)) }
    },
    'AmazonSQS.DeleteMessage': ({ QueueUrl, ReceiptHandle }) => {
      const { messages } = queueOf(QueueUrl)
      for (const message of messages) if (message.receipt === ReceiptHandle) messages.delete(message)
      return {}
    },
    'AmazonSQS.ChangeMessageVisibility': ({ QueueUrl, ReceiptHandle, VisibilityTimeout }) => {
      for (const message of queueOf(QueueUrl).messages)
        if (message.receipt === ReceiptHandle) message.visibleFrom = Date.now() + 1_000 * Number(VisibilityTimeout)
      wake()
      return {}
    },
  }

  /** Waits for messages: checks after each change, and every 50 ms, since messages become visible as time passes. */
  function waitFor(find: () => Stored[], timeoutMs: number): Promise<Stored[]> {
    return new Promise((resolve) => {
      const until = Date.now() + timeoutMs
      const check = (): void => {
        const found = find()
        if (found.length === 0 && Date.now() < until) return
        clearInterval(timer)
        waiting.delete(check)
        resolve(found)
      }
      const timer = setInterval(check, 50)
      waiting.add(check)
    })
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const target = String(req.headers['x-amz-target'])
    const input = JSON.parse((await text(req)) || '{}') as Input
    res.setHeader('content-type', 'application/x-amz-json-1.0')
    try {
      const operation = operations[target]
      if (operation === undefined)
        throw new ServiceError('UnknownOperation', `this stand-in does not implement ${target}`)
      res.end(JSON.stringify(await operation(input)))
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      res
        .writeHead(400, { 'x-amzn-query-error': `${error.code};Sender` })
        .end(JSON.stringify({ __type: `com.amazonaws.sqs#${error.code}`, message: error.message }))
    }
  }

  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on TCP has an address of this type.
  endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    endpoint,
    expireVisibility(queue) {
      for (const message of queueOf(queue).messages) message.visibleFrom = 0
      wake()
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A message in a response, with the attributes that were asked for. */
function toResponse(
  { MessageId, Body, attributes, sourceArn, count, receipt }: Stored,
  names: readonly string[],
  system: readonly string[],
): Input {
  const isRequested = (name: string): boolean =>
    names.some(
      (pattern) =>
        pattern === 'All' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -2))),
    )
  const requested = Object.entries(attributes).filter(([name]) => isRequested(name))
  const own = Object.entries({ ApproximateReceiveCount: String(count), DeadLetterQueueSourceArn: sourceArn })
  const requestedSystem = own.filter(
    ([name, value]) => value !== undefined && (system.includes('All') || system.includes(name)),
  )
  return {
    MessageId,
    Body,
    ReceiptHandle: receipt,
    MD5OfBody: md5(Body),
    ...(requested.length === 0 ? {} : { MessageAttributes: Object.fromEntries(requested) }),
    ...(requestedSystem.length === 0 ? {} : { Attributes: Object.fromEntries(requestedSystem) }),
  }
}

function listOf(names: unknown): readonly string[] {
  return Array.isArray(names) ? names.map(String) : []
}

function md5(body: string): string {
  return createHash('md5').update(body).digest('hex')
}
