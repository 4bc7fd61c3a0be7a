/**
 * One request from an HTTP call through a JetStream stream to a worker whose first attempt fails, under one trace id.
 * The gateway also calls a service for the price.
 *
 *   npx tsx examples/nats.ts        uses the server at NATS_URL, by default nats://127.0.0.1:4222
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AckPolicy, jetstream, jetstreamManager, StorageType, type JsMsg } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackMessage } from 'throughline/nats'

const servers = process.env.NATS_URL ?? 'nats://127.0.0.1:4222'
const connection = await connect({ servers, timeout: 2_000, reconnect: false }).catch((error: unknown) => {
  console.log(`NATS is not reachable at ${servers} (${String(error)}): set NATS_URL to run this example`)
  process.exit(0)
})
const manager = await jetstreamManager(connection)
const stream = `throughline-example-${String(process.pid)}`
await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.Memory })
await manager.consumers.add(stream, { durable_name: 'packers', ack_policy: AckPolicy.Explicit, max_deliver: 3 })

// A call to another service: `prices` has a request of its own, with the gateway's as its parent.
const nats = propagate(connection)
nats.subscribe('prices', {
  callback: trackMessage((_error, message) => void message.respond('12 EUR'), { service: 'prices' }),
})

// The gateway answers 202 once the stream has the message. Publishing it moves the request to Queued.
const orders = propagate(jetstream(connection))
const gateway = createServer(
  trackRequest(
    async (_req, res) => {
      const price = await nats.request('prices', 'kettle')
      const { seq } = await orders.publish(`${stream}.orders`, `one kettle for ${price.string()}`)
      res.writeHead(202).end(`${String(seq)}\n`)
    },
    { service: 'gateway' },
  ),
)
await once(gateway.listen(0, '127.0.0.1'), 'listening')
// A server that listens on a TCP port returns an AddressInfo.
const { port } = gateway.address() as AddressInfo
const answer = await fetch(`http://127.0.0.1:${String(port)}/orders`, { method: 'POST' })

// The worker, usually another process: it continues the same request.
const pack = trackMessage(
  (message: JsMsg) => {
    if (message.info.deliveryCount === 1) {
      message.nak()
      return false
    }
    console.log(`packed ${message.string()} for trace ${currentTraceId()}`)
    message.ack()
    return true
  },
  { service: 'worker', attempts: 3 },
)
const consumer = await jetstream(connection).consumers.get(stream, 'packers')
for await (const message of await consumer.consume()) if (pack(message)) break

const traceId = answer.headers.get('x-trace-id') ?? ''
console.log(
  `\n${String(answer.status)} with X-Trace-ID ${traceId}: the lines above with this id cover all three services and both attempts.`,
)
console.log(
  'To read them as a story:  npx tsx examples/nats.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson',
)

gateway.close().closeIdleConnections()
await manager.streams.delete(stream)
await connection.drain()
