/**
 * One request from an HTTP call through a queue to a worker whose first attempt fails, under one trace id.
 *
 *   npx tsx examples/pg-boss.ts        uses the server at DATABASE_URL, by default an embedded PGlite
 */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { PgBoss, type Job } from 'pg-boss'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackJob } from 'throughline/pg-boss'

interface Order {
  readonly item: string
}

const embedded = process.env.DATABASE_URL === undefined ? await embed() : undefined
const connectionString = process.env.DATABASE_URL ?? embedded?.url ?? ''
const boss = propagate(new PgBoss({ connectionString, schema: 'throughline_example', max: 4 }))
boss.on('error', (error) => console.error(error))
await boss.start()
await boss.createQueue('orders', { retryLimit: 2 })

// The gateway answers 202 once the broker has the message. Sending it moves the request to Queued.
const gateway = createServer(
  trackRequest(
    async (_req, res) => {
      const id = await boss.send('orders', { item: 'kettle' })
      res.writeHead(202).end(`${String(id)}\n`)
    },
    { service: 'gateway' },
  ),
)

// The worker, usually another process: it continues the same request.
let attempts = 0
const done = new Promise<void>((resolve, reject) => {
  const handler = trackJob(
    ([job]: Job<Order>[]) => {
      attempts += 1
      if (attempts === 1) throw new Error('the warehouse does not answer')
      console.log(`packed one ${String(job?.data.item)} for trace ${currentTraceId()}`)
      setImmediate(resolve)
      return Promise.resolve()
    },
    { service: 'worker' },
  )
  boss.work<Order>('orders', { pollingIntervalSeconds: 0.5 }, handler).catch(reject)
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
  'To read them as a story:  npx tsx examples/pg-boss.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson',
)

gateway.close().closeIdleConnections()
await boss.stop()
await embedded?.stop()

async function embed() {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10 })
  await server.start()
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    stop: async () => {
      await server.stop()
      await db.close()
    },
  }
}
