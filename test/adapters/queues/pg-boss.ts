import { randomUUID } from 'node:crypto'
import pg from 'pg'
import PgBoss from 'pg-boss'
import { propagate, trackRequest } from '../../../src/adapters/pg-boss.ts'
import type { OpenRig } from '../queue-rig.ts'

/** @param address the URL of a database and a schema in it, with a blank between; the schema is dropped by whoever made it */
export const openRig: OpenRig = async (address = '') => {
  const [url = '', given] = address.split(' ')
  const schema = given ?? `throughline_${randomUUID().slice(0, 8)}`
  // What a dead worker had in its hands is given out again where its time has run out and someone looks.
  const plain = new PgBoss({ connectionString: url, schema, max: 4, schedule: false, maintenanceIntervalSeconds: 1 })
  plain.on('error', (error) => process.stderr.write(`${String(error)}\n`))
  const boss = propagate(plain)
  await boss.start()
  const bare = new pg.Pool({ connectionString: url, max: 1 })

  return {
    address: `${url} ${schema}`,
    async newQueue(attempts) {
      const name = `orders-${randomUUID()}`
      await boss.createQueue(name, { name, retryLimit: attempts - 1, expireInSeconds: 2 })
      return name
    },
    send: (queue, body) => boss.send(queue, { body }),
    // A service in another language has no place for headers but this one.
    sendBare: (queue, body, headers) =>
      plain.send(queue, { body, ...(headers === undefined ? {} : { __throughline: { headers } }) }),
    async sendDown(queue) {
      const down = new pg.Pool({ host: '127.0.0.1', port: 1 })
      const db: PgBoss.Db = { executeSql: (text, values) => down.query<Record<string, unknown>>(text, values) }
      try {
        return await propagate(new PgBoss({ db, schema })).send(queue, { body: 'nobody' })
      } finally {
        await down.end()
      }
    },
    async work(queue, tracker, work) {
      const handler = trackRequest(
        async ([job]: PgBoss.Job<{ body: string }>[]) => {
          if (job !== undefined) await work({ body: job.data.body, host: job })
        },
        { tracker },
      )
      // Each looks for one job every half second: several of them get through a queue in good time.
      const ids = await Promise.all(
        [...Array(5).keys()].map(() => boss.work(queue, { pollingIntervalSeconds: 0.5 }, handler)),
      )
      return () => Promise.all(ids.map((id) => boss.offWork({ id })))
    },
    async close() {
      await boss.stop({ graceful: false })
      if (given === undefined) await bare.query(`drop schema ${schema} cascade`)
      await bare.end()
    },
  }
}
