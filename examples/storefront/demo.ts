import { setTimeout } from 'node:timers/promises'
import { Customers, type Accepted } from './client.ts'
import { Command } from './command.ts'
import { Logs } from './logs.ts'
import { Orders } from './orders.ts'
import { Processes, type Service } from './processes.ts'
import { until } from './until.ts'

/** The order that the story is told of. */
const STORY = 'abc-123'
/** The audit is to speak within seconds: nothing in this shop may stay in one state for longer. */
const STUCK_AFTER_SECONDS = 1

const logs = new Logs()
const processes = new Processes()
const throughline = new Command(processes, logs)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Ended by the signal itself, so that the shell or the script that started us knows.
    void processes.stop().finally(() => process.kill(process.pid, signal))
  })
}

try {
  await Promise.race([run(), processes.fault])
  await processes.stop()
} catch (error) {
  // What fails while a signal ends the demo is no failure of the demo's.
  if (!processes.stopping) {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\nThe logs are in ${logs.folder}`)
    await processes.stop()
    // Some part of the run may still be waiting for what will not happen.
    process.exit(1)
  }
}

async function run(): Promise<void> {
  logs.clear()
  say('starting the database, auth, catalog, gateway and worker')
  const { database, gateway, startWorker } = await open()
  const worker = await startWorker({ engravingMs: 60_000 })
  const orders = await Orders.open(database.address)
  const customers = new Customers(gateway.address, logs)

  say('customers read, order, mistype their tokens and hang up')
  await customers.traffic()
  await customers.order({ sku: 'teapot', quantity: 1, engraving: false }, STORY)
  await customers.order({ sku: 'mug', quantity: 6, engraving: false })
  await until('the worker has packed all orders', async () => (await orders.unfinished()).size === 0)

  say('the worker is killed, one order in its hands and three waiting')
  const late = await leaveBehind(customers, orders, worker)
  const unfinished = await orders.unfinished()
  const left = late.filter(({ id }) => unfinished.has(id))
  if (left.length === 0 || left.length < unfinished.size) throw new Error(`the queue holds ${unfinished.size} orders, of which we know ${left.length}`)

  title('The state diagram, with the counts of this run')
  await throughline.diagram()
  title(`The story of an order that came with X-Trace-ID: ${STORY}`)
  await throughline.story(STORY)
  console.log(`$ grep -c ${STORY} ${logs.pattern}\n\n${logs.grep(STORY)}\n`)
  title('The audit after the worker was killed')
  await throughline.audit(`${STUCK_AFTER_SECONDS}s`, left)
  console.log(`Its status is 1. It names the ${left.length} orders that the queue still holds, and nothing else of ${customers.answers} requests that were answered.\n`)

  say('another worker takes over')
  const successor = await startWorker({ engravingMs: 100 })
  await until('all orders are packed', async () => (await orders.unfinished()).size === 0)
  await successor.end('SIGTERM')
  await orders.close()
  title('The audit after another worker took over')
  await throughline.audit(`${STUCK_AFTER_SECONDS}s`, [])
  console.log('Its status is 0.')
}

async function open(): Promise<{ database: Service; gateway: Service; startWorker: (pace: { engravingMs: number }) => Promise<Service> }> {
  const settings = { STOREFRONT_LOGS: logs.folder }
  const [database, auth] = await Promise.all([processes.start('database', settings), processes.start('auth', settings)])
  const withDatabase = { ...settings, DATABASE_URL: database.address }
  const catalog = await processes.start('catalog', withDatabase)
  const gateway = await processes.start('gateway', { ...withDatabase, AUTH_ADDRESS: auth.address, CATALOG_ADDRESS: catalog.address })
  return {
    database,
    gateway,
    startWorker: ({ engravingMs }) => processes.start('worker', { ...withDatabase, ENGRAVING_MS: String(engravingMs) }),
  }
}

/** Kills the worker with an order in its hands and others waiting, and waits until all of them are overdue. */
async function leaveBehind(customers: Customers, orders: Orders, worker: Service): Promise<Accepted[]> {
  const engraved = await customers.order({ sku: 'kettle', quantity: 1, engraving: true })
  await until('the worker has the engraving in hand', () => orders.inHand(engraved.id))
  const waiting = [
    await customers.order({ sku: 'mug', quantity: 2, engraving: false }),
    await customers.order({ sku: 'teapot', quantity: 2, engraving: false }),
    await customers.order({ sku: 'kettle', quantity: 2, engraving: false }),
  ]
  await worker.end('SIGKILL')
  // All answers are in, so nothing is under way but what the worker has left; the youngest of it has to come of age.
  await setTimeout(STUCK_AFTER_SECONDS * 1_000 + 1)
  return [engraved, ...waiting]
}

/** Tells who waits what is being done; on stderr, so that what is piped on is the result alone. */
function say(what: string): void {
  console.error(`${performance.now().toFixed(0).padStart(6)} ms  ${what}`)
}

function title(text: string): void {
  console.log(`== ${text} ==\n`)
}
