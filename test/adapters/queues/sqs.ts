import { randomUUID } from 'node:crypto'
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs'
import { propagate, trackRequest } from '../../../src/adapters/sqs.ts'
import { REDELIVERY_SECONDS, type OpenRig } from '../queue-rig.ts'
import { startSqsServer } from '../sqs-server.ts'

/** A client with all settings given, so that it reads none from the environment. */
export function sqsClientAt(endpoint: string): SQSClient {
  return new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
  })
}

/** @param address the URL of a running stand-in; by default one is started */
export const openRig: OpenRig = async (address) => {
  const server = address === undefined ? await startSqsServer() : undefined
  const endpoint = address ?? server?.endpoint ?? ''
  const plain = sqsClientAt(endpoint)
  const sqs = propagate(plain)
  const urlOf = (queue: string): string => `${endpoint}/000000000000/${queue}`
  const commandTo = (queue: string, MessageBody: string, headers: Readonly<Record<string, string>> = {}) => {
    const attributes = Object.entries(headers).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }])
    return new SendMessageCommand({
      QueueUrl: urlOf(queue),
      MessageBody,
      MessageAttributes: Object.fromEntries(attributes) as Record<string, { DataType: string; StringValue: string }>,
    })
  }

  return {
    address: endpoint,
    async newQueue(attempts) {
      const name = `orders-${randomUUID()}`
      await plain.send(new CreateQueueCommand({ QueueName: `${name}-dead` }))
      const RedrivePolicy = JSON.stringify({
        maxReceiveCount: attempts,
        deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${name}-dead`,
      })
      await plain.send(
        new CreateQueueCommand({
          QueueName: name,
          Attributes: { VisibilityTimeout: String(REDELIVERY_SECONDS), RedrivePolicy },
        }),
      )
      return name
    },
    send: (queue, body, headers) => sqs.send(commandTo(queue, body, headers)),
    sendBare: (queue, body, headers) => plain.send(commandTo(queue, body, headers)),
    async sendDown(queue) {
      const down = propagate(sqsClientAt('http://127.0.0.1:1'))
      return down.send(
        new SendMessageCommand({ QueueUrl: `http://127.0.0.1:1/000000000000/${queue}`, MessageBody: 'lost' }),
      )
    },
    async work(queue, tracker, work) {
      const QueueUrl = urlOf(queue)
      const { Attributes } = await plain.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['RedrivePolicy'] }),
      )
      // The policy that newQueue has written.
      const { maxReceiveCount: attempts } = JSON.parse(Attributes?.RedrivePolicy ?? '{}') as { maxReceiveCount: number }
      const handle = trackRequest((message: Message) => work({ body: message.Body ?? '', host: message }), {
        tracker,
        queue,
        attempts,
      })
      const stopped = new AbortController()
      const loop = async (): Promise<void> => {
        while (!stopped.signal.aborted) {
          const { Messages = [] } = await sqs.send(
            new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
            { abortSignal: stopped.signal },
          )
          await Promise.all(
            Messages.map(async (message) => {
              const { ReceiptHandle } = message
              try {
                await handle(message)
                await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
              } catch {
                await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }))
              }
            }),
          )
        }
      }
      const ended = loop().catch((error: unknown) => {
        if (!stopped.signal.aborted) throw error
      })
      return () => {
        stopped.abort()
        return ended
      }
    },
    redeliver: (queue) => Promise.resolve(server?.expireVisibility(queue)),
    async close() {
      plain.destroy()
      await server?.stop()
    },
  }
}
