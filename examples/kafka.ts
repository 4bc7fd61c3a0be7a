/**
 * One request from an HTTP call through a topic to a worker, whose first attempt fails: one trace id all the way.
 *
 *   npx tsx examples/kafka.ts        on the brokers of KAFKA_BROKERS (host:port,host:port), else on a topic in memory
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Kafka, logLevel, type EachMessageHandler, type EachMessagePayload, type Producer } from 'kafkajs'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackMessage } from 'throughline/kafka'

const TOPIC = `throughline-example-${String(process.pid)}`
const brokers = process.env.KAFKA_BROKERS?.split(',')
const { plain, consume, stop } = brokers === undefined ? inMemory() : await kafkaAt(brokers)

// Only the packers read this topic, so a message hands the request over; where many groups read, leave `as` away.
const producer = propagate(plain, { as: (topic) => (topic === TOPIC ? 'hand-off' : 'child') })

// The gateway: answers 202 once the broker has the message. The send is all that it needs to be Queued.
const gateway = createServer(
  trackRequest(
    async (_req, res) => {
      await producer.send({ topic: TOPIC, messages: [{ value: 'kettle' }] })
      res.writeHead(202).end()
    },
    { service: 'gateway' },
  ),
)

// The worker, in another process as a rule: it goes on with the same request.
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
// A server that listens on a TCP port has an address of this form.
const { port } = gateway.address() as AddressInfo
const answer = await fetch(`http://127.0.0.1:${String(port)}/orders`, { method: 'POST' })
const traceId = answer.headers.get('x-trace-id') ?? ''
await done

console.log(`\n${String(answer.status)} with X-Trace-ID ${traceId}: the lines above that carry it tell of both services and both attempts.`)
console.log('To read them as a story:  npx tsx examples/kafka.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson')

gateway.close().closeIdleConnections()
await stop()

/** What the example needs of Kafka. */
interface Host {
  readonly plain: Pick<Producer, 'send' | 'sendBatch'>
  readonly consume: (eachMessage: EachMessageHandler) => void
  readonly stop: () => Promise<void>
}

async function kafkaAt(addresses: string[]): Promise<Host> {
  const kafka = new Kafka({ brokers: addresses, logLevel: logLevel.ERROR })
  const sender = kafka.producer()
  const receiver = kafka.consumer({ groupId: TOPIC })
  try {
    await sender.connect()
  } catch (error) {
    console.log(`no broker answers at ${addresses.join(', ')}: ${String(error)}`)
    process.exit(0)
  }
  return {
    plain: sender,
    consume(eachMessage) {
      const consuming = receiver.connect().then(() => receiver.subscribe({ topic: TOPIC, fromBeginning: true })).then(() => receiver.run({ eachMessage }))
      consuming.catch((error: unknown) => console.error(error))
    },
    async stop() {
      await Promise.all([sender.disconnect(), receiver.disconnect()])
    },
  }
}

/** A stand-in for a topic: it delivers as kafkajs does, with headers as bytes, and again what threw. */
function inMemory(): Host {
  let handle: EachMessageHandler = () => Promise.resolve()
  const deliver = async (payload: EachMessagePayload): Promise<void> => {
    try {
      await handle(payload)
    } catch {
      setImmediate(() => void deliver(payload))
    }
  }
  return {
    plain: {
      send({ topic, messages }) {
        for (const { value, headers = {} } of messages) {
          const sent = Object.entries(headers).map(([name, text]) => [name, Buffer.from(String(text))])
          const message = { key: null, value: Buffer.from(value ?? ''), headers: Object.fromEntries(sent) as Record<string, Buffer>, timestamp: '0', attributes: 0, offset: '0' }
          setImmediate(() => void deliver({ topic, partition: 0, message, heartbeat: () => Promise.resolve(), pause: () => () => undefined }))
        }
        return Promise.resolve([{ topicName: topic, partition: 0, errorCode: 0 }])
      },
      sendBatch: () => Promise.resolve([]),
    },
    consume: (eachMessage) => void (handle = eachMessage),
    stop: () => Promise.resolve(),
  }
}
