import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type PgBoss from 'pg-boss-10'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { headersOfHandOff, parentOfCall } from '../call-headers.ts'
import { propagate, trackRequest } from '../../src/adapters/pg-boss.ts'
import type { SendOptions } from '../../src/adapters/_send-options.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { deferred } from '../deferred.ts'
import { engines, type Database, type Engine } from '../services.ts'
import { START, trackerFixture } from '../tracker-fixture.ts'
import { SOON } from '../timeouts.ts'
import { describeQueueAdapter } from './queue-contract.ts'
import { trackedService, type OpenRig } from './queue-rig.ts'
import { openRig as openRig10 } from './queues/pg-boss-10.ts'
import { openRig as openRig11 } from './queues/pg-boss-11.ts'
import { majors, type PgBossMajor } from './queues/pg-boss-majors.ts'
import { openRig } from './queues/pg-boss.ts'

const POLL = { pollingIntervalSeconds: 0.5 }
const PLACED = ['Received', 'Authenticated', 'Processing', 'Queued']
const STARTED = ['Received', 'Authenticated', 'Processing']

interface Order {
  readonly order: number
}

const RIGS: Readonly<Record<keyof typeof majors, readonly [rig: string, open: OpenRig]>> = {
  10: ['pg-boss-10', openRig10],
  11: ['pg-boss-11', openRig11],
  12: ['pg-boss', openRig],
}

/** Each engine with the last major, and each other major with one engine: a server if there is one. */
const RUNS: readonly (readonly [engine: Engine, major: keyof typeof majors])[] = [
  ...engines.map((engine) => [engine, 12] as const),
  ...engines
    .filter(({ missing }) => !missing)
    .slice(-1)
    .flatMap((engine) => [[engine, 10] as const, [engine, 11] as const]),
]

for (const [engine, major] of RUNS) {
  const [rig, openRigOf] = RIGS[major]
  let database: Database | undefined
  afterAll(() => database?.stop())
  const open: OpenRig = async () => {
    database = await engine.start()
    return openRigOf(database.url)
  }
  describeQueueAdapter(`${rig} on ${engine.name}`, { rig, open, missing: engine.missing })
}

