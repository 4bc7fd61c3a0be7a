import { PgBoss } from 'pg-boss'
import { Client } from 'pg'

/** The schema of pg-boss. Each run recreates it, as it does `storefront`. */
export const QUEUE_SCHEMA = 'storefront_queue'
export const QUEUE = 'orders'

/** A job for the worker. */
export interface Order {
  readonly customer: string
  readonly sku: string
  readonly quantity: number
  /** Engraving takes long. */
  readonly engraving: boolean
}

/** After how long the queue takes a worker for dead and gives its order to another. */
const EXPIRE_SECONDS = 8

const TABLES = `
  DROP SCHEMA IF EXISTS storefront CASCADE;
  DROP SCHEMA IF EXISTS ${QUEUE_SCHEMA} CASCADE;
  CREATE SCHEMA storefront;
  CREATE TABLE storefront.products (sku text PRIMARY KEY, name text NOT NULL, cents integer NOT NULL, in_stock integer NOT NULL, details text NOT NULL);
  CREATE TABLE storefront.orders (id uuid PRIMARY KEY, customer text NOT NULL, sku text NOT NULL, quantity integer NOT NULL, status text NOT NULL);
  INSERT INTO storefront.products VALUES
    ('mug', 'Mug', 900, 500, '{"material":"stoneware"}'),
    ('teapot', 'Teapot', 3900, 120, '{"material":"cast iron"}'),
    ('kettle', 'Kettle', 5400, 60, '{"material":"copper"}'),
    ('map', 'Map, drawn on demand', 12000, 1, '{"material":"vellum","drawn_in_ms":30000}'),
    ('cracked-vase', 'Vase', 7000, 3, '{"material":"porc');
`

/** Recreates the tables and the queue, so that every run starts from the same data. */
export async function createSchema(connectionString: string): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  await client.query(TABLES)
  await client.end()
  const boss = new PgBoss({ connectionString, schema: QUEUE_SCHEMA, supervise: false, schedule: false, max: 1 })
  await boss.start()
  await boss.createQueue(QUEUE, { expireInSeconds: EXPIRE_SECONDS, retryLimit: 3 })
  await boss.stop({ graceful: false })
}
