import { status } from '@grpc/grpc-js'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { Pool } from 'pg'
import { PgBoss } from 'pg-boss'
import { currentRequest, trackRequest } from 'throughline'
import { propagate } from 'throughline/pg'
import { propagate as propagateQueue } from 'throughline/pg-boss'
import { QUEUE, QUEUE_SCHEMA, type Order } from './schema.ts'
import { client } from './rpc.ts'
import { ready, serviceLogger, setting } from './service.ts'

const logger = serviceLogger('gateway')
const auth = client('Auth', setting('AUTH_ADDRESS'))
const catalog = client('Catalog', setting('CATALOG_ADDRESS'))
const pool = propagate(new Pool({ connectionString: setting('DATABASE_URL'), max: 3 }))
// Only the queue can detect a dead worker. The gateway's pg-boss checks for expired jobs every second.
const boss = propagateQueue(
  new PgBoss({
    // The queue's statements carry the trace id too.
    db: { executeSql: (text, values) => pool.query(text, values) },
    schema: QUEUE_SCHEMA,
    migrate: false,
    schedule: false,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
  }),
)
boss.on('error', (error) => logger.error({ err: error }, 'queue error'))
await boss.start()

async function authenticate(req: IncomingMessage): Promise<string> {
  const [, token = ''] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? []
  const { name } = await auth('Verify', { token })
  return name
}

async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method = '', url = '' } = req
  const sku = /^\/products\/([a-z-]+)$/.exec(url)?.[1]
  try {
    if (method === 'GET' && sku !== undefined) await showProduct(sku, res)
    else if (method === 'POST' && url === '/orders') await placeOrder(req, res)
    else respond(res, 404, { error: 'page not found' })
  } catch (error) {
    if (codeOf(error) !== status.NOT_FOUND) throw error
    respond(res, 404, { error: 'product not found' })
  }
}

async function showProduct(sku: string, res: ServerResponse): Promise<void> {
  const controller = new AbortController()
  // Cancel the call to the catalog when the client disconnects.
  res.once('close', () => controller.abort())
  respond(res, 200, await catalog('GetProduct', { sku }, controller.signal))
}

async function placeOrder(req: IncomingMessage, res: ServerResponse): Promise<void> {
  // The demo's only client sends this shape. A production gateway would validate it.
  const { sku, quantity, engraving } = (await json(req)) as Omit<Order, 'customer'>
  const { inStock } = await catalog('GetStock', { sku })
  if (inStock < quantity) {
    respond(res, 409, { error: `only ${inStock} left` })
    return
  }
  const order: Order = { customer: String(currentRequest()?.principal), sku, quantity, engraving }
  const id = await boss.send(QUEUE, order)
  logger.info({ order: id, sku, quantity }, 'order is accepted')
  respond(res, 202, { order: id })
}

function respond(res: ServerResponse, code: number, body: object): void {
  res.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

const server = createServer(trackRequest(handle, { service: 'gateway', logger, authenticate }))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the gateway is not listening on a port')
  ready(`http://127.0.0.1:${address.port}`, async () => {
    server.closeAllConnections()
    await boss.stop({ graceful: false })
  })
})
