import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { parentOfCall } from '../call-headers.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { deferred } from '../deferred.ts'
import { makeFaulty } from '../faulty-tracker.ts'
import { SOON } from '../timeouts.ts'
import { trackedService, type OpenRig, type QueueRig, type Work } from './queue-rig.ts'

const STARTED = ['Received', 'Authenticated']
const PLACED = [...STARTED, 'Processing', 'Queued']

/** What differs between hosts; each suite gives the reason. */
export interface QueueTraits {
  /** The name of the rig's file in ./queues. */
  readonly rig: string
  readonly open: OpenRig
  /** The host only says that a message was delivered before: every further delivery counts as the second. */
  readonly countsToTwo?: boolean
  /** The host trims all kinds of white space from headers. */
  readonly trims?: boolean
  /** The broker does not answer, so its suites are skipped. */
  readonly missing?: boolean
}

/** The contract of all queue adapters, run for each with a real broker. */
export function describeQueueAdapter(
  name: string,
  { rig: file, open, countsToTwo = false, trims = false, missing = false }: QueueTraits,
): void {
  describe.skipIf(missing)(name, () => {
    let rig: QueueRig
    beforeAll(async () => {
      rig = await open()
    })
    afterAll(() => rig.close())

    /** Processes a queue until the test ends. */
    async function work(queue: string, tracker: Tracker, handler: Work): Promise<void> {
      const stop = await rig.work(queue, tracker, handler)
      onTestFinished(async () => {
        await stop()
      })
    }

    /** Starts a request that sends one message. */
    async function placed(queue: string, shop = trackedService(), body = 'order 1') {
      const request = shop.tracker.start()
      await request.run(() => rig.send(queue, body))
      return request
    }

    test('an error of ours, at any place, loses no message and fails no handler', async () => {
      const [queue, { tracker }] = [await rig.newQueue(1), trackedService()]
      const { arm, accesses } = makeFaulty(tracker)
      const received: string[] = []
      let arrived = deferred()
      await work(queue, tracker, async ({ body }) => {
        received.push(body)
        await Promise.resolve()
        arrived.resolve()
      })
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      onTestFinished(() => stderr.mockRestore())
      let at = 0
      do {
        at += 1
        arrived = deferred()
        arm(at)
        await tracker.start().run(() => rig.send(queue, `order ${String(at)}`))
        await arrived.promise
      } while (accesses() >= at)
      expect(received).toEqual(Array.from({ length: at }, (_, index) => `order ${String(index + 1)}`))
      // Fewer than any request makes: a host that tracks nothing would pass otherwise.
      expect(at).toBeGreaterThan(20)
    })

    test('a request is Queued once the broker has the message, and the worker continues it', async () => {
      const [queue, shop, worker] = [await rig.newQueue(1), trackedService(), trackedService('worker')]
      const received: unknown[] = []
      await work(queue, worker.tracker, ({ body, host }) =>
        Promise.resolve(received.push(body, currentRequest()?.traceId, currentRequest(host)?.requestId)),
      )
      const request = await placed(queue, shop)
      expect(request.state).toBe('Queued')
      expect(shop.tracker.inFlight()).toEqual([])
      await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 ok']), SOON)
      expect(shop.story(request.requestId)).toEqual(PLACED)
      expect(worker.records.at(-1)).toMatchObject({
        seq: 4,
        from: 'Queued',
        trace_id: request.traceId,
        service: 'worker',
      })
      expect(received).toEqual(['order 1', request.traceId, request.requestId])
      expect(worker.tracker.inFlight()).toEqual([])
      expect([...shop.records, ...worker.records].some(({ lifecycle }) => lifecycle === 'rejected')).toBe(false)
    })

    test('if the broker cannot be reached, its error is thrown and the request is not Queued', async () => {
      const queue = await rig.newQueue(1)
      const { tracker, story, requests, records } = trackedService()
      const place = tracker.trackRequest(() => rig.sendDown(queue), { carrier: () => undefined })
      const failure = await place().then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(Error)
      expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Processing', '(ENQUEUE)', 'Responded error'])
      expect(records.find(({ event }) => event === 'ENQUEUE')?.error).toBeDefined()
      expect(tracker.inFlight()).toEqual([])
    })

    test('a failed attempt is noted, and a successful one completes the request', async () => {
      const [queue, shop] = [await rig.newQueue(3), trackedService()]
      let calls = 0
      await work(queue, shop.tracker, () => (++calls < 2 ? Promise.reject(new Error('not yet')) : Promise.resolve()))
      const request = await placed(queue, shop)
      await vi.waitFor(
        () =>
          expect(shop.story(request.requestId)).toEqual([
            ...PLACED,
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 2)',
            'Completed 2 ok',
          ]),
        SOON,
      )
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('a message that fails every attempt is Completed with outcome error after the last', async () => {
      const [queue, shop] = [await rig.newQueue(3), trackedService()]
      await work(queue, shop.tracker, () => Promise.reject(new Error('never')))
      const request = await placed(queue, shop)
      const last = countsToTwo ? 2 : 3
      await vi.waitFor(
        () =>
          expect(shop.story(request.requestId)).toEqual([
            ...PLACED,
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 2)',
            '(RETRY 2)',
            `(ATTEMPT ${String(last)})`,
            `Completed ${String(last)} error`,
          ]),
        SOON,
      )
      expect(shop.records.at(-1)).toMatchObject({ outcome: 'error' })
      expect(shop.tracker.inFlight()).toEqual([])
      expect(await audit(shop.records)).toMatchObject({ stuck: [], invalid: [], gaps: [], duplicates: 0 })
    })

    test('a message whose worker is killed is one request with two attempts and one end', async () => {
      const [queue, shop, successor] = [await rig.newQueue(3), trackedService(), trackedService('successor')]
      const doomed = fork(
        fileURLToPath(new URL('programs/queue-worker.ts', import.meta.url)),
        [file, rig.address, queue],
        {
          execArgv: ['--import', 'tsx'],
          stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        },
      )
      onTestFinished(() => void doomed.kill('SIGKILL'))
      const output = doomed.stdout === null ? Promise.resolve('') : text(doomed.stdout)
      const started = once(doomed, 'message')
      const request = await placed(queue, shop)
      await started
      doomed.kill('SIGKILL')
      const lines = (await output).trim().split('\n')
      expect(
        (await audit([...shop.records, ...lines], { now: 'end', stuckAfter: ['Queued=0ms'] })).stuck,
      ).toMatchObject([{ request_id: request.requestId, attempts: 1 }])
      await rig.redeliver(queue)
      await work(queue, successor.tracker, () => Promise.resolve())
      await vi.waitFor(
        () => expect(successor.story(request.requestId)).toEqual(['(ATTEMPT 2)', 'Completed 2 ok']),
        SOON,
      )
      const all = [...shop.records, ...lines, ...successor.records]
      expect(await audit(all, { now: 'end' })).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 1, traces: 1 },
      })
      expect(new Set(successor.records.map(({ trace_id }) => trace_id))).toEqual(new Set([request.traceId]))
    })

    test('the first message hands the request off, and later ones have it as their parent', async () => {
      const [queue, shop, worker] = [await rig.newQueue(1), trackedService(), trackedService('worker')]
      const request = shop.tracker.start()
      await request.run(async () => {
        await rig.send(queue, 'order 1')
        await rig.send(queue, 'order 2')
      })
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ENQUEUE)'])
      await work(queue, worker.tracker, () => Promise.resolve())
      await vi.waitFor(
        () =>
          expect(
            worker
              .requests()
              .map((id) => worker.story(id).at(-1))
              .sort(),
          ).toEqual(['Completed 1 ok', 'Responded ok']),
        SOON,
      )
      expect(worker.records.find(({ request_id }) => request_id !== request.requestId)).toMatchObject({
        trace_id: request.traceId,
        parent_id: parentOfCall(request.requestId),
        seq: 0,
      })
    })

    test.each([
      ['as they came', (name: string) => name],
      ['in another case', (name: string) => name.replace(/^\w/, (letter) => letter.toUpperCase())],
    ])('headers copied from the request that came in are not those of the message: %s', async (_, spell) => {
      const [queue, worker] = [await rig.newQueue(1), trackedService('worker')]
      const shop = trackedService('shop', { trustIncoming: false })
      const foreign = {
        'x-trace-id': 'foreign',
        traceparent: GOOD,
        tracestate: 'foreign=1',
        'x-lifecycle': `${PARENT};Queued;3;1795398062588`,
      }
      const copied = Object.fromEntries(Object.entries(foreign).map(([name, value]) => [spell(name), value]))
      const request = shop.tracker.start(foreign)
      await work(queue, worker.tracker, () => Promise.resolve())
      await request.run(async () => {
        await rig.send(queue, 'order 1', copied)
        await rig.send(queue, 'order 2', copied)
      })
      await vi.waitFor(() => expect(worker.requests()).toHaveLength(2), SOON)
      const child = worker.records.find(({ request_id }) => request_id !== request.requestId)
      expect(worker.story(request.requestId)[0]).toBe('(ATTEMPT 1)')
      expect(child).toMatchObject({ trace_id: request.traceId, parent_id: parentOfCall(request.requestId), seq: 0 })
    })

    test('a chain of workers that each send a message is one trace, each request the parent of the next', async () => {
      const [orders, invoices, letters] = [await rig.newQueue(1), await rig.newQueue(1), await rig.newQueue(1)]
      const { tracker, story, records, requests } = trackedService()
      await work(letters, tracker, () => Promise.resolve())
      await work(invoices, tracker, () => rig.send(letters, 'letter 1'))
      await work(orders, tracker, () => rig.send(invoices, 'invoice 1'))
      const request = tracker.start()
      await request.run(() => rig.send(orders, 'order 1'))
      // The worker's request was already handed off, so its message starts one, which the last worker continues.
      await vi.waitFor(() => expect(story(requests()[1] ?? '').at(-1)).toBe('Completed 1 ok'), SOON)
      expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok'])
      expect(new Set(records.map(({ trace_id }) => trace_id))).toEqual(new Set([request.traceId]))
      expect(records.find(({ request_id }) => request_id !== request.requestId)).toMatchObject({
        parent_id: parentOfCall(request.requestId, 0x801),
      })
      expect(await audit(records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 2, traces: 1 },
      })
    })

    test('a message without a carrier starts a new trace, and outside a request nothing is added', async () => {
      const queue = await rig.newQueue(1)
      const { tracker, story, requests, records } = trackedService()
      const bodies: string[] = []
      await work(queue, tracker, ({ body }) => Promise.resolve(bodies.push(body)))
      await rig.sendBare(queue, 'bare')
      await vi.waitFor(
        () => expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Processing', 'Responded ok']),
        SOON,
      )
      await rig.send(queue, 'outside')
      await vi.waitFor(
        () => expect(story(requests()[1] ?? '')).toEqual([...STARTED, 'Processing', 'Responded ok']),
        SOON,
      )
      expect(bodies).toEqual(['bare', 'outside'])
      for (const record of records) expect(record).not.toHaveProperty('parent_id')
      expect(records[0]).toMatchObject({ path: queue })
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(2)
    })

    test('messages that are processed at once do not share ids or context', async () => {
      const [queue, count] = [await rig.newQueue(1), 20]
      const { tracker, records } = trackedService()
      const sent = new Map<string, string>()
      const received = new Map<string, string | undefined>()
      await work(queue, tracker, async ({ body, host }) => {
        await new Promise(setImmediate)
        expect(currentRequest()).toBe(currentRequest(host))
        received.set(body, currentRequest()?.traceId)
      })
      await Promise.all(
        [...Array(count).keys()].map(async (n) => {
          const request = tracker.start()
          sent.set(`order ${String(n)}`, request.traceId)
          await request.run(() => rig.send(queue, `order ${String(n)}`))
        }),
      )
      await vi.waitFor(() => expect(received.size).toBe(count), SOON)
      expect(received).toEqual(sent)
      await vi.waitFor(
        () =>
          expect(records.filter((record) => record.lifecycle === 'transition' && record.outcome === 'ok')).toHaveLength(
            count,
          ),
        SOON,
      )
    })

    describe('the vectors of W3C Trace Context, in messages', () => {
      /** Sends every vector that a message can hold, and returns the request that each started. */
      async function sendVectors(
        vectors: readonly (readonly [what: string, header: string, ...unknown[]])[],
        headers: (header: string) => Readonly<Record<string, string>>,
      ) {
        const queue = await rig.newQueue(1)
        const { tracker, records } = trackedService()
        const requests = new Map<string, TrackedRequest | undefined>()
        await work(queue, tracker, ({ body }) => Promise.resolve(requests.set(body, currentRequest())))
        const sent = vectors.filter(([, header]) => !/[\r\n]/.test(header) && header.length < 2_000)
        for (const [what, header] of sent) await rig.sendBare(queue, what, headers(header))
        await vi.waitFor(() => expect(requests.size).toBe(sent.length), SOON)
        const rejected = (request: TrackedRequest | undefined): boolean =>
          records.some((record) => record.request_id === request?.requestId && 'rejected_id' in record)
        return { sent: sent.map(([what]) => what), requests, rejected }
      }

      test('valid traceparents are used', async () => {
        const { requests, rejected } = await sendVectors(VALID, (traceparent) => ({ traceparent }))
        for (const [what, , flags] of VALID) {
          const request = requests.get(what)
          expect(
            [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected(request)],
            what,
          ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
        }
      })

      test('invalid traceparents start a new trace', async () => {
        const { sent, requests, rejected } = await sendVectors(
          INVALID.filter(([, header]) => !trims || header === header.trim()),
          (traceparent) => ({ traceparent, tracestate: 'foo=1' }),
        )
        expect(sent).not.toEqual([])
        for (const what of sent) {
          const request = requests.get(what)
          expect(request?.traceId, what).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
          expect([request?.parentId, request?.headers().tracestate, rejected(request)], what).toEqual([
            undefined,
            undefined,
            true,
          ])
        }
      })

      test('tracestates are sent on as the standard says', async () => {
        const { sent, requests } = await sendVectors(STATES, (tracestate) => ({ traceparent: GOOD, tracestate }))
        const passed = new Map(STATES.map(([what, , onward]) => [what, onward]))
        expect(sent).not.toEqual([])
        for (const what of sent) expect(requests.get(what)?.headers().tracestate, what).toBe(passed.get(what))
      })
    })
  })
}
