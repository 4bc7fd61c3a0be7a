/**
 * Requests by the hundred thousand within one process, each to one of its ends. Called with how many, and a seed; tells
 * what the audit found wrong with any of them, and how much memory is in use early on and at the end.
 */
import type { TrackerStats } from '../../../src/tracking/tracker-core.ts'
import { createTracker } from '../../../src/handlers/track-request.ts'
import { Gathered } from '../../run-audit.ts'
import { verdictOn } from '../_audit-result.ts'
import { randomFrom } from '../_random.ts'
import { turns } from './_ends.ts'

/** What it found: of a run in which something was wrong no more than that. */
export interface Run extends Partial<TrackerStats> {
  readonly wrong: readonly string[]
  readonly early?: number
  readonly late?: number
}

const [requests = 0, seed = 0] = process.argv.slice(2).map(Number)
const BATCH = 1_000
const random = randomFrom(seed)
const chance = (share: number): boolean => random() < share
let gathered = new Gathered()
const tracker = createTracker({ service: 'api', sinks: [{ write: (record) => gathered.record(record) }] })

class NoLuck extends Error {}

const page = tracker.trackRequest(async (request: Request) => {
  if (chance(0.3)) await turns(1)
  if (chance(0.1)) throw new NoLuck()
  if (request.method === 'POST' && chance(0.5)) await request.text()
  return new Response(chance(0.8) ? 'served' : null, { status: chance(0.1) ? 503 : 200 })
})
const job = tracker.trackRequest(
  async (_headers: Record<string, string>) => {
    if (chance(0.3)) await turns(1)
    if (chance(0.2)) throw new NoLuck()
  },
  { carrier: (headers) => headers, path: 'orders' },
)

/** Whoever asks leaves at some moment, or reads the answer to its end. */
async function fetched(): Promise<void> {
  const leaving = new AbortController()
  if (chance(0.1)) leaving.abort()
  const answer = page(
    new Request('http://localhost/orders', { method: chance(0.5) ? 'POST' : 'GET', signal: leaving.signal }),
  )
  if (chance(0.2)) leaving.abort()
  const { body } = await answer
  if (chance(0.1)) leaving.abort()
  else if (chance(0.2)) await body?.cancel()
  else for await (const _part of body ?? []) if (chance(0.2)) break
}

async function queued(): Promise<void> {
  const request = tracker.start()
  request.authenticated('ada')
  const headers = await request
    .enqueue((sent) => (chance(0.1) ? Promise.reject(new NoLuck()) : sent))
    .catch(() => undefined)
  if (headers === undefined) request.responded({ status: 503 })
  else await job(headers)
}

function byHand(): void {
  const request = tracker.start({ 'x-trace-id': `order-${String(Math.floor(random() * 50))}` })
  if (chance(0.2)) return void request.failed('who are you')
  request.authenticated()
  if (chance(0.3)) request.note('CACHE_MISS', { key: random() })
  request.processing()
  request.responded(chance(0.2) ? { outcome: 'aborted' } : {})
}

const ways = [fetched, queued, byHand, () => job({})] as const

/** After it nothing is in flight, and the audit has nothing to say. */
async function batch(): Promise<string[]> {
  gathered = new Gathered()
  const all = Array.from({ length: BATCH }, async () => ways[Math.floor(random() * ways.length)]?.())
  const failed = (await Promise.allSettled(all)).flatMap((result) =>
    result.status === 'rejected' && !(result.reason instanceof NoLuck) ? [String(result.reason)] : [],
  )
  const { report } = verdictOn(gathered)
  const { stuck, invalid, gaps, checked } = report
  const wrong = [...failed, ...[...stuck, ...invalid, ...gaps].map((finding) => JSON.stringify(finding))]
  if (checked.requests !== BATCH) wrong.push(`${String(checked.requests)} requests of ${String(BATCH)}`)
  if (tracker.stats.inFlight > 0) wrong.push(`${String(tracker.stats.inFlight)} in flight`)
  return wrong
}

/** Bytes in use, once nothing is left that can be freed. */
async function used(): Promise<number> {
  gathered = new Gathered()
  for (let n = 0; n < 3; n += 1) {
    await turns(2)
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

async function run(): Promise<Run> {
  const batches = requests / BATCH
  let early = 0
  for (let n = 0; n < batches; n += 1) {
    const wrong = await batch()
    if (wrong.length > 0) return { wrong: wrong.slice(0, 5) }
    if (n + 1 === Math.ceil(batches / 10)) early = await used()
  }
  const late = await used()
  return { wrong: [], early, late, ...tracker.stats }
}

process.send?.(0)
process.once('message', () => void run().then((found) => process.send?.(found)))
