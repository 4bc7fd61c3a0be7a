/**
 * One request from an HTTP call through a topic to a worker whose first attempt fails, under one trace id.
 *
 *   npx tsx examples/kafka.ts        uses the brokers in KAFKA_BROKERS (host:port,host:port), by default a topic in
 *   memory
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Kafka, logLevel, type EachMessageHandler, type EachMessagePayload, type Producer } from 'kafkajs'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackMessage } from 'throughline/kafka'

const TOPIC = `throughline-example-${String(process.pid)}`
const brokers = process.env.KAFKA_BROKERS?.split(',')
const { bareProducer, consume, stop } = brokers === undefined ? inMemory() : await kafkaAt(brokers)

// One group reads this topic, so its messages hand the request off. For topics with several groups, omit `as`.
const producer = propagate(bareProducer, { as: (topic) => (topic === TOPIC ? 'hand-off' : 'child') })

// The gateway answers 202 once the broker has the message. Sending it moves the request to Queued.
const gateway = createServer(
  trackRequest(
    async (_req, res) => {
      await producer.send({ topic: TOPIC, messages: [{ value: 'kettle' }] })
      res.writeHead(202).end()
    },
    { service: 'gateway' },
  ),
)

// The worker, usually another process: it continues the same request.
let attempts = 0
const done = new Promise<void>((resolve) => {
  const eachMessage: EachMessageHandler = trackMessage(
    async ({ message }) => {
      attempts += 1
      if (attempts === 1) throw new Error('the warehouse does not answer')
      await Promise.resolve()
      console.log(`packed one ${String(message.value)} for trace ${currentTraceId()}`)
      setImmediate(resolve)
    },
    { service: 'worker' },
  )
  consume(eachMessage)
})

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
  'To read them as a story:  npx tsx examples/kafka.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson',
)

gateway.close().closeIdleConnections()
await stop()

/** The parts of Kafka that the example uses. */
interface Broker {
  readonly bareProducer: Pick<Producer, 'send' | 'sendBatch'>
  readonly consume: (eachMessage: EachMessageHandler) => void
  readonly stop: () => Promise<void>
}

async function kafkaAt(addresses: string[]): Promise<Broker> {
  const kafka = new Kafka({ brokers: addresses, logLevel: logLevel.ERROR })
  const sender = kafka.producer()
  const receiver = kafka.consumer({ groupId: TOPIC })
  try {
    await sender.connect()
  } catch (error) {
    console.log(`Kafka is not reachable at ${addresses.join(', ')}: ${String(error)}`)
    process.exit(0)
  }
  return {
    bareProducer: sender,
    consume(eachMessage) {
      const consuming = receiver
        .connect()
        .then(() => receiver.subscribe({ topic: TOPIC, fromBeginning: true }))
        .then(() => receiver.run({ eachMessage }))
      consuming.catch((error: unknown) => console.error(error))
    },
    async stop() {
      await Promise.all([sender.disconnect(), receiver.disconnect()])
    },
  }
}

/** A topic in memory that delivers as kafkajs does: headers as bytes, and again when the handler throws. */
function inMemory(): Broker {
  let handle: EachMessageHandler = () => Promise.resolve()
  const deliver = async (payload: EachMessagePayload): Promise<void> => {
    try {
      await handle(payload)
    } catch {
      setImmediate(() => void deliver(payload))
    }
  }
  return {
    bareProducer: {
      send({ topic, messages }) {
        for (const { value, headers = {} } of messages) {
          const sent = Object.entries(headers).map(([name, text]) => [name, Buffer.from(String(text))])
          const message = {
            key: null,
            value: Buffer.from(value ?? ''),
            headers: Object.fromEntries(sent) as Record<string, Buffer>,
            timestamp: '0',
            attributes: 0,
            offset: '0',
          }
          setImmediate(
            () =>
              void deliver({
                topic,
                partition: 0,
                message,
                heartbeat: () => Promise.resolve(),
                pause: () => () => undefined,
              }),
          )
        }
        return Promise.resolve([{ topicName: topic, partition: 0, errorCode: 0 }])
      },
      sendBatch: () => Promise.resolve([]),
    },
    consume: (eachMessage) => void (handle = eachMessage),
    stop: () => Promise.resolve(),
  }
}
