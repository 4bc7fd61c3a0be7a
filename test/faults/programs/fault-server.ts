/**
 * The server of most fault tests. The path of a request says what to do with it. Arguments: the destination of the
 * lines, and `console` if the program writes to standard output itself too.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { currentRequest } from '../../../src/tracking/current-request.ts'
import type { TrackerStats } from '../../../src/tracking/tracker-core.ts'
import { createTrackerFor, parseDestination } from './_destinations.ts'
import { MarkWriter } from './_mark-writer.ts'

/** The reply to every message. */
export interface ServerStats extends TrackerStats {
  /** Responses that wait for `release`. */
  readonly held: number
  /** Open connections. */
  readonly connections: number
  /** The resident set size in bytes. */
  readonly rss: number
}

const [destination, writesToStdout] = process.argv.slice(2)
// From the first use of process.stdout on, Node makes a pipe non-blocking: writes to a full one fail with EAGAIN.
if (writesToStdout === 'console') process.stdout.write('listening\n')
const tracker = createTrackerFor('api', parseDestination(destination))
// As a second wrapper with its own options has: one process, one log, two trackers.
const jobTracker = createTrackerFor('jobs', parseDestination(destination))
const { mark } = new MarkWriter()
const held: (() => void)[] = []

const CRASHES: Readonly<Record<string, () => void>> = {
  block: () => {
    for (;;) void 0
  },
  abort: () => process.abort(),
  memory: () => {
    const retained: string[][] = []
    for (;;) {
      retained.push(Array.from({ length: 10_000 }, (_, index) => `${String(index)} of ${String(retained.length)}`))
    }
  },
  kill: () => void process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(3),
  uncaught: () =>
    queueMicrotask(() => {
      throw new Error('uncaught')
    }),
}

/** Crashes at once, or in a later turn of the event loop. */
function crash(how: string, when: string | undefined): void {
  mark('crashing', 'crashing')
  if (when === 'later') setImmediate(() => setImmediate(() => CRASHES[how]?.()))
  else CRASHES[how]?.()
}

function handler(req: IncomingMessage, res: ServerResponse): void {
  mark('started', String(req.headers['x-trace-id']))
  const [, action = '', when] = (req.url ?? '').split('/')
  if (action === 'held') held.push(() => res.end('served'))
  else if (action === 'read') req.resume().on('end', () => res.end('served'))
  else if (action === 'large') res.end('x'.repeat(1_000_000))
  else if (Object.hasOwn(CRASHES, action)) {
    currentRequest()?.processing()
    crash(action, when)
  } else res.end('served')
}

const job = jobTracker.trackRequest((how: string) => crash(how, undefined), {
  carrier: () => ({ 'x-trace-id': 'crashing' }),
})
const fetchHandler = tracker.trackRequest((request: Request) => {
  crash(new URL(request.url).pathname.slice(1), undefined)
  return new Response('served')
})
const emptyJob = tracker.trackRequest(() => undefined, { path: 'burst' })
const tracked = tracker.trackRequest(handler)

const server = createServer((req, res) => {
  const [, kind, how = ''] = (req.url ?? '').split('/')
  if (kind === 'job') {
    job(how)
    res.end('served')
  } else if (kind === 'fetch') {
    void fetchHandler(new Request(`http://localhost/${how}`, { headers: { 'x-trace-id': 'crashing' } }))
  } else tracked(req, res)
})
// A process that blocks for long must not find its idle connections expired.
server.keepAliveTimeout = 0

server.listen(0, '127.0.0.1', 4_096, () => {
  // The address of a server that listens on TCP is an AddressInfo.
  process.send?.((server.address() as AddressInfo).port)
})

process.on('message', (message) => {
  const [command = '', count = '0'] = String(message).split(' ')
  if (command === 'burst') for (let n = Number(count); n > 0; n -= 1) emptyJob()
  if (command === 'release') for (const respond of held.splice(0)) respond()
  if (command === 'close') for (const one of [tracker, jobTracker]) one.close()
  if (command === 'collect') globalThis.gc?.()
  server.getConnections((_error, connections) => {
    const stats: ServerStats = { ...tracker.stats, held: held.length, connections, rss: process.memoryUsage().rss }
    process.send?.(stats)
  })
})
