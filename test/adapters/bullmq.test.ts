import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { context, propagation, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node'
import {
  DelayedError,
  FlowProducer,
  Queue,
  RateLimitError,
  UnrecoverableError,
  WaitingChildrenError,
  WaitingError,
  Worker,
  type ConnectionOptions,
  type ContextManager,
  type Job,
  type JobsOptions,
  type Processor,
  type Telemetry,
  type WorkerListener,
  type WorkerOptions,
} from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { headersOfCall, headersOfHandOff, parentOfCall } from '../call-headers.ts'
import { mayAlreadyExist } from '../../src/adapters/_bullmq/jobs.ts'
import { carrierIn, withHeaders } from '../../src/adapters/_bullmq/metadata.ts'
import { propagate, trackRequest, type JobLike } from '../../src/adapters/bullmq.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { deferred } from '../deferred.ts'
import { START, trackerFixture } from '../tracker-fixture.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { SOON } from '../timeouts.ts'
import { describeQueueAdapter } from './queue-contract.ts'
import { storyOf, trackedService } from './queue-rig.ts'
import { expireLocks, openRig, reachRedis, STALLED_CHECK } from './queues/bullmq.ts'

const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']
const DONE = { timeout: SOON }

interface Order {
  readonly sku: string
}

const missing = await isBrokerMissing('redis')

// The same tests run with BullMQ 5, as a project of its own in vitest.config.ts.
describeQueueAdapter('BullMQ', { rig: process.env.BULLMQ ?? 'bullmq', open: openRig, missing })

describe.skipIf(missing)('BullMQ beyond the contract', () => {
  const prefix = `throughline-${randomUUID().slice(0, 8)}`
  const connection: ConnectionOptions = { url: BROKERS.redis, maxRetriesPerRequest: null }

  beforeAll(() => reachRedis(BROKERS.redis))

  /** Creates a queue until the test ends. */
  function newQueue(options: { readonly telemetry?: Telemetry } = {}): Queue<Order> {
    const queue = new Queue<Order>(`orders-${randomUUID()}`, { connection, prefix, ...options })
    onTestFinished(async () => {
      await queue.obliterate({ force: true })
      await queue.close()
    })
    return queue
  }

  function newFlows(options: { readonly telemetry?: Telemetry } = {}): FlowProducer {
    const flows = new FlowProducer({ connection, prefix, ...options })
    onTestFinished(() => flows.close())
    return flows
  }

  /** Processes a queue until the test ends. */
  async function work(
    queue: Queue<Order>,
    processor: Processor<Order>,
    options: Partial<WorkerOptions> = {},
  ): Promise<Worker<Order>> {
    const worker = new Worker<Order>(queue.name, processor, { connection, prefix, ...STALLED_CHECK, ...options })
    // A job whose lock is lost is reported here, which some tests cause.
    worker.on('error', () => undefined)
    await worker.waitUntilReady()
    onTestFinished(() => worker.close(true))
    return worker
  }

  /** A job's data and metadata as Redis has them. */
  async function stored(
    queue: Queue<Order>,
    id: string | undefined,
  ): Promise<{ readonly data: unknown; readonly carrier: unknown }> {
    const job = await queue.getJob(id ?? '')
    const metadata = job?.opts.telemetry?.metadata
    return { data: job?.data, carrier: metadata === undefined ? undefined : JSON.parse(metadata) }
  }

  function handsOff(carrier: unknown): boolean {
    return typeof carrierIn(JSON.stringify(carrier))?.['x-lifecycle'] === 'string'
  }

  describe('sending', () => {
    test.each<[string, (queue: Queue<Order>, order: Order) => Promise<Job<Order> | undefined>]>([
      ['add(name, data)', (queue, order) => queue.add('pack', order)],
      ['add(name, data, options)', (queue, order) => queue.add('pack', order, { priority: 1 })],
      ['addBulk of one', async (queue, order) => (await queue.addBulk([{ name: 'pack', data: order }]))[0]],
      ['a job id', (queue, order) => queue.add('pack', order, { jobId: randomUUID() })],
    ])('%s hands the request off, once Redis has the job, and leaves the data as it is', async (_, send) => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const order: Order = Object.freeze({ sku: 'mug' })
      const states: string[] = []
      plain.on('waiting', () => states.push(request.state))
      // `addBulk` emits no event.
      const addBulk = plain.addBulk.bind(plain)
      plain.addBulk = async (jobs) => {
        const added = await addBulk(jobs)
        states.push(request.state)
        return added
      }
      const job = await request.run(() => send(propagate(plain), order))
      expect(story(request.requestId)).toEqual(PLACED)
      expect(new Set(states)).toEqual(new Set(['Processing']))
      expect(tracker.inFlight()).toEqual([])
      const { data, carrier } = await stored(plain, job?.id)
      expect(data).toEqual({ sku: 'mug' })
      expect(carrier).toEqual({
        ...headersOfHandOff(request),
        'x-lifecycle': expect.stringMatching(new RegExp(`^${request.requestId};Queued;3;\\d+$`)) as string,
      })
      expect(job?.data).toBe(order)
    })

    test("the caller's options are not changed, and reach BullMQ", async () => {
      const plain = newQueue()
      const options: JobsOptions = Object.freeze({
        attempts: 4,
        telemetry: Object.freeze({ metadata: '{"_apm":"1"}' }),
      })
      const request = trackedService().tracker.start()
      const job = await request.run(() => propagate(plain).add('pack', { sku: 'mug' }, options))
      expect(job.opts.attempts).toBe(4)
      const { carrier } = await stored(plain, job.id)
      expect(carrier).toMatchObject({ _apm: '1', throughline: headersOfHandOff(request) })
      expect(options).toEqual({ attempts: 4, telemetry: { metadata: '{"_apm":"1"}' } })
    })

    test("the caller's own carrier stays: another trace, or request.enqueue", async () => {
      const plain = newQueue()
      const queue = propagate(plain)
      const { tracker, story } = trackedService()
      const [request, other] = [tracker.start(), tracker.start()]
      const add = (headers: Record<string, string>) =>
        queue.add('pack', { sku: 'mug' }, { telemetry: { metadata: JSON.stringify(headers) } })
      const foreign = await request.run(() => add(other.headers()))
      expect((await stored(plain, foreign.id)).carrier).toEqual(headersOfCall(other))
      const byHand = await request.run(() => request.enqueue(add))
      expect(handsOff((await stored(plain, byHand.id)).carrier)).toBe(true)
      expect(story(request.requestId)).toEqual(PLACED)
    })

    test('several jobs of one call have the request as their parent, and do not hand it off', async () => {
      const plain = newQueue()
      const { tracker, story, records, requests } = trackedService()
      const request = tracker.start()
      const order = { name: 'pack', data: { sku: 'mug' } }
      const jobs = await request.run(() => propagate(plain).addBulk([order, order]))
      expect(jobs.map(({ id }) => id)).toEqual(['1', '2'])
      expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
      )
      await vi.waitFor(
        () =>
          expect(
            requests()
              .slice(1)
              .map((id) => story(id).at(-1)),
          ).toEqual(['Responded ok', 'Responded ok']),
        DONE,
      )
      const children = records.filter(({ request_id }) => request_id !== request.requestId)
      expect(new Set(children.map(({ trace_id }) => trace_id))).toEqual(new Set([request.traceId]))
      expect(records.flatMap((record) => ('parent_id' in record ? [record.parent_id] : [])).sort()).toEqual(
        [1, 2].map((call) => parentOfCall(request.requestId, call)),
      )
    })

    test('as: a child or hand-off by the name of the queue', async () => {
      const [orders, events] = [newQueue(), newQueue()]
      const as = (queue: string) => (queue === events.name ? 'child' : 'hand-off')
      const { tracker, story } = trackedService()
      const request = tracker.start()
      await request.run(() => propagate(events, { as }).add('placed', { sku: 'mug' }))
      expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      await request.run(() => propagate(orders, { as }).add('pack', { sku: 'mug' }))
      expect(request.state).toBe('Queued')
    })

    test('if Redis already has the job, nothing is sent, and the request is not Queued', async () => {
      const plain = newQueue()
      const queue = propagate(plain)
      const { tracker, story } = trackedService()
      const declined = [...STARTED, '(ENQUEUE)']
      for (const options of [{ jobId: 'order-1' }, { deduplication: { id: 'one' } }]) {
        const [first, second] = [tracker.start(), tracker.start()]
        const jobs = [
          await first.run(() => queue.add('pack', { sku: 'mug' }, options)),
          await second.run(() => queue.add('pack', { sku: 'mug' }, options)),
        ]
        expect(jobs[0]?.id).toBe(jobs[1]?.id)
        expect([first, second].map(({ requestId }) => story(requestId))).toEqual([PLACED, declined])
      }
    })

    test('the same in bulk: noticed for one job, and not for several', async () => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      const add = async () => {
        const request = tracker.start()
        await request.run(() =>
          propagate(plain).addBulk([{ name: 'pack', data: { sku: 'mug' }, opts: { jobId: 'order-1' } }]),
        )
        return story(request.requestId).at(-1)
      }
      expect([await add(), await add()]).toEqual(['Queued', '(ENQUEUE)'])
    })

    test('Redis is asked for the job only if a request was handed off, and a failing answer is ignored', async () => {
      const ids: string[] = []
      class Forgetful extends Queue<Order> {
        // A job that was processed and removed is no longer there.
        override getJob(id: string): Promise<undefined> {
          return ids.push(id) === 1 ? Promise.resolve(undefined) : Promise.reject(new Error('gone'))
        }
      }
      const plain = new Forgetful(`orders-${randomUUID()}`, { connection, prefix })
      onTestFinished(async () => {
        await plain.obliterate({ force: true })
        await plain.close()
      })
      const { tracker, story } = trackedService()
      for (const id of ['order-1', 'order-2']) {
        const request = tracker.start()
        await request.run(() => propagate(plain).add('pack', { sku: 'mug' }, { jobId: id }))
        await request.run(() => propagate(plain).add('pack', { sku: 'tea' }, { jobId: `${id}-later` }))
        expect(story(request.requestId)).toEqual([...PLACED, '(ENQUEUE)'])
      }
      expect(ids).toEqual(['order-1', 'order-2'])
    })

    test('a producer that does not answer with jobs is assumed to have added them', async () => {
      const ids = propagate({
        name: 'orders',
        add: (name: string, _data: Order) => Promise.resolve(`${name}-1`),
        addBulk: () => Promise.resolve([]),
      })
      const { tracker, story } = trackedService()
      const request = tracker.start()
      expect(await request.run(() => ids.add('pack', { sku: 'mug' }))).toBe('pack-1')
      expect(story(request.requestId)).toEqual(PLACED)
    })

    test.each([{ replace: true }, { keepLastIfActive: true }])(
      'a job that a later one may replace is a child: %j',
      async (options) => {
        const plain = newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        await request.run(() =>
          propagate(plain).add('pack', { sku: 'mug' }, { delay: 60_000, deduplication: { id: 'one', ...options } }),
        )
        expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      },
    )

    test('every job of a flow has the request as its parent, in one trace', async () => {
      const plain = newQueue()
      const { tracker, story, requests, records } = trackedService()
      const request = tracker.start()
      const flow = {
        name: 'ship',
        queueName: plain.name,
        data: { sku: 'box' },
        children: [
          { name: 'pack', queueName: plain.name, data: { sku: 'mug' } },
          {
            name: 'pack',
            queueName: plain.name,
            data: { sku: 'tea' },
            opts: { priority: 2, telemetry: { omitContext: true } },
          },
        ],
      }
      const before = structuredClone(flow)
      const tree = await request.run(() => propagate(newFlows()).add(flow))
      expect(flow).toEqual(before)
      expect(tree.children?.map(({ job }) => job.name)).toEqual(['pack', 'pack'])
      expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
      )
      await vi.waitFor(
        () =>
          expect(
            requests()
              .slice(1)
              .map((id) => story(id).at(-1)),
          ).toEqual(['Responded ok', 'Responded ok', 'Responded ok']),
        DONE,
      )
      expect(records.flatMap((record) => ('parent_id' in record ? [record.parent_id] : [])).sort()).toEqual(
        [1, 2].map((call) => parentOfCall(request.requestId, call)),
      )
      // The third has omitContext.
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(2)
    })

    test('flows in bulk, and a flow of one job with as: hand-off', async () => {
      const plain = newQueue()
      const { tracker, records } = trackedService()
      const [bulk, single, usual, family] = [tracker.start(), tracker.start(), tracker.start(), tracker.start()]
      const flow = { name: 'pack', queueName: plain.name, data: { sku: 'mug' } }
      const flows = newFlows()
      const trees = await bulk.run(() => propagate(flows).addBulk([flow, flow]))
      expect(bulk.state).toBe('Received')
      for (const [index, { job }] of trees.entries())
        expect((await stored(plain, job.id)).carrier).toEqual(headersOfCall(bulk, index + 1))
      const handing = propagate(newFlows(), { as: 'hand-off' })
      await single.run(() => handing.add(flow))
      await family.run(() => handing.add({ ...flow, children: [flow] }))
      await usual.run(() => propagate(flows).add(flow))
      expect([single, family, usual].map(({ state }) => state)).toEqual(['Queued', 'Received', 'Received'])
      await flows.close()
      const closed = tracker.start()
      // BullMQ's types do not say that a closed producer resolves to nothing.
      expect(await closed.run(() => propagate(flows).add(flow) as Promise<unknown>)).toBeUndefined()
      expect(records.filter(({ request_id }) => request_id === closed.requestId)).toMatchObject([
        {},
        { event: 'ENQUEUE', data: { declined: true } },
      ])
    })

    test('jobs of a scheduler carry nothing, and neither does one with omitContext', async () => {
      const plain = newQueue()
      const { tracker, story, records } = trackedService()
      const request = tracker.start()
      await request.run(async () => {
        await propagate(plain).upsertJobScheduler('nightly', { every: 60_000 }, { name: 'count', data: { sku: 'all' } })
        const omitted = await propagate(plain).add('pack', { sku: 'mug' }, { telemetry: { omitContext: true } })
        // An option of BullMQ 5.
        const repeated = await propagate(plain).add('pack', { sku: 'mug' }, {
          repeat: { every: 50, limit: 1 },
        } as JobsOptions)
        expect([(await stored(plain, omitted.id)).carrier, (await stored(plain, repeated.id)).carrier]).toEqual([
          undefined,
          undefined,
        ])
      })
      expect(story(request.requestId)).toEqual(['Received'])
      const seen: string[] = []
      await work(
        plain,
        trackRequest((job) => Promise.resolve(seen.push(job.name)), { tracker }),
      )
      await vi.waitFor(() => expect(seen.sort()).toEqual(['count', 'pack', 'pack']), DONE)
      expect(records.some((record) => 'parent_id' in record)).toBe(false)
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(4)
    })

    test('outside a request, and through the unwrapped Queue, nothing is added', async () => {
      const plain = newQueue()
      const queue = propagate(plain)
      expect(queue).toBeInstanceOf(Queue)
      expect(propagate(queue)).toBe(queue)
      expect(queue.on('paused', () => undefined)).toBe(queue)
      const outside = await queue.add('pack', { sku: 'mug' })
      const request = trackedService().tracker.start()
      const past = await request.run(() => plain.add('pack', { sku: 'mug' }))
      expect([outside.opts.telemetry, past.opts.telemetry, request.state]).toEqual([undefined, undefined, 'Received'])
    })

    test('calls that BullMQ rejects are rejected as without us', async () => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      await expect(request.run(() => propagate(plain).add('pack', { sku: 'mug' }, { jobId: '0' }))).rejects.toThrow(
        "JobId cannot be '0'",
      )
      // Untyped callers may pass this.
      const nothing = [null] as unknown as { name: string; data: Order }[]
      await expect(request.run(() => propagate(plain).addBulk(nothing))).rejects.toThrow(TypeError)
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
    })
  })

  describe('working', () => {
    /** Starts a request that sends a job. */
    async function placed(
      plain: Queue<Order>,
      tracker: ReturnType<typeof trackedService>['tracker'],
      options: JobsOptions = {},
    ): Promise<TrackedRequest> {
      const request = tracker.start()
      await request.run(() => propagate(plain).add('pack', { sku: 'mug' }, options))
      expect(request.state).toBe('Queued')
      return request
    }

    test("the processor gets BullMQ's arguments, and its result and error are the job's", async () => {
      const plain = newQueue()
      const { tracker } = trackedService()
      const seen: unknown[] = []
      await work(
        plain,
        trackRequest(
          (job: Job<Order>, token?: string, signal?: AbortSignal) => {
            seen.push(job.data, typeof token, signal?.aborted)
            return job.name === 'pack' ? Promise.resolve({ packed: 1 }) : Promise.reject(new RangeError('none left'))
          },
          { tracker },
        ),
      )
      const [packed, failing] = [await plain.add('pack', { sku: 'mug' }), await plain.add('find', { sku: 'tea' })]
      await vi.waitFor(
        async () => expect((await plain.getJob(packed.id ?? ''))?.returnvalue).toEqual({ packed: 1 }),
        DONE,
      )
      await vi.waitFor(async () => expect((await plain.getJob(failing.id ?? ''))?.failedReason).toBe('none left'), DONE)
      expect(seen).toEqual([{ sku: 'mug' }, 'string', false, { sku: 'tea' }, 'string', false])
    })

    test('a processor without a parameter for a signal gets none', async () => {
      const plain = newQueue()
      const seen: unknown[] = []
      const processor: Processor<Order> = trackRequest((...args: unknown[]) => Promise.resolve(seen.push(args[2])), {
        tracker: trackedService().tracker,
      })
      await work(plain, processor)
      await plain.add('pack', { sku: 'mug' })
      await vi.waitFor(() => expect(seen).toEqual([undefined]), DONE)
    })

    test('a job that is delayed by a day is neither stuck nor undelivered before that', async () => {
      const plain = newQueue()
      const { tracker, records, requests } = trackedService()
      const day = 86_400_000
      const request = await placed(plain, tracker, { delay: day })
      const queued = records.find(({ state }) => state === 'Queued')
      expect(queued?.due).toBeGreaterThanOrEqual((queued?.time ?? 0) + day - 1_000)
      const at = async (ms: number): Promise<unknown> => {
        const { stuck, undelivered } = await audit(records, { now: (queued?.due ?? 0) + ms })
        return [stuck, undelivered].map((entries) => entries.map(({ request_id }) => request_id))
      }
      expect(await at(-1)).toEqual([[], []])
      // A worker takes it within the limit of Queued.
      expect(await at(900_000)).toEqual([[], [request.requestId]])
      expect(await at(900_001)).toEqual([[request.requestId], [request.requestId]])
      expect(requests()).toEqual([request.requestId])
    })

    test('a delayed job continues its request', async () => {
      const plain = newQueue()
      const { tracker, story, records } = trackedService()
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
      )
      const request = await placed(plain, tracker, { delay: 50 })
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
        DONE,
      )
      expect(records.at(-1)?.lifecycle === 'transition' && records.at(-1)).toMatchObject({
        dwell_ms: expect.any(Number) as number,
      })
    })

    class UnknownSku extends UnrecoverableError {}
    const byName = Object.assign(new Error('no'), { name: 'UnrecoverableError' })

    test.each<Error>([new UnrecoverableError('no'), new UnknownSku('no'), byName])(
      'an unrecoverable error ends the request at the first attempt: %o',
      async (error) => {
        const plain = newQueue()
        const { tracker, story } = trackedService()
        await work(
          plain,
          trackRequest(() => Promise.reject(error), { tracker }),
        )
        const request = await placed(plain, tracker, { attempts: 3 })
        await vi.waitFor(async () => expect(await plain.getFailedCount()).toBe(1), DONE)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error'])
      },
    )

    test('an error that only resembles one is retried, as by BullMQ', async () => {
      const own = { UnrecoverableError: class UnrecoverableError extends Error {} }
      const plain = newQueue()
      const { tracker, story } = trackedService()
      await work(
        plain,
        trackRequest(() => Promise.reject(new own.UnrecoverableError('no')), { tracker }),
      )
      const request = await placed(plain, tracker, { attempts: 2 })
      await vi.waitFor(async () => expect(await plain.getFailedCount()).toBe(1), DONE)
      expect(story(request.requestId)).toEqual([
        ...PLACED,
        '(ATTEMPT 1)',
        '(RETRY 1)',
        '(ATTEMPT 2)',
        'Completed 2 error',
      ])
    })

    test.each<[string, (job: Job<Order>, token: string | undefined, queue: Queue<Order>) => Promise<never>]>([
      [
        'DelayedError',
        async (job, token) => {
          await job.moveToDelayed(Date.now() + 1, token)
          throw new DelayedError()
        },
      ],
      [
        'WaitingError',
        async (job, token) => {
          await job.moveToWait(token)
          throw new WaitingError()
        },
      ],
      [
        'WaitingChildrenError',
        async (job, token, queue) => {
          await queue.add('weigh', { sku: 'mug' }, { parent: { id: job.id ?? '', queue: job.queueQualifiedName } })
          if (await job.moveToWaitingChildren(token ?? '')) throw new WaitingChildrenError()
          throw new Error('there is a child')
        },
      ],
      [
        'RateLimitError',
        async (_job, _token, queue) => {
          await queue.rateLimit(1)
          throw new RateLimitError()
        },
      ],
    ])('a job that was moved has not failed, and runs again: %s', async (_, move) => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      let calls = 0
      const processor = trackRequest(
        (job: Job<Order>, token?: string) =>
          job.name === 'pack' && ++calls === 1 ? move(job, token, plain) : Promise.resolve(),
        { tracker },
      )
      await work(plain, processor)
      const request = await placed(plain, tracker)
      await vi.waitFor(
        () =>
          expect(story(request.requestId)).toEqual([
            ...PLACED,
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 2)',
            'Completed 2 ok',
          ]),
        DONE,
      )
      expect(tracker.inFlight()).toEqual([])
    })

    const DAY = 86_400_000

    interface HeldBack {
      readonly options?: JobsOptions
      readonly settings?: WorkerOptions['settings']
      readonly end?: (job: Job<Order>, token: string | undefined, queue: Queue<Order>) => Promise<never>
      readonly days?: number
    }

    test.each<[string, HeldBack]>([
      [
        'delayed by its processor',
        {
          async end(job, token) {
            await job.moveToDelayed(Date.now() + DAY, token)
            throw new DelayedError()
          },
        },
      ],
      [
        'rate limited',
        {
          async end(_job, _token, queue) {
            await queue.rateLimit(DAY)
            throw new RateLimitError()
          },
        },
      ],
      ['with a backoff', { options: { attempts: 2, backoff: DAY } }],
      ['with a fixed backoff', { options: { attempts: 2, backoff: { type: 'fixed', delay: DAY } } }],
      ['with jitter: at the latest', { options: { attempts: 2, backoff: { type: 'fixed', delay: DAY, jitter: 1 } } }],
      ['with an exponential backoff', { options: { attempts: 2, backoff: { type: 'exponential', delay: DAY } } }],
      [
        'with the strategy of its worker',
        {
          options: { attempts: 2, backoff: { type: 'own' } },
          settings: { backoffStrategy: (attemptsMade) => attemptsMade * 2 * DAY },
          days: 2,
        },
      ],
    ])('a job that is held back says when it is due, and is not stuck before: %s', async (_, held) => {
      const { options = {}, settings = {}, end = () => Promise.reject(new Error('not yet')), days = 1 } = held
      const plain = newQueue()
      const { tracker, records } = trackedService()
      const processor = trackRequest((job: Job<Order>, token?: string) => end(job, token, plain), { tracker })
      const worker = await work(plain, processor, { settings })
      worker.on('failed', processor.failed)
      const request = await placed(plain, tracker, options)
      await vi.waitFor(() => expect(records.at(-1)?.due).toBeDefined(), DONE)
      const { event, attempt, time = 0, due = 0 } = records.at(-1) ?? {}
      expect([event, attempt, Math.round((due - time) / 3_600_000)]).toEqual(['RETRY', 1, days * 24])
      const stuckAt = async (now: number): Promise<unknown> =>
        (await audit(records, { now })).stuck.map(({ request_id }) => request_id)
      // A worker takes it within the limit of Queued.
      expect(await stuckAt(due + 900_000)).toEqual([])
      expect(await stuckAt(due + 900_001)).toEqual([request.requestId])
      expect(tracker.inFlight()).toEqual([])
      expect(tracker.stats.faults).toBe(0)
    })

    test('an exponential backoff doubles with each attempt, as that of BullMQ', async () => {
      const plain = newQueue()
      // Its clock stands still.
      const { tracker, records } = trackerFixture()
      await work(
        plain,
        trackRequest(() => Promise.reject(new Error('not yet')), { tracker }),
      )
      await placed(plain, tracker, { attempts: 4, backoff: { type: 'exponential', delay: 2 } })
      await vi.waitFor(async () => expect(await plain.getFailedCount()).toBe(1), DONE)
      const retries = records.filter(({ event }) => event === 'RETRY')
      expect(retries.map(({ due = 0 }) => due - START)).toEqual([2, 4, 8])
    })

    test.each<[string, JobsOptions, () => Error]>([
      ['without a backoff', { attempts: 2 }, () => new Error('not yet')],
      ['moved without a delay', {}, () => new WaitingError()],
      ['a limit that is not set', {}, () => new RateLimitError()],
      ['a backoff without a delay', { attempts: 2, backoff: { type: 'exponential' } }, () => new Error('not yet')],
      ['a strategy of the worker that does not wait', { attempts: 2, backoff: { type: 'own' } }, () => new Error('no')],
    ])('a job that is not held back is due at once: %s', async (_, options, thrown) => {
      const plain = newQueue()
      const { tracker, story, records } = trackedService()
      let calls = 0
      const processor = trackRequest(
        async (job: Job<Order>, token?: string) => {
          const error = ++calls === 1 ? thrown() : undefined
          if (error instanceof WaitingError) await job.moveToWait(token)
          if (error !== undefined) throw error
        },
        { tracker },
      )
      const worker = await work(plain, processor, { settings: { backoffStrategy: () => 0 } })
      worker.on('failed', processor.failed)
      // A delay on adding is over once the job runs.
      const request = await placed(plain, tracker, { delay: 20, ...options })
      await vi.waitFor(() => expect(story(request.requestId).at(-1)).toBe('Completed 2 ok'), DONE)
      expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', 'Completed 2 ok'])
      expect(records.filter(({ event }) => event === 'RETRY').map(({ due }) => due)).toEqual([undefined])
    })

    test.each([
      ['a backoff, which counts from its start', { attempts: 3, backoff: DAY }, []],
      ['no backoff, which counts from the hand-off', { attempts: 3 }, ['Queued']],
    ])('the run after %s', async (_, options, overdue) => {
      const { tracker } = trackerFixture()
      const metadata = JSON.stringify({
        ...tracker.start().headers(),
        'x-lifecycle': `000000000000000a;Queued;3;${String(START - DAY)}`,
      })
      const job = {
        queueName: 'orders',
        attemptsMade: 1,
        processedOn: START,
        opts: { ...options, telemetry: { metadata } },
      }
      const seen = await trackRequest(() => Promise.resolve(tracker.stuck().map(({ state }) => state)), { tracker })(
        job,
      )
      expect(seen).toEqual(overdue)
    })

    test('BullMQ 5, which asks Redis for the limit by another name, and a Redis that is gone', async () => {
      const { tracker, records } = trackedService()
      const processor = trackRequest(() => Promise.reject(new RateLimitError()), { tracker })
      const run = async (getRateLimitTtl: () => Promise<number>): Promise<number | undefined> => {
        const request = tracker.start()
        const metadata = JSON.stringify({ ...request.headers(), 'x-lifecycle': `${request.requestId};Queued;3;1` })
        const job = { queueName: 'orders', queue: { scripts: { getRateLimitTtl } }, opts: { telemetry: { metadata } } }
        await expect(processor(job)).rejects.toThrow(RateLimitError)
        await vi.waitFor(() => expect(records.at(-1)?.event).toBe('RETRY'), DONE)
        const { due, time = 0 } = records.at(-1) ?? {}
        return due === undefined ? undefined : Math.round((due - time) / DAY)
      }
      expect(await run(() => Promise.resolve(3 * DAY))).toBe(3)
      expect(await run(() => Promise.reject(new Error('Connection is closed.')))).toBeUndefined()
      expect(tracker.stats.faults).toBe(0)
    })

    test('a stalled job runs again during its first run: two attempts, and both may end', async () => {
      const plain = newQueue()
      const { tracker, story, records } = trackedService()
      const [started, released] = [deferred(), deferred()]
      const first = trackRequest(
        () => {
          started.resolve()
          return released.promise
        },
        { tracker },
      )
      await work(plain, first, { skipLockRenewal: true, skipStalledCheck: true })
      const request = await placed(plain, tracker)
      await started.promise
      await expireLocks(plain, prefix)
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
      )
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ATTEMPT 2)', 'Completed 2 ok']),
        DONE,
      )
      released.resolve()
      await vi.waitFor(() => expect(story(request.requestId).at(-1)).toBe('Completed 1 ok'), DONE)
      expect(await audit(records)).toMatchObject({ stuck: [], invalid: [], gaps: [], duplicates: 1 })
      expect(tracker.inFlight()).toEqual([])
    })

    test('a job that rejects with undefined stalls, and runs again', async () => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      let calls = 0
      await work(
        plain,
        trackRequest(() => (++calls === 1 ? Promise.reject(undefined) : Promise.resolve()), { tracker }),
      )
      const request = await placed(plain, tracker)
      await vi.waitFor(() => expect(story(request.requestId).at(-1)).toBe('(RETRY 1)'), DONE)
      await expireLocks(plain, prefix)
      await vi.waitFor(
        () =>
          expect(story(request.requestId)).toEqual([
            ...PLACED,
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 2)',
            'Completed 2 ok',
          ]),
        DONE,
      )
    })

    test('a job that stalls too often fails without a run, and its request ends with the event of the worker', async () => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      const [started, released] = [deferred(), deferred()]
      onTestFinished(() => released.resolve())
      await work(
        plain,
        trackRequest(
          () => {
            started.resolve()
            return released.promise
          },
          { tracker },
        ),
        { skipLockRenewal: true, skipStalledCheck: true },
      )
      const request = await placed(plain, tracker)
      await started.promise
      await expireLocks(plain, prefix)
      const processor = trackRequest(() => Promise.resolve(), { tracker })
      // A worker that was created within a request still reports its own jobs.
      const worker = await tracker.start().run(() => work(plain, processor, { maxStalledCount: 0 }))
      worker.on('failed', processor.failed)
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ATTEMPT 2)', 'Completed 2 error']),
        DONE,
      )
    })

    test('a job that a backoff strategy fails ends with the event of the worker', async () => {
      const plain = newQueue()
      const { tracker, story } = trackedService()
      const processor = trackRequest(() => Promise.reject(new Error('never')), { tracker })
      const worker = await work(plain, processor, { settings: { backoffStrategy: () => -1 } })
      worker.on('failed', processor.failed)
      const request = await placed(plain, tracker, { attempts: 3, backoff: { type: 'own' } })
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)', 'Completed 1 error']),
        DONE,
      )
      expect(tracker.inFlight()).toEqual([])
    })

    test('the event of a failure that the processor has recorded has no effect', async () => {
      const plain = newQueue()
      const { tracker, story, requests } = trackedService()
      const processor = trackRequest(
        async (job: Job<Order>) => {
          if (job.name === 'pack') throw new Error('never')
          await propagate(plain).add('pack', { sku: 'tea' })
          throw new Error('sent, and then failed')
        },
        { tracker },
      )
      const worker = await work(plain, processor)
      worker.on('failed', processor.failed)
      const request = await placed(plain, tracker, { attempts: 2 })
      await vi.waitFor(async () => expect(await plain.getFailedCount()).toBe(1), DONE)
      expect(story(request.requestId)).toEqual([
        ...PLACED,
        '(ATTEMPT 1)',
        '(RETRY 1)',
        '(ATTEMPT 2)',
        'Completed 2 error',
      ])
      await plain.add('both', { sku: 'mug' })
      await vi.waitFor(async () => expect(await plain.getFailedCount()).toBe(3), DONE)
      expect(story(requests()[1] ?? '')).toEqual([...PLACED, '(RESPOND)', '(ATTEMPT 1)', 'Completed 1 error'])
      processor.failed(undefined, new Error('removed'))
    })

    test('the parent of a flow whose child fails never runs, and its request ends', async () => {
      const plain = newQueue()
      const { tracker, story, requests } = trackedService()
      const processor = trackRequest(() => Promise.reject(new Error('never')), { tracker })
      const worker = await work(plain, processor)
      worker.on('failed', processor.failed)
      const child = { name: 'pack', queueName: plain.name, data: { sku: 'mug' }, opts: { failParentOnFailure: true } }
      const request = tracker.start()
      await request.run(() =>
        propagate(newFlows()).add({ name: 'ship', queueName: plain.name, data: { sku: 'box' }, children: [child] }),
      )
      await vi.waitFor(
        () =>
          expect(requests().map((id) => story(id).at(-1))).toEqual(['(ENQUEUE)', 'Responded error', 'Responded error']),
        DONE,
      )
    })

    test("a worker that was created within a request does not keep that request's context", async () => {
      const plain = newQueue()
      const { tracker } = trackedService()
      const request = tracker.start()
      const seen: (string | undefined)[] = []
      const processor = trackRequest(() => Promise.reject(new Error('never')), { tracker })
      const worker = await request.run(() => work(plain, processor))
      worker.on('failed', processor.failed)
      worker.on('failed', (job) => seen.push(job === undefined ? undefined : currentRequest(job)?.requestId))
      await plain.add('pack', { sku: 'mug' })
      await vi.waitFor(() => expect(seen).toHaveLength(1), DONE)
      expect(seen).not.toEqual([request.requestId])
      expect(request.state).toBe('Received')
    })

    test('BullMQ 5: the short name of the metadata in a sandbox, discarded jobs, and debounce', async () => {
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const tm = JSON.stringify({ ...request.headers(), 'x-lifecycle': `${request.requestId};Queued;3;1` })
      const job = { queueName: 'orders', attemptsMade: 1, discarded: true, opts: { attempts: 3, tm } }
      await expect(trackRequest(() => Promise.reject(new Error('never')), { tracker })(job)).rejects.toThrow('never')
      expect(story(request.requestId)).toEqual(['Received', '(ATTEMPT 2)', 'Completed 2 error'])
      expect([{ debounce: { id: 'one' } }, { priority: 1 }].map((opts) => mayAlreadyExist({ opts }))).toEqual([
        true,
        false,
      ])
    })

    test('the processor runs whatever the metadata contain', async () => {
      const { tracker } = trackedService()
      const processor = trackRequest((job: JobLike) => Promise.resolve(job), { tracker })
      const headers = { 'x-trace-id': 'a', traceparent: 'b' }
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), async (metadata) => {
          const job: JobLike = { queueName: 'orders', attemptsMade: 0, opts: { telemetry: { metadata } } }
          expect(await processor(job)).toBe(job)
          const both = withHeaders(metadata, headers)
          if (both !== undefined) expect(carrierIn(both)).toEqual(headers)
        }),
      )
      expect(withHeaders('["a list"]', headers)).toBeUndefined()
      expect(tracker.stats.faults).toBe(0)
    })
  })

  describe("with the application's telemetry", () => {
    const exporter = new InMemorySpanExporter()
    let otel: BullMQOtel

    beforeAll(() => {
      new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
      otel = Object.freeze(new BullMQOtel({ tracerName: 'shop' }))
    })

    afterAll(() => {
      trace.disable()
      context.disable()
      propagation.disable()
    })

    function spansOf(operation: string, queue: Queue<Order>): ReadableSpan[] {
      return exporter
        .getFinishedSpans()
        .filter(({ name, attributes }) => name.startsWith(operation) && attributes['bullmq.queue.name'] === queue.name)
    }

    /** How the spans of a queue's jobs are linked: whether each run is in a sender's trace, and a child of its span. */
    async function linksOf(queue: Queue<Order>, operation: string, runs: number): Promise<readonly (typeof LINKED)[]> {
      await vi.waitFor(() => expect(spansOf('process', queue)).toHaveLength(runs), DONE)
      const senders = spansOf(operation, queue).map((sender) => sender.spanContext())
      return spansOf('process', queue).map((span) => ({
        sameTrace: senders.some(({ traceId }) => traceId === span.spanContext().traceId),
        child: senders.some(({ spanId }) => spanId === span.parentSpanContext?.spanId),
      }))
    }

    const LINKED = { sameTrace: true, child: true }
    const APART = { sameTrace: false, child: false }

    test.each([false, true])(
      "add: the span of each run is a child of the sender's, with throughline: %s",
      async (withThroughline) => {
        const plain = newQueue({ telemetry: otel })
        const { tracker, story } = trackedService()
        const request = tracker.start()
        let calls = 0
        const twice = (): Promise<void> => (++calls === 1 ? Promise.reject(new Error('not yet')) : Promise.resolve())
        await work(plain, withThroughline ? trackRequest(twice, { tracker }) : twice, { telemetry: otel })
        const job = await request.run(() =>
          (withThroughline ? propagate(plain) : plain).add('pack', { sku: 'mug' }, { attempts: 2 }),
        )
        expect(await linksOf(plain, 'add', 2)).toEqual([LINKED, LINKED])
        const { carrier } = await stored(plain, job.id)
        expect(carrier).toMatchObject({
          traceparent: expect.stringContaining(spansOf('add', plain)[0]?.spanContext().spanId ?? '?') as string,
        })
        if (!withThroughline) return
        expect(story(request.requestId)).toEqual([
          ...PLACED,
          '(ATTEMPT 1)',
          '(RETRY 1)',
          '(ATTEMPT 2)',
          'Completed 2 ok',
        ])
        expect(spansOf('add', plain)[0]?.spanContext().traceId).not.toBe(w3cTraceId(request.traceId))
        expect(plain.opts.telemetry).toBe(otel)
      },
    )

    test.each<[string, string, (queue: Queue<Order>, telemetry: Telemetry) => Promise<unknown>]>([
      [
        'addBulk',
        'addBulk',
        (queue) =>
          propagate(queue).addBulk([
            { name: 'pack', data: { sku: 'mug' } },
            { name: 'pack', data: { sku: 'tea' }, opts: { priority: 1 } },
          ]),
      ],
      [
        'a flow',
        'addNode',
        (queue, telemetry) =>
          propagate(newFlows({ telemetry })).add({
            name: 'ship',
            queueName: queue.name,
            data: { sku: 'box' },
            opts: { attempts: 1 },
            children: [{ name: 'pack', queueName: queue.name, data: { sku: 'mug' } }],
          }),
      ],
    ])('%s: the same, and the requests of the jobs have the sender as their parent', async (_, operation, send) => {
      const plain = newQueue({ telemetry: otel })
      const { tracker, records } = trackedService()
      const request = tracker.start()
      await request.run(() => send(plain, otel))
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
        { telemetry: otel },
      )
      expect(await linksOf(plain, operation, 2)).toEqual([LINKED, LINKED])
      const started = records.filter((record) => record.request_id !== request.requestId && 'parent_id' in record)
      const below = { parent_id: parentOfCall(request.requestId), trace_id: request.traceId }
      expect(started).toMatchObject([below, below])
    })

    test('omitContext: neither trace is sent', async () => {
      const plain = newQueue({ telemetry: otel })
      const { tracker, records } = trackedService()
      const request = tracker.start()
      const options = { telemetry: { omitContext: true } }
      await request.run(async () => {
        await propagate(plain).add('pack', { sku: 'mug' }, options)
        await propagate(plain).addBulk([{ name: 'pack', data: { sku: 'mug' }, opts: options }])
      })
      expect(request.state).toBe('Received')
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
        { telemetry: otel },
      )
      expect(await linksOf(plain, 'add', 2)).toEqual([APART, APART])
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(3)
    })

    test('if only the worker has one, its span is a child of the request, in its trace', async () => {
      const plain = newQueue()
      const { tracker } = trackedService()
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
        { telemetry: otel },
      )
      const request = tracker.start()
      await request.run(() => propagate(plain).add('pack', { sku: 'mug' }))
      await vi.waitFor(() => expect(spansOf('process', plain)).toHaveLength(1), DONE)
      expect(spansOf('process', plain)[0]?.parentSpanContext).toMatchObject({
        traceId: w3cTraceId(request.traceId),
        spanId: request.requestId,
      })
    })

    test('the jobs of a scheduler, which all name one span as their parent, each start a trace', async () => {
      const plain = newQueue({ telemetry: otel })
      const { tracker, records, requests } = trackedService()
      await plain.upsertJobScheduler('often', { every: 20, limit: 2 }, { name: 'count', data: { sku: 'all' } })
      await work(
        plain,
        trackRequest(() => Promise.resolve(), { tracker }),
      )
      await vi.waitFor(() => expect(requests()).toHaveLength(2), DONE)
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(2)
      expect(records.some((record) => 'parent_id' in record)).toBe(false)
    })

    test.each(['opaque', '', undefined])(
      'if a telemetry leaves no room for a carrier, its metadata stay, and the request is not Queued: %j',
      async (metadata) => {
        const nothing = (): void => undefined
        const span = {
          setSpanOnContext: (ctx: unknown) => ctx,
          setAttribute: nothing,
          setAttributes: nothing,
          addEvent: nothing,
          recordException: nothing,
          end: nothing,
        }
        const read: string[] = []
        class Opaque implements ContextManager {
          readonly #root = 'root'
          with<A extends (...args: never[]) => unknown>(_ctx: unknown, fn: A): ReturnType<A> {
            // The result is that of the function.
            return fn() as ReturnType<A>
          }
          active(): string {
            return this.#root
          }
          getMetadata(): string {
            // Some telemetries return nothing, whatever the type says.
            return metadata ?? (undefined as never)
          }
          fromMetadata(_ctx: unknown, sent: string): number {
            return read.push(sent)
          }
        }
        const opaque: Telemetry = { tracer: { startSpan: () => span }, contextManager: new Opaque() }
        const plain = newQueue({ telemetry: opaque })
        const { tracker, story, requests } = trackedService()
        const request = tracker.start()
        await request.run(() => propagate(plain).add('pack', { sku: 'mug' }))
        const unsaid = [...STARTED, '(PROPAGATE)', '(ENQUEUE)']
        expect(story(request.requestId)).toEqual(unsaid)
        const flow = tracker.start()
        const flows = propagate(newFlows({ telemetry: opaque }), { as: 'hand-off' })
        await flow.run(() => flows.add({ name: 'pack', queueName: plain.name, data: { sku: 'mug' } }))
        expect(story(flow.requestId)).toEqual(unsaid)
        await work(
          plain,
          trackRequest(() => Promise.resolve(), { tracker }),
          { telemetry: opaque },
        )
        await vi.waitFor(
          () =>
            expect(
              requests()
                .slice(2)
                .map((id) => story(id).at(-1)),
            ).toEqual(['Responded ok', 'Responded ok']),
          DONE,
        )
        expect(new Set(read)).toEqual(new Set(metadata === 'opaque' ? ['opaque'] : []))
      },
    )
  })

  test('a sandboxed processor is tracked in its own process', async () => {
    const plain = newQueue()
    const folder = await mkdtemp(join(tmpdir(), 'throughline-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const [file, log] = [join(folder, 'processor.mjs'), join(folder, 'out.ndjson')]
    const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
    await writeFile(
      file,
      `
      import { appendFileSync } from 'node:fs'
      import { trackRequest } from ${source('adapters/bullmq.ts')}
      const sink = { write: (record) => appendFileSync(${JSON.stringify(log)}, JSON.stringify(record) + '\\n') }
      export default trackRequest(async (job) => {
        if (job.attemptsMade === 0) throw new Error('not yet')
        return job.data.sku
      }, { service: 'sandbox', logger: false, sinks: [sink] })
    `,
    )
    const { tracker, records } = trackedService()
    const request = tracker.start()
    const job = await request.run(() => propagate(plain).add('pack', { sku: 'mug' }, { attempts: 2 }))
    const worker = new Worker(plain.name, pathToFileURL(file), {
      connection,
      prefix,
      workerForkOptions: { execArgv: ['--import', 'tsx'] },
    })
    onTestFinished(() => worker.close())
    await vi.waitFor(async () => expect((await plain.getJob(job.id ?? ''))?.returnvalue).toBe('mug'), DONE)
    // Written by the sink above.
    const there = (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LifecycleRecord)
    expect(storyOf([...records, ...there])).toEqual([
      ...PLACED,
      '(ATTEMPT 1)',
      '(RETRY 1)',
      '(ATTEMPT 2)',
      'Completed 2 ok',
    ])
    expect(new Set(there.map(({ request_id, trace_id }) => `${trace_id} ${request_id}`))).toEqual(
      new Set([`${request.traceId} ${request.requestId}`]),
    )
  })
})

