import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A stand-in for SQS: as much of its JSON protocol as the SDK needs, its limits on attributes, and its redrive to a dead-letter queue. */
export interface SqsServer {
  readonly endpoint: string
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
  readonly diedIn?: string
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
/** The characters that SQS takes. */
const TEXT = /^[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u

/** What the service refuses, with its own code. */
class Refusal extends Error {
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
    if (queue === undefined) throw new Refusal('QueueDoesNotExist', 'The specified queue does not exist.')
    return queue
  }
  const redriveOf = ({ settings }: Queue): { maxReceiveCount: number; deadLetterTargetArn: string } | undefined => {
    return settings.RedrivePolicy === undefined
      ? undefined
      : (JSON.parse(settings.RedrivePolicy) as { maxReceiveCount: number; deadLetterTargetArn: string })
  }
  const wake = (): void => {
    for (const look of waiting) look()
  }

  function put(queue: Queue, input: Input): Input {
    const body = input.MessageBody
    const attributes = (input.MessageAttributes ?? {}) as Record<string, Attribute>
    if (typeof body !== 'string' || body === '')
      throw new Refusal('MissingParameter', 'The request must contain the parameter MessageBody.')
    const names = Object.keys(attributes)
    if (names.length > 10)
      throw new Refusal(
        'InvalidParameterValue',
        `Number of message attributes [${String(names.length)}] exceeds the allowed maximum [10].`,
      )
    for (const name of names) {
      const { DataType, StringValue, BinaryValue } = attributes[name] ?? {}
      // SQS takes no empty value either; the vectors of W3C have one, and nothing of ours is ever empty.
      const fits =
        DataType === 'Binary'
          ? BinaryValue !== undefined
          : DataType === 'String' && StringValue !== undefined && TEXT.test(StringValue)
      if (!fits || !/^[\w.-]{1,256}$/.test(name))
        throw new Refusal('InvalidParameterValue', `The message attribute '${name}' cannot be used.`)
    }
    const message: Stored = { MessageId: randomUUID(), Body: body, attributes, count: 0, visibleFrom: 0, receipt: '' }
    queue.messages.add(message)
    wake()
    return { MessageId: message.MessageId, MD5OfMessageBody: md5(body) }
  }

  /** What is visible now, made invisible for a while; what was delivered often enough goes to the dead letters instead. */
  function taken(queue: Queue, most: number, patience: number): Stored[] {
    const found: Stored[] = []
    const redrive = redriveOf(queue)
    for (const message of queue.messages) {
      if (found.length === most || message.visibleFrom > Date.now()) continue
      if (redrive !== undefined && message.count >= redrive.maxReceiveCount) {
        queue.messages.delete(message)
        queueOf(redrive.deadLetterTargetArn).messages.add({
          ...message,
          diedIn: `arn:aws:sqs:us-east-1:000000000000:${queue.name}`,
          visibleFrom: 0,
        })
        wake()
        continue
      }
      Object.assign(message, { count: message.count + 1, visibleFrom: Date.now() + patience, receipt: randomUUID() })
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
          if (!(error instanceof Refusal) || error.code === 'QueueDoesNotExist') throw error
          Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message })
        }
      }
      return { Successful, Failed }
    },
    'AmazonSQS.ReceiveMessage': async (input) => {
      const queue = queueOf(input.QueueUrl)
      const system = [...listOf(input.AttributeNames), ...listOf(input.MessageSystemAttributeNames)]
      const unknown = system.find((name) => !SYSTEM_NAMES.includes(name))
      if (unknown !== undefined) throw new Refusal('InvalidAttributeName', `Unknown Attribute ${unknown}.`)
      const patience = 1_000 * Number(input.VisibilityTimeout ?? queue.settings.VisibilityTimeout ?? 30)
      const look = (): Stored[] => taken(queue, Number(input.MaxNumberOfMessages ?? 1), patience)
      const found = look()
      const messages = found.length > 0 ? found : await later(look, 1_000 * Number(input.WaitTimeSeconds ?? 0))
      return messages.length === 0
        ? {}
        : { Messages: messages.map((message) => shown(message, listOf(input.MessageAttributeNames), system)) }
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

  /** Looks again whenever something has changed, and every now and then, for messages become visible by themselves. */
  function later(look: () => Stored[], patience: number): Promise<Stored[]> {
    return new Promise((resolve) => {
      const until = Date.now() + patience
      const again = (): void => {
        const found = look()
        if (found.length === 0 && Date.now() < until) return
        clearInterval(timer)
        waiting.delete(again)
        resolve(found)
      }
      const timer = setInterval(again, 50)
      waiting.add(again)
    })
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const target = String(req.headers['x-amz-target'])
    const input = JSON.parse((await text(req)) || '{}') as Input
    res.setHeader('content-type', 'application/x-amz-json-1.0')
    try {
      const operation = operations[target]
      if (operation === undefined) throw new Refusal('UnknownOperation', `this stand-in knows no ${target}`)
      res.end(JSON.stringify(await operation(input)))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      res
        .writeHead(400, { 'x-amzn-query-error': `${error.code};Sender` })
        .end(JSON.stringify({ __type: `com.amazonaws.sqs#${error.code}`, message: error.message }))
    }
  }

  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port has an address of this form.
  endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    endpoint,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A message as it is given to whoever asked for this much of it. */
function shown(
  { MessageId, Body, attributes, diedIn, count, receipt }: Stored,
  names: readonly string[],
  system: readonly string[],
): Input {
  const isAsked = (name: string): boolean =>
    names.some(
      (asked) => asked === 'All' || asked === name || (asked.endsWith('.*') && name.startsWith(asked.slice(0, -2))),
    )
  const given = Object.entries(attributes).filter(([name]) => isAsked(name))
  const own = Object.entries({ ApproximateReceiveCount: String(count), DeadLetterQueueSourceArn: diedIn })
  const told = own.filter(([name, value]) => value !== undefined && (system.includes('All') || system.includes(name)))
  return {
    MessageId,
    Body,
    ReceiptHandle: receipt,
    MD5OfBody: md5(Body),
    ...(given.length === 0 ? {} : { MessageAttributes: Object.fromEntries(given) }),
    ...(told.length === 0 ? {} : { Attributes: Object.fromEntries(told) }),
  }
}

function listOf(names: unknown): readonly string[] {
  return Array.isArray(names) ? names.map(String) : []
}

function md5(body: string): string {
  return createHash('md5').update(body).digest('hex')
}
