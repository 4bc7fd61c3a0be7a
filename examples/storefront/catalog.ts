import { status } from '@grpc/grpc-js'
import { setTimeout } from 'node:timers/promises'
import { Pool } from 'pg'
import { propagate } from 'throughline/pg'
import { ready, serviceLogger, setting } from './service.ts'
import { RpcError, serve } from './rpc.ts'

interface Row {
  readonly sku: string
  readonly name: string
  readonly cents: number
  readonly in_stock: number
  readonly details: string
}

interface Details {
  readonly material: string
  readonly drawn_in_ms?: number
}

const logger = serviceLogger('catalog')
const pool = propagate(new Pool({ connectionString: setting('DATABASE_URL'), max: 4 }))

const { address, close } = await serve(
  'Catalog',
  { service: 'catalog', logger },
  {
    async GetProduct({ sku }, signal) {
      const { name, cents, details } = await find(sku)
      // We write these strings ourselves. One is damaged on purpose: parsing it throws, and the gateway answers 500.
      const { material, drawn_in_ms: drawingMs } = JSON.parse(details) as Details
      if (drawingMs !== undefined) {
        logger.info({ sku }, 'map is drawn on demand')
        await setTimeout(drawingMs, undefined, { signal })
      }
      return { sku, name, cents, material }
    },
    async GetStock({ sku }) {
      const { in_stock: inStock } = await find(sku)
      logger.info({ sku, in_stock: inStock }, 'stock was counted')
      return { inStock }
    },
  },
)
ready(address, close)

async function find(sku: string): Promise<Row> {
  const { rows } = await pool.query<Row>(
    'SELECT sku, name, cents, in_stock, details FROM storefront.products WHERE sku = $1',
    [sku],
  )
  const [row] = rows
  if (row === undefined) throw new RpcError(status.NOT_FOUND, `there is no ${sku}`)
  return row
}
