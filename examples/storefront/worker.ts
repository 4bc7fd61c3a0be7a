import { PgBoss, type JobWithMetadata } from 'pg-boss'
import { setTimeout } from 'node:timers/promises'
import { Pool } from 'pg'
import { propagate } from 'throughline/pg'
import { trackRequest } from 'throughline/pg-boss'
import { QUEUE, QUEUE_SCHEMA, type Order } from './schema.ts'
import { ready, serviceLogger, setting } from './service.ts'

const logger = serviceLogger('worker')
const connectionString = setting('DATABASE_URL')
const engravingMs = Number(setting('ENGRAVING_MS'))
const pool = propagate(new Pool({ connectionString, max: 2 }))
const boss = new PgBoss({
  connectionString,
  schema: QUEUE_SCHEMA,
  migrate: false,
  supervise: false,
  schedule: false,
  max: 2,
})
boss.on('error', (error) => logger.error({ err: error }, 'queue error'))
await boss.start()

async function pack([job]: JobWithMetadata<Order>[]): Promise<void> {
  if (job === undefined) return
  const { customer, sku, quantity, engraving } = job.data
  await saveStatus(job.id, job.data, 'packing')
  logger.info({ order: job.id, customer }, 'order is being packed')
  if (engraving) await setTimeout(engravingMs)
  await saveStatus(job.id, job.data, 'packed')
  logger.info({ order: job.id, sku, quantity }, 'order is packed')
}

/** An order is delivered again when its worker dies: both deliveries write the same row. */
async function saveStatus(id: string, { customer, sku, quantity }: Order, status: string): Promise<void> {
  await pool.query(
    `INSERT INTO storefront.orders VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET status = excluded.status`,
    [id, customer, sku, quantity, status],
  )
}

await boss.work(
  QUEUE,
  { includeMetadata: true, pollingIntervalSeconds: 0.5 },
  trackRequest(pack, { service: 'worker', logger }),
)
ready('', () => boss.stop({ timeout: 1_000 }))
