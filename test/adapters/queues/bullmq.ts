import { randomUUID } from 'node:crypto'
import { Queue, Worker, type ConnectionOptions, type Job, type JobsOptions } from 'bullmq'
import { propagate, trackRequest } from '../../../src/adapters/bullmq.ts'
import { BROKERS } from '../../brokers.ts'
import { REDELIVERY_SECONDS, type OpenRig } from '../queue-rig.ts'

interface Order {
  readonly body: string
}

/** Workers look for stalled jobs every second; a job is stalled once its lock has expired. */
export const STALLED_CHECK = { lockDuration: REDELIVERY_SECONDS * 1_000, stalledInterval: 1_000 } as const

/** Expires the locks of a queue's active jobs, as if their workers had died: other workers will find them stalled. */
export async function expireLocks<Data>(queue: Queue<Data>, prefix: string): Promise<void> {
  const client = await queue.backend.client
  for (const { id = '' } of await queue.getActive()) await client.del(`${prefix}:${queue.name}:${id}:lock`)
}

/** Rejects if no Redis answers; BullMQ itself would wait without end. */
export async function reachRedis(url: string): Promise<void> {
  const probe = new Queue('probe', { connection: { url, retryStrategy: () => null }, skipMetasUpdate: true })
  probe.on('error', () => undefined)
  try {
    await probe.waitUntilReady()
  } finally {
    await probe.close()
  }
}

/**
 * @param address the URL of a Redis and a prefix for all keys, separated by a space; the rig that made up the prefix
 * deletes the keys
 */
export const openRig: OpenRig = async (address = '') => {
  const [url = BROKERS.redis, given] = address === '' ? [] : address.split(' ')
  const prefix = given ?? `throughline-${randomUUID().slice(0, 8)}`
  const connection: ConnectionOptions = { url, maxRetriesPerRequest: null }
  await reachRedis(url)
  const queues = new Map<string, { readonly plain: Queue<Order>; readonly tracked: Queue<Order> }>()

  function queueOf(name: string): { readonly plain: Queue<Order>; readonly tracked: Queue<Order> } {
    const open = queues.get(name)
    if (open === undefined) throw new Error(`${name} belongs to another rig`)
    return open
  }

  return {
    address: `${url} ${prefix}`,
    newQueue(attempts) {
      const name = `orders-${randomUUID()}`
      const plain = new Queue<Order>(name, { connection, prefix, defaultJobOptions: { attempts } })
      queues.set(name, { plain, tracked: propagate(plain) })
      return Promise.resolve(name)
    },
    send: (queue, body, headers) => queueOf(queue).tracked.add('pack', { body }, optionsOf(headers)),
    sendBare: (queue, body, headers) => queueOf(queue).plain.add('pack', { body }, optionsOf(headers)),
    async sendDown(queue) {
      const unreachable = {
        host: '127.0.0.1',
        port: 1,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
      }
      const down = new Queue<Order>(queue, { connection: unreachable, skipWaitingForReady: true })
      down.on('error', () => undefined)
      try {
        return await propagate(down).add('pack', { body: 'lost' })
      } finally {
        await down.close()
      }
    },
    async work(queue, tracker, work) {
      const processor = trackRequest((job: Job<Order>) => work({ body: job.data.body, host: job }), { tracker })
      const worker = new Worker<Order>(queue, processor, { connection, prefix, concurrency: 10, ...STALLED_CHECK })
      worker.on('error', (error) => process.stderr.write(`${String(error)}\n`))
      await worker.waitUntilReady()
      return () => worker.close(true)
    },
    redeliver: (queue) => expireLocks(queueOf(queue).plain, prefix),
    async close() {
      for (const { plain } of queues.values()) {
        if (given === undefined) await plain.obliterate({ force: true })
        await plain.close()
      }
    },
  }
}

function optionsOf(headers: Readonly<Record<string, string>> | undefined): JobsOptions {
  return headers === undefined ? {} : { telemetry: { metadata: JSON.stringify(headers) } }
}