test('types: those of data, results and names are kept', () => {
  const { tracker } = trackedService()
  type Orders = Queue<Order, number, 'pack'>
  expectTypeOf(propagate<Orders>).returns.toEqualTypeOf<Orders>()
  expectTypeOf(propagate<FlowProducer>).returns.toEqualTypeOf<FlowProducer>()
  const count = (job: Job<Order, number, 'pack'>, _token?: string, _signal?: AbortSignal) =>
    Promise.resolve(job.data.sku.length)
  const processor = trackRequest(count, { tracker })
  expectTypeOf(processor).toExtend<Processor<Order, number, 'pack'>>()
  expectTypeOf(processor.failed).toExtend<WorkerListener<Order, number, 'pack'>['failed']>()
  const inline: Processor<Order, number> = trackRequest(
    async (job, token, signal) => {
      expectTypeOf(job.data).toEqualTypeOf<Order>()
      expectTypeOf(token).toEqualTypeOf<string | undefined>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal | undefined>()
      return Promise.resolve(1)
    },
    { tracker },
  )
  expect(inline).toHaveLength(3)
  const worker = () =>
    new Worker<Order, number>(
      'orders',
      trackRequest(async (job) => Promise.resolve(job.data.sku.length), { tracker }),
      { connection: {} },
    )
  expectTypeOf(worker).returns.toEqualTypeOf<Worker<Order, number>>()
  // @ts-expect-error a result of another type
  const _wrong: Processor<Order, number> = trackRequest((job) => Promise.resolve(job.name), { tracker })
})
