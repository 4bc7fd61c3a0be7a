/**
 * One request from an HTTP call through a queue to a worker whose first attempt fails, under one trace id.
 *
 *   npx tsx examples/sqs.ts        uses the queue at QUEUE_URL (and AWS's usual environment), by default a queue in
 *   memory
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackMessage } from 'throughline/sqs'

const embedded = process.env.QUEUE_URL === undefined ? await inMemory() : undefined
const QueueUrl = process.env.QUEUE_URL ?? `${embedded?.url ?? ''}/000000000000/orders`
// The queue in memory checks no credentials, but the SDK needs some to sign its requests.
const bareClient =
  embedded === undefined
    ? new SQSClient()
    : new SQSClient({
        endpoint: embedded.url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      })
const sqs = propagate(bareClient)

// The gateway answers 202 once SQS has the message. Sending it moves the request to Queued.
const gateway = createServer(
  trackRequest(
    async (_req, res) => {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kettle' }))
      res.writeHead(202).end()
    },
    { service: 'gateway' },
  ),
)

// The worker, usually another process: it continues the same request.
let attempts = 0
const pack = trackMessage(
  async (message: Message) => {
    attempts += 1
    if (attempts === 1) throw new Error('the warehouse does not answer')
    await Promise.resolve()
    console.log(`packed one ${message.Body ?? ''} for trace ${currentTraceId()}`)
  },
  // `attempts` is maxReceiveCount of the queue's redrive policy.
  { service: 'worker', queue: 'orders', attempts: 3 },
)

await once(gateway.listen(0, '127.0.0.1'), 'listening')
const answer = await fetch(`${urlOf(gateway)}/orders`, { method: 'POST' })
const traceId = answer.headers.get('x-trace-id') ?? ''

for (let packed = false; !packed;) {
  // The client from `propagate` requests the trace attributes and the delivery count.
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }))
  for (const message of Messages) {
    const { ReceiptHandle } = message
    try {
      await pack(message)
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
      packed = true
    } catch {
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }))
    }
  }
}

console.log(
  `\n${String(answer.status)} with X-Trace-ID ${traceId}: the lines above with this id cover both services and both attempts.`,
)
console.log('To read them as a story:  npx tsx examples/sqs.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson')

gateway.close().closeIdleConnections()
bareClient.destroy()
embedded?.stop()

function urlOf(server: Server): string {
  // A server that listens on a TCP port returns an AddressInfo.
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

/** A stand-in for SQS that holds one message and implements what this example needs of its protocol. */
async function inMemory() {
  let message: { MessageBody: string; MessageAttributes: object } | undefined
  let count = 0
  const operations: Record<string, (input: typeof message) => object> = {
    SendMessage(input) {
      message = input
      return {
        MessageId: '1',
        MD5OfMessageBody: createHash('md5')
          .update(input?.MessageBody ?? '')
          .digest('hex'),
      }
    },
    ReceiveMessage() {
      if (message === undefined) return {}
      const { MessageBody: Body, MessageAttributes } = message
      count += 1
      return {
        Messages: [
          {
            MessageId: '1',
            ReceiptHandle: '1',
            Body,
            MD5OfBody: createHash('md5').update(Body).digest('hex'),
            MessageAttributes,
            Attributes: { ApproximateReceiveCount: String(count) },
          },
        ],
      }
    },
    DeleteMessage() {
      message = undefined
      return {}
    },
  }
  const server = createServer((req, res) => {
    const [, operation = ''] = String(req.headers['x-amz-target']).split('.')
    // The SDK sends what its types declare.
    void json(req).then((input) =>
      res
        .setHeader('content-type', 'application/x-amz-json-1.0')
        .end(JSON.stringify(operations[operation]?.(input as typeof message) ?? {})),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: urlOf(server), stop: () => server.close().closeAllConnections() }
}
