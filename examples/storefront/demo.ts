import { setTimeout } from 'node:timers/promises'
import { Customers, type AcceptedOrder } from './customers.ts'
import { Command } from './command.ts'
import { Logs } from './logs.ts'
import { Orders } from './orders.ts'
import { Processes, type Service } from './processes.ts'
import { waitUntil } from './wait-until.ts'

/** The trace id of the order whose story is printed. */
const STORY_TRACE_ID = 'abc-123'
/** Short, so that the audit reports within seconds: no healthy request stays in one state for longer here. */
const STUCK_AFTER_SECONDS = 1

const logs = new Logs()
const processes = new Processes()
const throughline = new Command(processes, logs)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Ends by the signal itself, so that the shell or script that started the demo sees it.
    void processes.stop().finally(() => process.kill(process.pid, signal))
  })
}

try {
  await Promise.race([run(), processes.failure])
  await processes.stop()
} catch (error) {
  // Errors while a signal stops the demo are expected.
  if (!processes.stopping) {
    console.error(
      `\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\nThe logs are in ${logs.folder}`,
    )
    await processes.stop()
    // Part of the run may still be waiting for something that will not happen.
    process.exit(1)
  }
}

async function run(): Promise<void> {
  logs.clear()
  logProgress('starting the database, auth, catalog, gateway and worker')
  const { database, gateway, startWorker } = await startServices()
  const worker = await startWorker({ engravingMs: 60_000 })
  const orders = await Orders.open(database.address)
  const customers = new Customers(gateway.address, logs)

  logProgress('customers read, order, mistype their tokens and hang up')
  await customers.sendTraffic()
  await customers.order({ sku: 'teapot', quantity: 1, engraving: false }, STORY_TRACE_ID)
  await customers.order({ sku: 'mug', quantity: 6, engraving: false })
  await waitUntil('the worker has packed all orders', async () => (await orders.unfinished()).size === 0)

  logProgress('the worker is killed while it packs one order and three are waiting')
  const abandoned = await abandonOrders(customers, orders, worker)
  const unfinished = await orders.unfinished()
  const remaining = abandoned.filter(({ id }) => unfinished.has(id))
  if (remaining.length === 0 || remaining.length < unfinished.size)
    throw new Error(`the queue holds ${unfinished.size} orders, of which ${remaining.length} are known`)

  title('The state diagram, with the counts of this run')
  await throughline.diagram()
  title(`The story of an order that came with X-Trace-ID: ${STORY_TRACE_ID}`)
  await throughline.story(STORY_TRACE_ID)
  console.log(`$ grep -c ${STORY_TRACE_ID} ${logs.pattern}\n\n${logs.grep(STORY_TRACE_ID)}\n`)
  title('The audit after the worker was killed')
  await throughline.audit(`${STUCK_AFTER_SECONDS}s`, remaining)
  console.log(
    `Its status is 1. It reports the ${remaining.length} orders that the queue still holds, and none of the other requests. ${customers.responses} responses were checked.\n`,
  )

  logProgress('another worker takes over')
  const successor = await startWorker({ engravingMs: 100 })
  await waitUntil('all orders are packed', async () => (await orders.unfinished()).size === 0)
  await successor.stop('SIGTERM')
  await orders.close()
  title('The audit after another worker took over')
  await throughline.audit(`${STUCK_AFTER_SECONDS}s`, [])
  console.log('Its status is 0.')
}

async function startServices(): Promise<{
  database: Service
  gateway: Service
  startWorker: (pace: { engravingMs: number }) => Promise<Service>
}> {
  const settings = { STOREFRONT_LOGS: logs.folder }
  const [database, auth] = await Promise.all([processes.start('database', settings), processes.start('auth', settings)])
  const withDatabase = { ...settings, DATABASE_URL: database.address }
  const catalog = await processes.start('catalog', withDatabase)
  const gateway = await processes.start('gateway', {
    ...withDatabase,
    AUTH_ADDRESS: auth.address,
    CATALOG_ADDRESS: catalog.address,
  })
  return {
    database,
    gateway,
    startWorker: ({ engravingMs }) => processes.start('worker', { ...withDatabase, ENGRAVING_MS: String(engravingMs) }),
  }
}

/** Kills the worker while it packs one order and others are waiting, and waits until all of them are overdue. */
async function abandonOrders(customers: Customers, orders: Orders, worker: Service): Promise<AcceptedOrder[]> {
  const engraved = await customers.order({ sku: 'kettle', quantity: 1, engraving: true })
  await waitUntil('the worker packs the engraved order', () => orders.isBeingPacked(engraved.id))
  const waiting = [
    await customers.order({ sku: 'mug', quantity: 2, engraving: false }),
    await customers.order({ sku: 'teapot', quantity: 2, engraving: false }),
    await customers.order({ sku: 'kettle', quantity: 2, engraving: false }),
  ]
  await worker.stop('SIGKILL')
  // All responses have arrived, so only the worker's orders are unfinished. Wait until the last of them is overdue.
  await setTimeout(STUCK_AFTER_SECONDS * 1_000 + 1)
  return [engraved, ...waiting]
}

/** Prints progress to stderr, so that stdout holds the results only. */
function logProgress(what: string): void {
  console.error(`${performance.now().toFixed(0).padStart(6)} ms  ${what}`)
}

function title(text: string): void {
  console.log(`== ${text} ==\n`)
}
