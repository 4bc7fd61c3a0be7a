import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Db, Job } from 'pg-boss-10'
import { propagate, trackRequest } from '../../../src/adapters/pg-boss.ts'
import { REDELIVERY_SECONDS, type OpenRig, type QueueRig } from '../queue-rig.ts'
import { majors, type Major } from './pg-boss-majors.ts'

export const openRig: OpenRig = (address) => openMajor(majors[12], address)

/** @param address the URL of a database and a schema, separated by a space; the rig that created the schema drops it */
export async function openMajor(major: Major, address = ''): Promise<QueueRig> {
  const [url = '', given] = address.split(' ')
  const schema = given ?? `throughline_${randomUUID().slice(0, 8)}`
  const { PgBoss, stopWorker, failExpired } = await major()
  const plain = new PgBoss({ connectionString: url, schema, max: 4, schedule: false, supervise: false })
  plain.on('error', (error) => process.stderr.write(`${String(error)}\n`))
  const boss = propagate(plain)
  await boss.start()
  const bare = new pg.Pool({ connectionString: url, max: 1 })

  return {
    address: `${url} ${schema}`,
    async newQueue(attempts) {
      const name = `orders-${randomUUID()}`
      await boss.createQueue(name, { name, retryLimit: attempts - 1, expireInSeconds: REDELIVERY_SECONDS })
      return name
    },
    send: (queue, body) => boss.send(queue, { body }),
    // The place where a service in another language would put headers.
    sendBare: (queue, body, headers) =>
      plain.send(queue, { body, ...(headers === undefined ? {} : { __throughline: { headers } }) }),
    async sendDown(queue) {
      const down = new pg.Pool({ host: '127.0.0.1', port: 1 })
      const db: Db = { executeSql: (text, values) => down.query<Record<string, unknown>>(text, values) }
      try {
        return await propagate(new PgBoss({ db, schema })).send(queue, { body: 'lost' })
      } finally {
        await down.end()
      }
    },
    async work(queue, tracker, work) {
      const handler = trackRequest(
        async ([job]: Job<{ body: string }>[]) => {
          if (job !== undefined) await work({ body: job.data.body, host: job })
        },
        { tracker },
      )
      // Each fetches one job every half second, so several of them process a queue faster.
      const ids = await Promise.all(
        [...Array(5).keys()].map(() => boss.work(queue, { pollingIntervalSeconds: 0.5 }, handler)),
      )
      return () => Promise.all(ids.map((id) => stopWorker(boss, queue, id)))
    },
    async redeliver(queue) {
      const started = `started_on = started_on - interval '${2 * REDELIVERY_SECONDS} seconds'`
      await bare.query(`update ${schema}.job set ${started} where name = $1 and state = 'active'`, [queue])
      await failExpired(plain, queue)
    },
    async close() {
      await boss.stop({ graceful: false })
      if (given === undefined) await bare.query(`drop schema ${schema} cascade`)
      await bare.end()
    },
  }
}
