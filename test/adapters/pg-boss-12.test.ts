import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { PgBoss, type Job, type QueueOptions } from 'pg-boss'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { parentOfCall } from '../call-headers.ts'
import { propagate, trackRequest } from '../../src/adapters/pg-boss.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { engines, type Database } from '../services.ts'
import { SOON } from '../timeouts.ts'
import { trackedService } from './queue-rig.ts'

const POLL = { pollingIntervalSeconds: 0.5 }
const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']

describe('what pg-boss has from version 12 on', () => {
  const schema = `throughline_${randomUUID().slice(0, 8)}`
  let database: Database
  let pool: pg.Pool
  let boss: PgBoss

  beforeAll(async () => {
    // A server, if there is one.
    const engine = engines.filter(({ missing }) => !missing).at(-1)
    if (engine === undefined) throw new Error('there is no database')
    database = await engine.start()
    pool = new pg.Pool({ connectionString: database.url, max: 3 })
    boss = propagate(new PgBoss({ connectionString: database.url, schema, max: 6, schedule: false, supervise: false }))
    await boss.start()
  })

  afterAll(async () => {
    await boss.stop({ graceful: false })
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
    await database.stop()
  })

  async function newQueue(options: QueueOptions & { readonly deadLetter?: string } = {}): Promise<string> {
    const name = `orders-${randomUUID()}`
    await boss.createQueue(name, { retryLimit: 0, ...options })
    return name
  }

  async function jobsOf(queue: string): Promise<unknown[]> {
    const { rows } = await pool.query<{ data: unknown }>(`select data from ${schema}.job where name = $1`, [queue])
    return rows.map(({ data }) => data)
  }

  function carried(parentId: string): object {
    return { headers: expect.objectContaining({ traceparent: expect.stringContaining(parentId) as string }) as object }
  }

  test('a flow and insert with a queue: each job is a child of the request', async () => {
    const [orders, invoices] = [await newQueue(), await newQueue()]
    const { tracker, story } = trackedService()
    const request = tracker.start()
    await request.run(() =>
      boss.flow([
        { ref: 'order', name: orders, data: { order: 1 } },
        { ref: 'invoice', name: invoices, dependsOn: ['order'] },
      ]),
    )
    await request.run(() => boss.insert(orders, [{ data: { order: 2 } }]))
    expect(await jobsOf(orders)).toEqual([
      { order: 1, __throughline: carried(parentOfCall(request.requestId, 1)) },
      { order: 2, __throughline: carried(parentOfCall(request.requestId, 3)) },
    ])
    expect(await jobsOf(invoices)).toEqual([
      { __throughline: { ...carried(parentOfCall(request.requestId, 2)), empty: true } },
    ])
    expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)', '(ENQUEUE)'])
  })

  test('upsert and update replace the data with that of a child; without data they change nothing of it', async () => {
    const queue = await newQueue()
    const { tracker, story } = trackedService()
    const key = { singletonKey: 'once' }
    const [first, second, third] = [tracker.start(), tracker.start(), tracker.start()]
    const inserted = await first.run(() => boss.upsert(queue, { order: 1 }, key))
    expect(inserted).toMatchObject({ inserted: 1, updated: 0 })
    expect(await jobsOf(queue)).toEqual([{ order: 1, __throughline: carried(parentOfCall(first.requestId)) }])
    await second.run(() => boss.update({ name: queue, data: { order: 2 }, options: key }))
    const replaced = [{ order: 2, __throughline: carried(parentOfCall(second.requestId)) }]
    expect(await jobsOf(queue)).toEqual(replaced)
    expect(await third.run(() => boss.update(queue, undefined, { ...key, priority: 1 }))).toMatchObject({ updated: 1 })
    expect(await jobsOf(queue)).toEqual(replaced)
    expect([first, second, third].map(({ requestId }) => story(requestId))).toEqual([
      ['Received', '(ENQUEUE)'],
      ['Received', '(ENQUEUE)'],
      ['Received'],
    ])
  })

  test('with perJobResults each job ends as its result says, and one without a result has failed', async () => {
    const deadLetter = await newQueue()
    const queue = await newQueue({ retryLimit: 1, deadLetter })
    const { tracker, story, records } = trackedService()
    const requests = ['completed', 'failed', 'deadletter', 'forgotten'].map((status) => ({
      status,
      request: tracker.start(),
    }))
    for (const { status, request } of requests) await request.run(() => boss.send(queue, { status }))
    const attempts: number[] = []
    const handler = trackRequest(
      (jobs: Job<{ status: string }>[]) => {
        attempts.push(jobs.length)
        const results = jobs.map(({ id, data }) => ({ id, status: data.status as 'completed' }))
        return Promise.resolve(
          attempts.length > 1 ? results : [...results, { id: 'another', status: 'failed' as const }],
        )
      },
      { tracker },
    )
    await boss.work(queue, { ...POLL, batchSize: 4, perJobResults: true }, handler)
    onTestFinished(() => boss.offWork(queue))
    const [ok, failed, dead, forgotten] = requests.map(({ request }) => request.requestId)
    const twice = [...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', 'Completed 2 error']
    await vi.waitFor(() => {
      expect(story(failed ?? '')).toEqual(twice)
      expect(story(forgotten ?? '')).toEqual(twice)
    }, SOON)
    expect(story(ok ?? '')).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok'])
    expect(story(dead ?? '')).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error'])
    expect(records.filter(({ request_id, event }) => request_id === forgotten && event === 'RETRY')).toMatchObject([
      { error: { message: 'the handler returned no result' } },
    ])
    expect(attempts).toEqual([4, 2])
    expect(tracker.inFlight()).toEqual([])
  })

  test('a transactional worker gets its transaction, and the signal of its job', async () => {
    const queue = await newQueue()
    const { tracker, story } = trackedService()
    const seen: unknown[] = []
    const handler = trackRequest(
      async ([job]: Job<{ order: number }>[], tx: { executeSql(text: string): Promise<{ rows: unknown[] }> }) => {
        seen.push(job?.data, job?.signal.aborted, currentRequest()?.requestId)
        seen.push((await tx.executeSql('select 1 as one')).rows)
      },
      { tracker },
    )
    await boss.work(queue, { ...POLL, transactional: true }, handler)
    onTestFinished(() => boss.offWork(queue))
    const request = tracker.start()
    await request.run(() => boss.send(queue, { order: 1 }))
    await vi.waitFor(() => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']), SOON)
    expect(seen).toEqual([{ order: 1 }, false, request.requestId, [{ one: 1 }]])
  })
})
