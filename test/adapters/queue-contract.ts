import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { SOON } from '../timeouts.ts'
import { watched, type OpenRig, type QueueRig, type Work } from './queue-rig.ts'

const BEGUN = ['Received', 'Authenticated']
const PLACED = [...BEGUN, 'Processing', 'Queued']

/** What a host does otherwise, each with its reason in the suite that says so. */
export interface QueueTraits {
  /** The name of the rig's file in ./queues, and its address where it is not the usual one. */
  readonly rig: string
  readonly open: OpenRig
  /** The host keeps no count of attempts beyond "again": every further delivery is told as the second. */
  readonly countsToTwo?: boolean
  /** The host strips white space of every kind from around a header. */
  readonly trims?: boolean
  /** The broker is where its suite says; its suites are skipped where that is not. */
  readonly missing?: boolean
}

/** What every adapter of a queue has to do alike: mounted once for each, with a real broker. */
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

    /** Works on a queue for as long as the test runs. */
    async function work(queue: string, tracker: Tracker, handler: Work): Promise<void> {
      const stop = await rig.work(queue, tracker, handler)
      onTestFinished(async () => {
        await stop()
      })
    }

    /** A request that sends one message. */
    async function placed(queue: string, shop = watched(), body = 'order 1') {
      const request = shop.tracker.start()
      await request.run(() => rig.send(queue, body))
      return request
    }

    test('a request is Queued once the broker has the message, and the worker goes on with it', async () => {
      const [queue, shop, worker] = [await rig.newQueue(1), watched(), watched('worker')]
      const seen: unknown[] = []
      await work(queue, worker.tracker, ({ body, host }) =>
        Promise.resolve(seen.push(body, currentRequest()?.traceId, currentRequest(host)?.requestId)),
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
      expect(seen).toEqual(['order 1', request.traceId, request.requestId])
      expect(worker.tracker.inFlight()).toEqual([])
      expect([...shop.records, ...worker.records].some(({ lifecycle }) => lifecycle === 'rejected')).toBe(false)
    })

    test('a broker that cannot be reached: its error passes through, and the request is not Queued', async () => {
      const queue = await rig.newQueue(1)
      const { tracker, story, requests, records } = watched()
      const place = tracker.trackRequest(() => rig.sendDown(queue), { carrier: () => undefined })
      const failure = await place().then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(Error)
      expect(story(requests()[0] ?? '')).toEqual([...BEGUN, 'Processing', '(ENQUEUE)', 'Responded error'])
      expect(records.find(({ event }) => event === 'ENQUEUE')?.error).toBeDefined()
      expect(tracker.inFlight()).toEqual([])
    })

    test('an attempt that fails is noted, and the one that succeeds completes the request', async () => {
      const [queue, shop] = [await rig.newQueue(3), watched()]
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

    test('a message that no attempt can bear: Completed with outcome error after the last', async () => {
      const [queue, shop] = [await rig.newQueue(3), watched()]
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

    test('a worker that is killed in the middle of its work: one request, two attempts, one end', async () => {
      const [queue, shop, heir] = [await rig.newQueue(3), watched(), watched('heir')]
      const mortal = fork(
        fileURLToPath(new URL('programs/queue-worker.ts', import.meta.url)),
        [file, rig.address, queue],
        {
          execArgv: ['--import', 'tsx'],
          stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        },
      )
      onTestFinished(() => void mortal.kill('SIGKILL'))
      const lines = mortal.stdout === null ? Promise.resolve('') : text(mortal.stdout)
      const begun = once(mortal, 'message')
      const request = await placed(queue, shop)
      await begun
      mortal.kill('SIGKILL')
      const left = (await lines).trim().split('\n')
      // Whoever asks now finds what the dead left behind.
      expect((await audit([...shop.records, ...left], { now: 'end', stuckAfter: ['Queued=0ms'] })).stuck).toMatchObject(
        [{ request_id: request.requestId, attempts: 1 }],
      )
      await work(queue, heir.tracker, () => Promise.resolve())
      await vi.waitFor(() => expect(heir.story(request.requestId)).toEqual(['(ATTEMPT 2)', 'Completed 2 ok']), SOON)
      const all = [...shop.records, ...left, ...heir.records]
      expect(await audit(all, { now: 'end' })).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 1, traces: 1 },
      })
      expect(heir.records.every(({ trace_id }) => trace_id === request.traceId)).toBe(true)
    }, 120_000)

    test('the first message hands the request over, and later ones have it as their parent', async () => {
      const [queue, shop, worker] = [await rig.newQueue(1), watched(), watched('worker')]
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
        parent_id: request.requestId,
        seq: 0,
      })
    })

    test('a chain in which a worker sends again stays one trace, each link the parent of the next', async () => {
      const [orders, invoices, letters] = [await rig.newQueue(1), await rig.newQueue(1), await rig.newQueue(1)]
      const { tracker, story, records, requests } = watched()
      await work(letters, tracker, () => Promise.resolve())
      await work(invoices, tracker, () => rig.send(letters, 'letter 1'))
      await work(orders, tracker, () => rig.send(invoices, 'invoice 1'))
      const request = tracker.start()
      await request.run(() => rig.send(orders, 'order 1'))
      // The first link was handed over already, so its message begins a request, which the last link goes on with.
      await vi.waitFor(() => expect(story(requests()[1] ?? '').at(-1)).toBe('Completed 1 ok'), SOON)
      expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok'])
      expect(new Set(records.map(({ trace_id }) => trace_id))).toEqual(new Set([request.traceId]))
      expect(records.find(({ request_id }) => request_id !== request.requestId)).toMatchObject({
        parent_id: request.requestId,
      })
      expect(await audit(records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 2, traces: 1 },
      })
    })

    test('a message that carries nothing starts a request of its own, and outside of a request nothing is added', async () => {
      const queue = await rig.newQueue(1)
      const { tracker, story, requests, records } = watched()
      const bodies: string[] = []
      await work(queue, tracker, ({ body }) => Promise.resolve(bodies.push(body)))
      await rig.sendBare(queue, 'bare')
      await vi.waitFor(() => expect(story(requests()[0] ?? '')).toEqual([...BEGUN, 'Processing', 'Responded ok']), SOON)
      await rig.send(queue, 'outside')
      await vi.waitFor(() => expect(story(requests()[1] ?? '')).toEqual([...BEGUN, 'Processing', 'Responded ok']), SOON)
      expect(bodies).toEqual(['bare', 'outside'])
      expect(records.every((record) => !('parent_id' in record))).toBe(true)
      expect(records[0]).toMatchObject({ path: queue })
      expect(new Set(records.map(({ trace_id }) => trace_id)).size).toBe(2)
    })

    test('messages that come together have nothing of one another', async () => {
      const [queue, count] = [await rig.newQueue(1), 20]
      const { tracker, records } = watched()
      const sent = new Map<string, string>()
      const seen = new Map<string, string | undefined>()
      await work(queue, tracker, async ({ body, host }) => {
        await new Promise(setImmediate)
        expect(currentRequest()).toBe(currentRequest(host))
        seen.set(body, currentRequest()?.traceId)
      })
      await Promise.all(
        [...Array(count).keys()].map(async (n) => {
          const request = tracker.start()
          sent.set(`order ${String(n)}`, request.traceId)
          await request.run(() => rig.send(queue, `order ${String(n)}`))
        }),
      )
      await vi.waitFor(() => expect(seen.size).toBe(count), SOON)
      expect(seen).toEqual(sent)
      await vi.waitFor(
        () =>
          expect(records.filter((record) => record.lifecycle === 'transition' && record.outcome === 'ok')).toHaveLength(
            count,
          ),
        SOON,
      )
    })

    describe('the vectors of W3C Trace Context hold on a message', () => {
      /** Sends every vector that a message can hold, and tells which request each began. */
      async function begun(
        vectors: readonly (readonly [what: string, header: string, ...unknown[]])[],
        headers: (header: string) => Readonly<Record<string, string>>,
      ) {
        const queue = await rig.newQueue(1)
        const { tracker, records } = watched()
        const requests = new Map<string, TrackedRequest | undefined>()
        await work(queue, tracker, ({ body }) => Promise.resolve(requests.set(body, currentRequest())))
        const sent = vectors.filter(([, header]) => !/[\r\n]/.test(header) && header.length < 2_000)
        for (const [what, header] of sent) await rig.sendBare(queue, what, headers(header))
        await vi.waitFor(() => expect(requests.size).toBe(sent.length), SOON)
        const rejected = (request: TrackedRequest | undefined): boolean =>
          records.some((record) => record.request_id === request?.requestId && 'rejected_id' in record)
        return { sent: sent.map(([what]) => what), requests, rejected }
      }

      test('a traceparent that is to be read', async () => {
        const { requests, rejected } = await begun(VALID, (traceparent) => ({ traceparent }))
        for (const [what, , flags] of VALID) {
          const request = requests.get(what)
          expect(
            [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected(request)],
            what,
          ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
        }
      })

      test('a traceparent that starts a new trace', async () => {
        const { sent, requests, rejected } = await begun(
          INVALID.filter(([, header]) => !trims || header === header.trim()),
          (traceparent) => ({ traceparent, tracestate: 'foo=1' }),
        )
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

      test('a tracestate', async () => {
        const { sent, requests } = await begun(STATES, (tracestate) => ({ traceparent: GOOD, tracestate }))
        const passed = new Map(STATES.map(([what, , onward]) => [what, onward]))
        for (const what of sent) expect(requests.get(what)?.headers().tracestate, what).toBe(passed.get(what))
      })
    })
  })
}
