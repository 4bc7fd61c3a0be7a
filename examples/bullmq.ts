/**
 * One request from an HTTP call through a queue to a worker whose first attempt fails, under one trace id.
 *
 *   npx tsx examples/bullmq.ts         uses the Redis at REDIS_URL, by default redis://127.0.0.1:6379
 */
import { createServer } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { Queue, Worker, type Job } from 'bullmq'
import { currentTraceId, trackRequest } from 'throughline'
import { propagate, trackRequest as trackJob } from 'throughline/bullmq'

interface Order {
  readonly item: string
}

const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
if (await isReachable(url)) await main()
else console.log(`Redis is not reachable at ${url}: set REDIS_URL to run this example`)

async function main(): Promise<void> {
  const connection = { url, maxRetriesPerRequest: null }
  const name = `throughline-example-${String(process.pid)}`
  const orders = propagate(new Queue<Order>(name, { connection, defaultJobOptions: { attempts: 3 } }))

  // The gateway answers 202 once Redis has the job. Adding it moves the request to Queued.
  const gateway = createServer(
    trackRequest(
      async (_req, res) => {
        const job = await orders.add('pack', { item: 'kettle' })
        res.writeHead(202).end(`${String(job.id)}\n`)
      },
      { service: 'gateway' },
    ),
  )

  // The worker, usually another process: it continues the same request.
  const processor = trackJob(
    async (job: Job<Order>) => {
      if (job.attemptsMade === 0) throw new Error('the warehouse does not answer')
      console.log(`packed one ${job.data.item} for trace ${currentTraceId()}`)
      return Promise.resolve('packed')
    },
    { service: 'worker' },
  )
  const worker = new Worker<Order, string>(name, processor, { connection })
  // BullMQ reports jobs that it fails without a run to the worker only.
  worker.on('failed', processor.failed)
  worker.on('error', (error) => console.error(error))
  const done = once(worker, 'completed')

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
    'To read them as a story:  npx tsx examples/bullmq.ts > out.ndjson; npx throughline story TRACE_ID out.ndjson',
  )

  gateway.close().closeIdleConnections()
  await worker.close()
  await orders.obliterate({ force: true })
  await orders.close()
}

async function isReachable(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address)
  const socket = connect({ host: hostname, port: Number(port === '' ? 6379 : port), timeout: 2_000 })
  const connected = await new Promise<boolean>((resolve) => {
    socket
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
      .once('timeout', () => resolve(false))
  })
  socket.destroy()
  return connected
}
