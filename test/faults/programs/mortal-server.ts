/**
 * The server of most tests of faults. What it does with a request, the path says; called with a destination for its lines,
 * and `console` where it is to write to standard output by itself, too.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { currentRequest } from '../../../src/tracking/current-request.ts'
import type { TrackerStats } from '../../../src/tracking/tracker-core.ts'
import { Marks } from './marks.ts'
import { destinationOf, trackerFor } from './tracker-for.ts'

/** What it answers to each message: the counts of its tracker, the answers that it holds back, and the bytes that it uses. */
export interface Stats extends TrackerStats {
  readonly held: number
  readonly rss: number
}

const [to, also] = process.argv.slice(2)
// What a careless application does. Standard output that is a pipe never blocks from then on: it says EAGAIN.
if (also === 'console') process.stdout.write('listening\n')
const tracker = trackerFor('api', destinationOf(to))
// As a second wrapper with options of its own has: one process, one log, two trackers.
const second = trackerFor('jobs', destinationOf(to))
const { mark } = new Marks()
const held: (() => void)[] = []

const ways: Readonly<Record<string, () => void>> = {
  block: () => {
    for (;;) void 0
  },
  abort: () => process.abort(),
  memory: () => {
    const kept: string[][] = []
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => `${String(index)} of ${String(kept.length)}`))
  },
  kill: () => void process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(3),
  uncaught: () =>
    queueMicrotask(() => {
      throw new Error('nobody catches this')
    }),
}

/** Does as it is told: at once, or in a later turn of the event loop. */
function die(way: string, when: string | undefined): void {
  mark('dying', 'deadly')
  if (when === 'later') setImmediate(() => setImmediate(() => ways[way]?.()))
  else ways[way]?.()
}

function handler(req: IncomingMessage, res: ServerResponse): void {
  mark('begin', String(req.headers['x-trace-id']))
  const [, way = '', when] = (req.url ?? '').split('/')
  if (way === 'held') held.push(() => res.end('served'))
  else if (way === 'read') req.resume().on('end', () => res.end('served'))
  else if (way === 'large') res.end('x'.repeat(1_000_000))
  else if (Object.hasOwn(ways, way)) {
    currentRequest()?.processing()
    die(way, when)
  } else res.end('served')
}

const job = second.trackRequest((way: string) => die(way, undefined), { carrier: () => ({ 'x-trace-id': 'deadly' }) })
const page = tracker.trackRequest((request: Request) => {
  die(new URL(request.url).pathname.slice(1), undefined)
  return new Response('served')
})
const nothing = tracker.trackRequest(() => undefined, { path: 'burst' })
const tracked = tracker.trackRequest(handler)

const server = createServer((req, res) => {
  const [, host, way = ''] = (req.url ?? '').split('/')
  if (host === 'job') {
    job(way)
    res.end('served')
  } else if (host === 'page') void page(new Request(`http://localhost/${way}`, { headers: { 'x-trace-id': 'deadly' } }))
  else tracked(req, res)
})

server.listen(0, '127.0.0.1', 4_096, () => {
  // A server that listens on TCP has an address of this kind.
  process.send?.((server.address() as AddressInfo).port)
})

process.on('message', (message) => {
  const [order = '', count = '0'] = String(message).split(' ')
  if (order === 'burst') for (let n = Number(count); n > 0; n -= 1) nothing()
  if (order === 'release') for (const answer of held.splice(0)) answer()
  if (order === 'close') for (const one of [tracker, second]) one.close()
  if (order === 'collect') globalThis.gc?.()
  const stats: Stats = { ...tracker.stats, held: held.length, rss: process.memoryUsage().rss }
  process.send?.(stats)
})
