/**
 * One request from an HTTP call through RabbitMQ to a worker whose first attempt fails, under one trace id.
 *
 *   npx tsx examples/amqplib.ts        uses the broker at RABBITMQ_URL, by default amqp://guest:guest@127.0.0.1:5672
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type ChannelModel } from 'amqplib'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackMessage } from 'throughline/amqplib'

const url = process.env.RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'
const connection = await connect(url).catch(() => undefined)
if (connection === undefined) console.log(`RabbitMQ is not reachable at ${url}: set RABBITMQ_URL to run this example`)
else await run(connection)

async function run(broker: ChannelModel): Promise<void> {
  const queue = `orders-${randomUUID()}`
  // On a confirm channel a request is Queued once the broker has the message.
  const sender = propagate(await broker.createConfirmChannel())
  // A quorum queue counts deliveries: this one delivers a message at most three times.
  await sender.assertQueue(queue, { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } })

  // The gateway answers 202 once the broker has the message. Sending it moves the request to Queued.
  const gateway = createServer(
    trackRequest(
      async (_req, res) => {
        sender.sendToQueue(queue, Buffer.from(JSON.stringify({ item: 'kettle' })), { persistent: true })
        await sender.waitForConfirms()
        res.writeHead(202).end()
      },
      { service: 'gateway' },
    ),
  )

  // The worker, usually another process: it continues the same request, which ends with `ack` or `reject`.
  const channel = propagate(await broker.createChannel())
  await channel.prefetch(10)
  let attempts = 0
  let onPacked = (): void => undefined
  const done = new Promise<void>((resolve) => (onPacked = resolve))
  await channel.consume(
    queue,
    trackMessage(
      (message) => {
        if (message === null) return
        attempts += 1
        if (attempts === 1) {
          channel.reject(message)
          return
        }
        console.log(`packed one ${message.content.toString()} for trace ${currentTraceId()}`)
        channel.ack(message)
        setImmediate(onPacked)
      },
      { service: 'worker', attempts: 3 },
    ),
  )

  await once(gateway.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port returns an AddressInfo.
  const { port } = gateway.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${String(port)}/orders`, { method: 'POST' })
  const traceId = answer.headers.get('x-trace-id') ?? ''
  await done

  console.log(
    `\n${String(answer.status)} with X-Trace-ID ${traceId}: the lines above with this id cover both services and both attempts.`,
  )
  console.log(
    'To read them as a story:  npx tsx examples/amqplib.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson',
  )

  gateway.close().closeIdleConnections()
  await sender.deleteQueue(queue)
  await broker.close()
}
