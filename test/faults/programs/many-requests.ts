/**
 * Very many requests within one process, each with a random kind of end. Arguments: how many, and a seed. Reports what
 * the audit finds, and the memory in use after a tenth of the run and at its end.
 */
import type { TrackerStats } from '../../../src/tracking/tracker-core.ts'
import { createTracker } from '../../../src/handlers/track-request.ts'
import { Gathered } from '../../run-audit.ts'
import { auditGathered } from '../_audit-result.ts'
import { seededRandom } from '../_random.ts'
import { turns } from './_turns.ts'

/** The result of a run. A run with problems ends early and has nothing else. */
export interface RunResult extends Partial<TrackerStats> {
  readonly problems: readonly string[]
  /** Bytes in use after a tenth of the run. */
  readonly early?: number
  /** Bytes in use at the end. */
  readonly late?: number
}

const [requests = 0, seed = 0] = process.argv.slice(2).map(Number)
const BATCH = 1_000
const random = seededRandom(seed)
const chance = (share: number): boolean => random() < share
let gathered = new Gathered()
const tracker = createTracker({ service: 'api', sinks: [{ write: (record) => gathered.record(record) }] })

class ExpectedError extends Error {}

const fetchHandler = tracker.trackRequest(async (request: Request) => {
  if (chance(0.3)) await turns(1)
  if (chance(0.1)) throw new ExpectedError()
  if (request.method === 'POST' && chance(0.5)) await request.text()
  return new Response(chance(0.8) ? 'served' : null, { status: chance(0.1) ? 503 : 200 })
})
const job = tracker.trackRequest(
  async (_headers: Record<string, string>) => {
    if (chance(0.3)) await turns(1)
    if (chance(0.2)) throw new ExpectedError()
  },
  { carrier: (headers) => headers, path: 'orders' },
)

/** A fetch-style request whose client aborts at a random point or reads the response. */
async function fetchRequest(): Promise<void> {
  const abort = new AbortController()
  if (chance(0.1)) abort.abort()
  const response = fetchHandler(
    new Request('http://localhost/orders', { method: chance(0.5) ? 'POST' : 'GET', signal: abort.signal }),
  )
  if (chance(0.2)) abort.abort()
  const { body } = await response
  if (chance(0.1)) abort.abort()
  else if (chance(0.2)) await body?.cancel()
  else for await (const _chunk of body ?? []) if (chance(0.2)) break
}

async function queuedRequest(): Promise<void> {
  const request = tracker.start()
  request.authenticated('ada')
  const headers = await request
    .enqueue((sent) => (chance(0.1) ? Promise.reject(new ExpectedError()) : sent))
    .catch(() => undefined)
  if (headers === undefined) request.responded({ status: 503 })
  else await job(headers)
}

function manualRequest(): void {
  const request = tracker.start({ 'x-trace-id': `order-${String(Math.floor(random() * 50))}` })
  if (chance(0.2)) return void request.failed('unknown caller')
  request.authenticated()
  if (chance(0.3)) request.note('CACHE_MISS', { key: random() })
  request.processing()
  request.responded(chance(0.2) ? { outcome: 'aborted' } : {})
}

const KINDS = [fetchRequest, queuedRequest, manualRequest, () => job({})] as const

/** Runs a batch to its end and returns every problem: an audit finding, or a request in flight. */
async function runBatch(): Promise<string[]> {
  gathered = new Gathered()
  const all = Array.from({ length: BATCH }, async () => KINDS[Math.floor(random() * KINDS.length)]?.())
  const failed = (await Promise.allSettled(all)).flatMap((result) =>
    result.status === 'rejected' && !(result.reason instanceof ExpectedError) ? [String(result.reason)] : [],
  )
  const { report } = auditGathered(gathered)
  const { stuck, invalid, gaps, checked } = report
  const problems = [...failed, ...[...stuck, ...invalid, ...gaps].map((finding) => JSON.stringify(finding))]
  if (checked.requests !== BATCH) problems.push(`${String(checked.requests)} requests of ${String(BATCH)}`)
  if (tracker.stats.inFlight > 0) problems.push(`${String(tracker.stats.inFlight)} in flight`)
  return problems
}

/** Bytes in use after garbage collection. */
async function bytesInUse(): Promise<number> {
  gathered = new Gathered()
  for (let n = 0; n < 3; n += 1) {
    await turns(2)
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

async function run(): Promise<RunResult> {
  const batches = requests / BATCH
  let early = 0
  for (let n = 0; n < batches; n += 1) {
    const problems = await runBatch()
    if (problems.length > 0) return { problems: problems.slice(0, 5) }
    if (n + 1 === Math.ceil(batches / 10)) early = await bytesInUse()
  }
  const late = await bytesInUse()
  return { problems: [], early, late, ...tracker.stats }
}

process.send?.(0)
process.once('message', () => void run().then((result) => process.send?.(result)))