for (const [engine, major] of RUNS)
  describe.skipIf(engine.missing)(`${RIGS[major][0]} on ${engine.name} beyond the contract`, () => {
    const schema = `throughline_${randomUUID().slice(0, 8)}`
    let database: Database
    let pool: pg.Pool
    let host: PgBossMajor
    let plain: PgBoss
    let boss: PgBoss

    beforeAll(async () => {
      host = await majors[major]()
      database = await engine.start()
      pool = new pg.Pool({ connectionString: database.url, max: 3 })
      plain = new host.PgBoss({ connectionString: database.url, schema, max: 4, schedule: false, supervise: false })
      boss = propagate(plain)
      await boss.start()
    })

    afterAll(async () => {
      await boss.stop({ graceful: false })
      await pool.query(`drop schema ${schema} cascade`)
      await pool.end()
      await database.stop()
    })

    async function newQueue(options: Partial<PgBoss.Queue> = {}): Promise<string> {
      const name = `orders-${randomUUID()}`
      await boss.createQueue(name, { name, retryLimit: 0, ...options })
      return name
    }

    /** Processes a queue until the test ends. */
    async function work<T>(
      queue: string,
      handler: (jobs: PgBoss.Job<T>[]) => Promise<unknown>,
      options: PgBoss.WorkOptions = {},
    ): Promise<void> {
      const id = await boss.work<T>(queue, { ...POLL, ...options }, handler)
      onTestFinished(() => host.stopWorker(boss, queue, id))
    }

    /** A pg-boss on a database of the test's: from version 11 on it knows its queues only once it has started. */
    async function startOn(executeSql: PgBoss.Db['executeSql'], options: SendOptions = {}): Promise<PgBoss> {
      const other = new host.PgBoss({ db: { executeSql }, schema, schedule: false, supervise: false })
      other.on('error', () => undefined)
      await other.start()
      onTestFinished(() => other.stop({ graceful: false }))
      return propagate(other, options)
    }

    const query: PgBoss.Db['executeSql'] = (text, values) => pool.query<Record<string, unknown>>(text, values)

    async function dataOf(id: string | null): Promise<unknown> {
      const { rows } = await pool.query<{ data: unknown }>(`select data from ${schema}.job where id = $1`, [id])
      return rows[0]?.data
    }

    describe('sending', () => {
      test('a request is Queued once the broker has the message, and not before', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        const states: string[] = []
        const observed = await startOn(async (text, values) => {
          states.push(request.state)
          const result = await query(text, values)
          states.push(request.state)
          return result
        })
        states.length = 0
        await request.run(() => observed.send(queue, { order: 1 }))
        expect(new Set(states)).toEqual(new Set(['Processing']))
        expect(story(request.requestId)).toEqual([...STARTED, 'Queued'])
        expect(tracker.inFlight()).toEqual([])
      })

      test('if the broker is down, its error is thrown, and the request is not Queued', async () => {
        const down = new pg.Pool({ host: '127.0.0.1', port: 1 })
        let isDown = false
        const unreachable = await startOn((text, values) =>
          isDown ? down.query<Record<string, unknown>>(text, values) : query(text, values),
        )
        isDown = true
        const { tracker, story, requests, records } = trackedService()
        const place = tracker.trackRequest(async (order: Order) => unreachable.send('orders', order))
        await expect(place({ order: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
        expect(story(requests()[0] ?? '')).toEqual([...STARTED, '(ENQUEUE)', 'Responded error'])
        expect(records.find(({ lifecycle }) => lifecycle === 'note')?.error?.message).toContain('ECONNREFUSED')
        await down.end()
      })

      test('a throttled send resolves to null, and the request is not Queued', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const [first, second] = [tracker.start(), tracker.start()]
        const order = { order: 1 }
        expect(await first.run(() => boss.sendThrottled(queue, order, {}, 43_200, 'once'))).toBeTypeOf('string')
        expect(await second.run(() => boss.sendThrottled(queue, order, {}, 43_200, 'once'))).toBeNull()
        expect(first.state).toBe('Queued')
        expect(story(second.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
        expect(order).toEqual({ order: 1 })
      })

      test('a queue that does not exist accepts no message', async () => {
        const request = trackedService().tracker.start()
        // From version 11 on it throws.
        expect(await request.run(() => boss.send('no-such-queue', {})).catch(() => null)).toBeNull()
        expect(request.state).toBe('Processing')
      })

      test.each<[string, number, (queue: string) => Promise<string | null>]>([
        ['send(name, data)', 0, (queue) => boss.send(queue, { order: 1 })],
        ['send(name, data, options)', 0, (queue) => boss.send(queue, { order: 1 }, { priority: 1 })],
        ['send({ name, data })', 0, (queue) => boss.send({ name: queue, data: { order: 1 } })],
        ['send with startAfter', 60, (queue) => boss.send(queue, { order: 1 }, { startAfter: '60' })],
        ['sendAfter', 60, (queue) => boss.sendAfter(queue, { order: 1 }, {}, 60)],
        ['sendDebounced', 60, (queue) => boss.sendDebounced(queue, { order: 1 }, {}, 60, 'key')],
      ])('%s carries the request, due in %d s', async (_, delay, send) => {
        const queue = await newQueue()
        const request = trackedService().tracker.start()
        const id = await request.run(() => send(queue))
        expect(request.state).toBe('Queued')
        const times = carriedTimes(await dataOf(id))
        const [since = Number.NaN, due = since] = times.map(Number)
        expect(Math.round((due - since) / 1_000)).toBe(delay)
        expect(await dataOf(id)).toEqual({
          order: 1,
          __throughline: {
            queue,
            headers: {
              ...headersOfHandOff(request),
              'x-lifecycle': [request.requestId, 'Queued', '3', ...times].join(';'),
            },
          },
        })
      })

      test('the first message hands the request off, and later ones have it as their parent', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        const ids = await request.run(async () => [
          await boss.send(queue, { order: 1 }),
          await boss.send(queue, { order: 2 }),
        ])
        expect(story(request.requestId)).toEqual([...STARTED, 'Queued', '(ENQUEUE)'])
        expect(await Promise.all(ids.map(async (id) => handsOff(await dataOf(id))))).toEqual([true, false])
      })

      test('a child does not hand the request off, and its worker has its own request', async () => {
        const [queue, other] = [await newQueue(), await newQueue()]
        const { tracker, story } = trackedService()
        const choosing = await startOn(query, { as: (name) => (name === queue ? 'child' : 'hand-off') })
        const request = tracker.start()
        const ids = await request.run(async () => [
          await choosing.send(queue, { order: 1 }),
          await choosing.send(other, { order: 2 }),
        ])
        expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)', ...STARTED.slice(1), 'Queued'])
        expect(await Promise.all(ids.map(async (id) => handsOff(await dataOf(id))))).toEqual([false, true])
      })

      test('of two concurrent sends exactly one hands the request off', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        const ids = await request.run(() =>
          Promise.all([boss.send(queue, { order: 1 }), boss.send(queue, { order: 2 })]),
        )
        expect(story(request.requestId).sort()).toEqual(['(ENQUEUE)', ...STARTED, 'Queued'].sort())
        expect(await Promise.all(ids.map(async (id) => handsOff(await dataOf(id))))).toEqual([true, false])
      })

      test('in a transaction, and with insert and publish, the request is not handed off', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        const client = await pool.connect()
        await client.query('begin')
        const db: PgBoss.Db = { executeSql: (text, values) => client.query<Record<string, unknown>>(text, values) }
        await request.run(() => boss.send(queue, { order: 1 }, { db }))
        await client.query('rollback')
        client.release()
        await boss.subscribe(`placed in ${queue}`, queue)
        await request.run(() => boss.publish(`placed in ${queue}`, { order: 2 }))
        await request.run(() => host.insert(boss, queue, [{ data: { order: 3 } }, {}]))
        expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)', '(ENQUEUE)', '(ENQUEUE)'])
        const jobs = await plain.fetch(queue, { batchSize: 5 })
        expect(jobs.map(({ data }) => handsOff(data))).toEqual([false, false, false])
      })

      test('outside a request, and with data that is not an object, a message is not changed', async () => {
        const queue = await newQueue()
        const request = trackedService().tracker.start()
        const outside = await boss.send(queue, { order: 1 })
        await request.run(() => host.insert(boss, queue, [{ data: [1, 2] }, { data: new Date(0) }]))
        const jobs = await plain.fetch(queue, { batchSize: 3 })
        expect(await dataOf(outside)).toEqual({ order: 1 })
        expect(jobs.map(({ data }) => data)).toEqual(expect.arrayContaining([[1, 2], '1970-01-01T00:00:00.000Z']))
      })

      test('the wrapped pg-boss has its members, and the unwrapped one is not affected', async () => {
        const queue = await newQueue()
        expect(boss).toBeInstanceOf(host.PgBoss)
        expect(propagate(boss)).toBe(boss)
        expect(await boss.start()).toBe(boss)
        expect(boss.on('wip', () => undefined)).toBe(boss)
        expect(await boss.getQueue(queue)).toMatchObject({ name: queue })
        const request = trackedService().tracker.start()
        const id = await request.run(() => plain.send(queue, { order: 1 }))
        expect(await dataOf(id)).toEqual({ order: 1 })
        expect(request.state).toBe('Received')
      })
    })

    describe('working', () => {
      test('the worker continues the request, and receives the data as it was sent', async () => {
        const queue = await newQueue()
        const shop = trackedService()
        const worker = trackedService('worker')
        const seen: unknown[] = []
        await work<Order>(
          queue,
          trackRequest(
            ([job]) => {
              seen.push(
                job?.data,
                currentRequest()?.traceId,
                job === undefined ? undefined : currentRequest(job)?.requestId,
              )
              return Promise.resolve({ done: true })
            },
            { tracker: worker.tracker },
          ),
        )
        const request = shop.tracker.start()
        const id = await request.run(() => boss.send(queue, { order: 1 }))
        await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 ok']), SOON)
        expect(shop.story(request.requestId)).toEqual(PLACED)
        expect(worker.records.at(-1)).toMatchObject({ seq: 4, from: 'Queued', trace_id: request.traceId })
        expect(seen).toEqual([{ order: 1 }, request.traceId, request.requestId])
        await vi.waitFor(
          async () => expect((await boss.getJobById(queue, id ?? ''))?.output).toEqual({ done: true }),
          SOON,
        )
      })

      test.each([[null], [{}], [{ __throughline: 'mine' }]])('data %j is received as it was sent', async (data) => {
        const queue = await newQueue()
        const { tracker } = trackedService()
        const seen: unknown[] = []
        await work(
          queue,
          trackRequest(([job]) => Promise.resolve(seen.push(job?.data)), { tracker }),
        )
        // pg-boss accepts null, which its types do not allow.
        const sent = data as object
        if (data !== null && '__throughline' in data) await boss.send(queue, sent)
        else await tracker.start().run(() => boss.send(queue, sent))
        await vi.waitFor(() => expect(seen).toEqual([data]), SOON)
      })

      test('every attempt is noted, and a successful one completes the request', async () => {
        const queue = await newQueue({ retryLimit: 2 })
        const { tracker, story, records } = trackedService()
        let calls = 0
        await work(
          queue,
          trackRequest(
            () => {
              calls += 1
              return calls < 2 ? Promise.reject(new Error('not yet')) : Promise.resolve()
            },
            { tracker },
          ),
        )
        const request = tracker.start()
        await request.run(() => boss.send(queue, { order: 1 }))
        await vi.waitFor(
          () =>
            expect(story(request.requestId)).toEqual([
              ...PLACED,
              '(ATTEMPT 1)',
              '(RETRY 1)',
              '(ATTEMPT 2)',
              'Completed 2 ok',
            ]),
          SOON,
        )
        expect(records.find((record) => record.event === 'RETRY')?.error).toEqual({ type: 'Error', message: 'not yet' })
        expect(tracker.inFlight()).toEqual([])
      })

      test('a job that was held back counts from then', async () => {
        const { tracker } = trackerFixture()
        const [queue, hour] = ['orders', 3_600_000]
        const lifecycle = `000000000000000a;Queued;3;${String(START - hour)}`
        const headers = { ...tracker.start().headers(), 'x-lifecycle': lifecycle }
        const data = { __throughline: { queue, headers } }
        const job = { id: 'job-1', name: queue, data, retryCount: 1, retryLimit: 2 }
        const stuck = (startAfter: unknown): Promise<unknown> =>
          trackRequest(() => Promise.resolve(tracker.stuck().map(({ state }) => state)), { tracker })([
            // A database client of the user's may return another type.
            { ...job, startAfter: startAfter as Date },
          ])
        expect(await stuck(new Date(START - 1_000))).toEqual([])
        for (const startAfter of [new Date(START - hour), new Date(Number.NaN), 'soon', undefined])
          expect(await stuck(startAfter)).toEqual(['Queued'])
      })

      test.each([
        ['retryDelay', { retryDelay: 3_600 }, 1],
        ['retryBackoff: at the latest', { retryDelay: 3_600, retryBackoff: true }, 2],
      ])('a retry that pg-boss holds back says when it is due: %s', async (_, options, hours) => {
        const queue = await newQueue({ retryLimit: 2 })
        const { tracker, records } = trackedService()
        await work(
          queue,
          trackRequest(() => Promise.reject(new Error('not yet')), { tracker }),
        )
        const id = await tracker.start().run(() => boss.send(queue, { order: 1 }, options))
        await vi.waitFor(async () => expect((await boss.getJobById(queue, id ?? ''))?.state).toBe('retry'), SOON)
        const { event, due = 0, time = 0 } = records.at(-1) ?? {}
        expect([event, Math.round((due - time) / 3_600_000)]).toEqual(['RETRY', hours])
        const job = await boss.getJobById(queue, id ?? '')
        expect(due).toBeGreaterThan((job?.startAfter.getTime() ?? Infinity) - 60_000)
      })

      test('after the last retry the request is Completed with outcome error', async () => {
        const queue = await newQueue({ retryLimit: 1 })
        const { tracker, story } = trackedService()
        await work(
          queue,
          trackRequest(
            () => {
              throw new Error('never')
            },
            { tracker },
          ),
        )
        const request = tracker.start()
        const id = await request.run(() => boss.send(queue, { order: 1 }))
        await vi.waitFor(
          () =>
            expect(story(request.requestId)).toEqual([
              ...PLACED,
              '(ATTEMPT 1)',
              '(RETRY 1)',
              '(ATTEMPT 2)',
              'Completed 2 error',
            ]),
          SOON,
        )
        await vi.waitFor(async () => expect((await boss.getJobById(queue, id ?? ''))?.state).toBe('failed'), SOON)
        expect(tracker.inFlight()).toEqual([])
      })

      test('a handler that runs longer than expireInSeconds ends its request then, and not again when it returns', async () => {
        const queue = await newQueue()
        const { tracker, story, records } = trackedService()
        const released = deferred()
        const returned = vi.fn()
        await work(
          queue,
          trackRequest(
            async () => {
              await released.promise
              returned()
            },
            { tracker },
          ),
        )
        const request = tracker.start()
        await request.run(() => boss.send(queue, { order: 1 }, { expireInSeconds: 1 }))
        await vi.waitFor(
          () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
          SOON,
        )
        expect(records.at(-1)?.error?.message).toContain('expireInSeconds')
        released.resolve()
        await vi.waitFor(() => expect(returned).toHaveBeenCalled(), SOON)
        expect(story(request.requestId).at(-1)).toBe('Completed 1 error')
      })

      test('a dead letter is a new request, with the failed one as its parent', async () => {
        const deadLetter = await newQueue()
        const queue = await newQueue({ deadLetter })
        const { tracker, story, records } = trackedService()
        await work(
          deadLetter,
          trackRequest(() => Promise.resolve(), { tracker }),
        )
        await work(
          queue,
          trackRequest(() => Promise.reject(new Error('bad order')), { tracker }),
        )
        const request = tracker.start()
        await request.run(() => boss.send(queue, { order: 1 }))
        await vi.waitFor(
          () => expect(records.at(-1)).toMatchObject({ state: 'Responded', trace_id: request.traceId }),
          SOON,
        )
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error'])
        expect(records.find(({ request_id }) => request_id !== request.requestId)).toMatchObject({
          parent_id: request.requestId,
          path: deadLetter,
        })
      })

      test('a job without a carrier starts a request', async () => {
        const queue = await newQueue()
        const { tracker, story, requests, records } = trackedService()
        await work(
          queue,
          trackRequest(() => Promise.resolve(), { tracker }),
        )
        await boss.send(queue, { order: 1 })
        await vi.waitFor(() => expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Responded ok']), SOON)
        expect(records[0]).toMatchObject({ path: queue })
      })

      test('the jobs of a batch each continue their request, and all end alike', async () => {
        const queue = await newQueue()
        const { tracker, story } = trackedService()
        const batches: (string | undefined)[][] = []
        const senders = [tracker.start(), tracker.start()]
        for (const request of senders) await request.run(() => boss.send(queue, { order: 1 }))
        await boss.send(queue, { order: 2 })
        await work(
          queue,
          trackRequest(
            (jobs) => {
              expect(currentRequest()).toBeUndefined()
              batches.push(jobs.map((job) => currentRequest(job)?.requestId))
              return Promise.reject(new Error('bad batch'))
            },
            { tracker },
          ),
          { batchSize: 3 },
        )
        for (const request of senders) {
          await vi.waitFor(
            () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
            SOON,
          )
        }
        const ids = batches.flat()
        expect(batches).toHaveLength(1)
        expect(ids).toEqual(expect.arrayContaining(senders.map(({ requestId }) => requestId)))
        const started = ids.find((id) => senders.every(({ requestId }) => requestId !== id))
        expect(story(started ?? '')).toEqual([...STARTED, 'Responded error'])
      })

      test('a worker that sends a job sends a child, which the next worker starts', async () => {
        const [orders, invoices] = [await newQueue(), await newQueue()]
        const { tracker, story, records } = trackedService()
        await work(
          orders,
          trackRequest(() => boss.send(invoices, { invoice: 1 }), { tracker }),
        )
        await work(
          invoices,
          trackRequest(() => Promise.resolve(), { tracker }),
        )
        const request = tracker.start()
        await request.run(() => boss.send(orders, { order: 1 }))
        await vi.waitFor(() => expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'ok' }), SOON)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok'])
        const child = records.find((record) => record.request_id !== request.requestId)
        expect(child).toMatchObject({
          trace_id: request.traceId,
          parent_id: parentOfCall(request.requestId, 0x801),
          seq: 0,
          path: invoices,
        })
      })

      test('without metadata a warning is printed once, and a failure counts as one with a retry to come', async () => {
        const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
        onTestFinished(() => stderr.mockRestore())
        const queue = await newQueue({ retryLimit: 1 })
        const { tracker, story } = trackedService()
        // Version 12 delivers the number of a job's retries, but not how many it may have.
        const second = major === 12 ? 2 : 1
        await work(
          queue,
          trackRequest(() => Promise.reject(new Error('never')), { tracker }),
          { includeMetadata: false },
        )
        const request = tracker.start()
        await request.run(() => boss.send(queue, { order: 1 }))
        await vi.waitFor(
          () =>
            expect(story(request.requestId)).toEqual([
              ...PLACED,
              '(ATTEMPT 1)',
              '(RETRY 1)',
              `(ATTEMPT ${String(second)})`,
              `(RETRY ${String(second)})`,
            ]),
          SOON,
        )
        expect(tracker.stats.faults).toBe(1)
        expect(String(stderr.mock.calls[0]?.[0])).toContain('includeMetadata: true')
      })

      test("a worker that was started within a request does not keep that request's context", async () => {
        const queue = await newQueue()
        const seen: (TrackedRequest | undefined)[] = []
        await trackedService()
          .tracker.start()
          .run(() => work(queue, () => Promise.resolve(seen.push(currentRequest()))))
        await boss.send(queue, {})
        await vi.waitFor(() => expect(seen).toEqual([undefined]), SOON)
      })
    })
  })

/** The carrier in a job's data. */
function carriedBy(data: unknown): Readonly<Record<string, string>> {
  // Written by the adapter; a test with a job without it fails.
  return (data as { __throughline: { headers: Readonly<Record<string, string>> } }).__throughline.headers
}

function handsOff(data: unknown): boolean {
  return 'x-lifecycle' in carriedBy(data)
}

/** When the request entered its state, and when the job is due, if it was delayed. */
function carriedTimes(data: unknown): string[] {
  return carriedBy(data)['x-lifecycle']?.split(';').slice(3) ?? []
}
