import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  StorageType,
  type Consumer,
  type ConsumerConfig,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'
import {
  connect,
  headers as newHeaders,
  nanos,
  NoRespondersError,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type SubscriptionOptions,
} from '@nats-io/transport-node'
import fc from 'fast-check'
import * as older from 'nats'
import { afterAll, beforeAll, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { headersOfCall, parentOfCall } from '../call-headers.ts'
import { hostHeaders } from '../../src/adapters/_nats/headers.ts'
import { propagate, trackRequest, type NatsMessageLike } from '../../src/adapters/nats.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { SOON } from '../timeouts.ts'
import { describeQueueAdapter } from './queue-contract.ts'
import { REDELIVERY_SECONDS, trackedService } from './queue-rig.ts'
import { msgHdrs, openRig } from './queues/nats.ts'

const missing = await isBrokerMissing('nats')
const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']
const FOREIGN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

// MsgHdrs trims all kinds of white space, so a message cannot hold some vectors.
describeQueueAdapter('JetStream', { rig: 'nats', open: openRig, trims: true, missing })

describe.skipIf(missing)('NATS', () => {
  const servers = BROKERS.nats
  let plain: NatsConnection
  let nc: NatsConnection

  beforeAll(async () => {
    plain = await connect({ servers })
    nc = propagate(plain)
  })

  afterAll(() => plain.close())

  function newSubject(): string {
    return `throughline.${randomUUID()}`
  }

  /** Subscribes until the test ends; resolves once the server has the subscription. */
  async function subscribe(subject: string, options: SubscriptionOptions): Promise<void> {
    const subscription = plain.subscribe(subject, options)
    onTestFinished(() => subscription.unsubscribe())
    await plain.flush()
  }

  /** The message that a send by `nc` causes. */
  async function arrived(send: (subject: string) => unknown): Promise<Msg> {
    const [subject, message] = [newSubject(), deferred<Msg>()]
    await subscribe(subject, { callback: (_error, msg) => message.resolve(msg) })
    await send(subject)
    return message.promise
  }

  describe('core', () => {
    test('a published message has the current request as its parent, for every subscriber', async () => {
      const [subject, shop, mail, stock] = [
        newSubject(),
        trackedService(),
        trackedService('mail'),
        trackedService('stock'),
      ]
      const seen: unknown[] = []
      await subscribe(subject, {
        callback: trackRequest(
          (error, message) => void seen.push(error, currentRequest() === currentRequest(message), message.string()),
          { tracker: mail.tracker },
        ),
      })
      await subscribe(subject, {
        callback: trackRequest((_error, message: Msg) => void seen.push(message.data.length), {
          tracker: stock.tracker,
        }),
      })
      const request = shop.tracker.start()
      request.run(() => nc.publish(subject, 'sold'))
      expect(shop.story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      expect(shop.tracker.inFlight()).toEqual([request])
      for (const { story, requests, records } of [mail, stock]) {
        await vi.waitFor(() => expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Responded ok']), SOON)
        expect(records[0]).toMatchObject({
          trace_id: request.traceId,
          parent_id: parentOfCall(request.requestId),
          path: subject,
        })
      }
      expect(seen.sort()).toEqual([4, null, 'sold', true].sort())
    })

    test("a callback's error is passed to it, and starts no request", async () => {
      const [{ tracker, records }, failure] = [trackedService(), deferred<Error | null>()]
      // No message arrives within this time.
      await subscribe(newSubject(), {
        timeout: 1,
        callback: trackRequest((error, _message: Msg) => failure.resolve(error), { tracker }),
      })
      expect(await failure.promise).toMatchObject({ name: 'TimeoutError' })
      expect(records).toEqual([])
    })

    test("messages of an iterator; a handler's error is thrown at the same time, and is final", async () => {
      const [subject, { tracker, story, requests }] = [newSubject(), trackedService()]
      const subscription = plain.subscribe(subject, { max: 2 })
      nc.publish(subject, 'bad')
      nc.publish(subject, 'later')
      const failure = new Error('bad order')
      const work = trackRequest(
        (message: Msg): unknown => {
          if (message.string() === 'later') return Promise.reject(failure)
          throw failure
        },
        { tracker, attempts: 5 },
      )
      for await (const message of subscription) {
        if (message.string() === 'later') await expect(work(message)).rejects.toBe(failure)
        else expect(() => work(message)).toThrow(failure)
      }
      expect(requests().map(story)).toEqual([
        [...STARTED, 'Responded error'],
        [...STARTED, 'Responded error'],
      ])
      expect(tracker.inFlight()).toEqual([])
    })

    test("with as: 'hand-off' one worker of a queue group continues the request, which is Queued once the server has it", async () => {
      const [subject, { tracker, story, requests }] = [newSubject(), trackedService()]
      const connection = propagate(await connect({ servers }), { as: (to) => (to === subject ? 'hand-off' : 'child') })
      onTestFinished(() => connection.close())
      const work = trackRequest((_error, _message: Msg) => undefined, { tracker })
      for (let n = 0; n < 3; n++) await subscribe(subject, { queue: 'workers', callback: work })
      const request = tracker.start()
      request.run(() => connection.publish(subject, 'order 1'))
      expect(request.state).toBe('Processing')
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
        SOON,
      )
      expect(requests()).toEqual([request.requestId])
      expect(tracker.inFlight()).toEqual([])
      const other = tracker.start()
      other.run(() => connection.publish(newSubject(), 'news'))
      expect(story(other.requestId)).toEqual(['Received', '(ENQUEUE)'])
    })

    test('an error of a handed-off message is final too', async () => {
      const [subject, { tracker, story }] = [newSubject(), trackedService()]
      const connection = propagate(await connect({ servers }), { as: 'hand-off' })
      onTestFinished(() => connection.close())
      const work = trackRequest((_message: Msg) => Promise.reject(new Error('bad order')), { tracker })
      await subscribe(subject, {
        queue: 'workers',
        callback: (_error, message) => void work(message).catch(() => undefined),
      })
      const request = tracker.start()
      request.run(() => connection.publish(subject))
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
        SOON,
      )
    })

    test('an `as` that throws is noted, and the message is a child', async () => {
      const { tracker, story } = trackedService()
      const failing = propagate(await connect({ servers }), {
        as: () => {
          throw new Error('no idea')
        },
      })
      onTestFinished(() => failing.close())
      const request = tracker.start()
      request.run(() => failing.publish(newSubject()))
      expect(story(request.requestId)).toEqual(['Received', '(PROPAGATE)', '(ENQUEUE)'])
    })

    test.each(['child', 'hand-off'] as const)(
      'if a %s cannot be sent, the error is thrown immediately, and the request continues',
      async (as) => {
        const closed = propagate(await connect({ servers }), { as })
        await closed.close()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        expect(() => request.run(() => closed.publish(newSubject()))).toThrow('closed connection')
        expect(story(request.requestId)).toEqual([...(as === 'child' ? ['Received'] : STARTED), '(ENQUEUE)'])
        expect(tracker.inFlight()).toEqual([request])
      },
    )

    test.each<[string, (connection: NatsConnection) => unknown]>([
      ['is closed', (connection) => connection.close()],
      ['breaks', (connection) => connection.reconnect()],
    ])('if the connection %s before the server has answered, the request is not Queued, and ends', async (_, end) => {
      const server = await standIn({ mute: true })
      const connection = propagate(await connect({ servers: server.url, reconnect: false }), { as: 'hand-off' })
      onTestFinished(() => connection.close())
      const { tracker, story, requests } = trackedService()
      tracker.trackRequest(() => connection.publish('orders', 'order 1'), { carrier: () => undefined })()
      await vi.waitFor(() => expect(server.received()).toContain('order 1'), SOON)
      const [id = ''] = requests()
      expect(story(id)).toEqual(STARTED)
      await end(connection)
      await vi.waitFor(() => expect(story(id)).toEqual([...STARTED, '(ENQUEUE)', 'Responded ok']), SOON)
      expect(tracker.inFlight()).toEqual([])
    })

    test("a request is a call: the service that answers has its own request, and the caller's continues", async () => {
      const [subject, shop, catalog] = [newSubject(), trackedService(), trackedService('catalog')]
      const answer = trackRequest((_error, message: Msg) => void message.respond('12 EUR'), {
        tracker: catalog.tracker,
      })
      await subscribe(subject, { callback: answer })
      await subscribe(subject, { callback: answer })
      const request = shop.tracker.start()
      await request.run(async () => {
        expect((await nc.request(subject, 'mug', { timeout: SOON })).string()).toBe('12 EUR')
        for await (const message of await nc.requestMany(subject, 'mug', {
          strategy: 'count',
          maxMessages: 2,
          maxWait: SOON,
        }))
          expect(message.string()).toBe('12 EUR')
      })
      expect(shop.story(request.requestId)).toEqual(['Received'])
      await vi.waitFor(() => expect(catalog.requests()).toHaveLength(4), SOON)
      expect(catalog.requests().map(catalog.story)).toEqual(Array(4).fill([...STARTED, 'Responded ok']))
      expect(
        catalog.records.filter(
          (record) => 'parent_id' in record && record.parent_id.slice(0, 13) === request.requestId.slice(0, 13),
        ),
      ).toHaveLength(4)
      expect(new Set(catalog.records.map(({ trace_id }) => trace_id))).toEqual(new Set([request.traceId]))
    })

    test('a call without an answer fails as it does unwrapped', async () => {
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const failure = await request
        .run(() => nc.request(newSubject(), 'mug', { timeout: SOON }))
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ name: 'RequestError', cause: expect.any(NoRespondersError) as unknown })
      expect(story(request.requestId)).toEqual(['Received'])
    })

    test('outside a request nothing is added', async () => {
      expect((await arrived((subject) => nc.publish(subject, 'x'))).headers).toBeUndefined()
    })

    test('answers, and messages to the server itself, are not changed', () => {
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const sent: unknown[][] = []
      const sender = propagate({ publish: (...args: unknown[]) => void sent.push(args) })
      const subjects = ['$JS.API.INFO', '$KV.prices.mug', '$O.files.C.x', '_INBOX.x.y']
      for (const subject of subjects) request.run(() => sender.publish(subject, 'x'))
      expect(sent).toEqual(subjects.map((subject) => [subject, 'x']))
      expect(story(request.requestId)).toEqual(['Received'])
    })

    test('a forwarded message carries the request that forwards it', async () => {
      const { tracker } = trackedService()
      const request = tracker.start()
      const carried = await arrived((subject) =>
        request.run(() => nc.publish(subject, 'x', { headers: msgHdrs({ kind: 'order' }) })),
      )
      const child = tracker.resume(Object.fromEntries(carriedBy(carried)))
      const passed = await arrived((subject) =>
        child.run(() =>
          nc.publishMessage(Object.create(carried, { subject: { value: subject }, reply: { value: '' } }) as Msg),
        ),
      )
      expect(carriedBy(passed)).toEqual([['kind', 'order'], ...Object.entries(headersOfCall(child))])
      const bare = await arrived((subject) =>
        nc.publishMessage(Object.create(carried, { subject: { value: subject }, reply: { value: '' } }) as Msg),
      )
      expect(carriedBy(bare)).toEqual(carriedBy(carried))
    })

    test('a server without header support gets none', async () => {
      const server = await standIn({ headers: false })
      const connection = propagate(await connect({ servers: server.url }))
      onTestFinished(() => connection.close())
      const { tracker, story } = trackedService()
      const request = tracker.start()
      request.run(() => connection.publish('orders', 'order 1'))
      await vi.waitFor(() => expect(server.received()).toContain('\r\nPUB orders 7\r\norder 1'), SOON)
      expect(server.received()).not.toContain('HPUB')
      expect(story(request.requestId)).toEqual(['Received'])
    })

    test('a message that would be too long with trace headers is sent without, and this is noted', async () => {
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const most = plain.info?.max_payload ?? 0
      for (const payload of ['x'.repeat(most), new Uint8Array(most)]) {
        const message = await arrived((subject) => request.run(() => nc.publish(subject, payload)))
        expect([message.headers, message.data.length]).toEqual([undefined, most])
      }
      expect(story(request.requestId)).toEqual(['Received', '(PROPAGATE)', '(PROPAGATE)'])
    })

    test('the wrapped connection has the members of the connection, and nothing is wrapped twice', async () => {
      expect(propagate(nc)).toBe(nc)
      expect(propagate(plain)).toBe(nc)
      expect(nc.info).toBe(plain.info)
      expect(nc.isClosed()).toBe(false)
      await nc.flush()
    })
  })

  describe('headers', () => {
    test("of the caller stay, and the caller's object is not changed", async () => {
      const request = trackedService().tracker.start({ traceparent: FOREIGN, tracestate: 'vendor=1' })
      const own = newHeaders(299, 'Fine')
      own.append('Kind', 'order')
      own.append('Kind', 'gift')
      const message = await arrived((subject) => request.run(() => nc.publish(subject, 'x', { headers: own })))
      expect(carriedBy(message)).toEqual([
        ['Kind', 'order'],
        ['Kind', 'gift'],
        ...Object.entries(headersOfCall(request)),
      ])
      expect([message.headers?.code, message.headers?.description]).toEqual([299, 'Fine'])
      expect([...own]).toEqual([['Kind', ['order', 'gift']]])
      expect(Object.keys(headersOfCall(request))).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
    })

    test('of another trace stay, all of them', async () => {
      const { tracker, story } = trackedService()
      const request = tracker.start({ tracestate: 'vendor=1' })
      const message = await arrived((subject) =>
        request.run(() => nc.publish(subject, 'x', { headers: msgHdrs({ traceparent: FOREIGN }) })),
      )
      expect(carriedBy(message)).toEqual([['traceparent', FOREIGN]])
      expect(story(request.requestId)).toEqual(['Received'])
    })

    test('are found in any case, with all values', async () => {
      const { tracker, records } = trackedService()
      const doubled = newHeaders()
      doubled.append('x-trace-id', 'abc-1')
      doubled.append('x-trace-id', 'abc-2')
      const work = trackRequest((_message: Msg) => currentRequest()?.traceId, { tracker })
      work(await arrived((subject) => plain.publish(subject, 'x', { headers: doubled })))
      expect(records[0]).toMatchObject({ rejected_id: true, rejected_length: 10 })
      expect(
        work(await arrived((subject) => plain.publish(subject, 'x', { headers: msgHdrs({ 'X-Trace-Id': 'abc-3' }) }))),
      ).toBe('abc-3')
    })

    test('that are hostile never throw', () => {
      const { tracker } = trackedService()
      const line = fc.tuple(
        fc.oneof(
          fc.constantFrom('x-trace-id', 'traceparent', 'Tracestate', 'x-lifecycle', '__proto__', 'constructor', ''),
          fc.string(),
        ),
        fc.string({ unit: 'binary' }),
      )
      const decoded = fc.tuple(fc.string(), fc.array(line)).map(([status, lines]) => {
        const bytes = new TextEncoder().encode(
          `NATS/1.0${status}\r\n${lines.map(([key, value]) => `${key}:${value}`).join('\r\n')}\r\n\r\n`,
        )
        return () => MsgHdrsImpl.decode(bytes)
      })
      // Not parsed yet: names and values that `append` would reject.
      const unchecked = fc
        .dictionary(fc.string(), fc.array(fc.string()))
        .map((record) => () => MsgHdrsImpl.fromRecord(record))
      const work = trackRequest((message: NatsMessageLike) => message.subject, { tracker })
      const sent: unknown[] = []
      const sender = propagate({ publish: (...args: unknown[]) => void sent.push(args.length) })
      fc.assert(
        fc.property(
          fc.oneof(
            decoded,
            unchecked,
            fc.anything().map((thing) => () => thing),
          ),
          fc.anything(),
          (read, info) => {
            const message = { subject: 'orders', info, ack: () => undefined }
            // As in the untyped package, and parsed as late as there.
            expect(work(Object.defineProperty(message, 'headers', { get: read }) as NatsMessageLike)).toBe('orders')
            const before = sent.length
            tracker.start().run(() => sender.publish('orders', 'x', { headers: result(read) }))
            expect(sent).toHaveLength(before + 1)
          },
        ),
      )
    })

    test('are created by the package that is installed, or by the function in the options', async () => {
      const only =
        (installed: string) =>
        (name: string): unknown => {
          if (name !== installed) throw new Error('MODULE_NOT_FOUND')
          return { headers: newHeaders }
        }
      for (const name of ['@nats-io/transport-node', '@nats-io/nats-core', 'nats'])
        expect(hostHeaders(only(name))).toBe(newHeaders)
      expect(() => hostHeaders(only('none'))).toThrow(/option "headers" must be/)
      const made = vi.fn(newHeaders)
      const connection = propagate(await connect({ servers }), { headers: made })
      onTestFinished(() => connection.close())
      trackedService()
        .tracker.start()
        .run(() => connection.publish(newSubject()))
      expect(made).toHaveBeenCalledOnce()
    })
  })

  describe('JetStream', () => {
    const stream = `throughline-${randomUUID()}`
    let manager: JetStreamManager
    let bare: JetStreamClient
    let js: JetStreamClient

    beforeAll(async () => {
      manager = await jetstreamManager(plain, { timeout: SOON })
      await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.Memory })
      bare = jetstream(plain, { timeout: SOON })
      js = propagate(bare)
    })

    afterAll(() => manager.streams.delete(stream))

    /** A new subject, with a consumer for its messages. */
    async function newQueue(
      config: Partial<ConsumerConfig> = {},
    ): Promise<{ readonly subject: string; readonly consumer: Consumer; readonly next: () => Promise<JsMsg> }> {
      const [subject, durable_name] = [`${stream}.${randomUUID()}`, randomUUID()]
      await manager.consumers.add(stream, {
        durable_name,
        filter_subject: subject,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(REDELIVERY_SECONDS * 1_000),
        ...config,
      })
      const consumer = await bare.consumers.get(stream, durable_name)
      const next = async (): Promise<JsMsg> => {
        const message = await consumer.next({ expires: SOON })
        if (message === null) throw new Error('no message came')
        return message
      }
      return { subject, consumer, next }
    }

    /** A request that has published one message, and the message. */
    async function placed(shop = trackedService(), config: Partial<ConsumerConfig> = {}) {
      const queue = await newQueue(config)
      const request = shop.tracker.start()
      await request.run(() => js.publish(queue.subject, '{"sku":"mug"}'))
      return { ...queue, ...shop, request, message: await queue.next() }
    }

    /** The number of messages that a consumer has not settled. */
    async function owed(consumer: Consumer): Promise<number> {
      return (await consumer.info()).num_ack_pending
    }

    describe('publishing', () => {
      test('after a duplicate, which the stream drops, the request is not Queued', async () => {
        const [{ subject }, { tracker, story, records }] = [await newQueue(), trackedService()]
        const [first, second] = [tracker.start(), tracker.start()]
        const msgID = randomUUID()
        expect(await first.run(() => js.publish(subject, 'x', { msgID }))).toMatchObject({ stream, duplicate: false })
        expect(await second.run(() => js.publish(subject, 'x', { msgID }))).toMatchObject({ stream, duplicate: true })
        expect([story(first.requestId), story(second.requestId)]).toEqual([PLACED, [...STARTED, '(ENQUEUE)']])
        expect(records.at(-1)).toMatchObject({ data: { declined: true } })
      })

      test('if no stream has the subject, the error is thrown and the request is not Queued', async () => {
        const { tracker, story, records } = trackedService()
        const request = tracker.start()
        await expect(request.run(() => js.publish(newSubject(), 'x'))).rejects.toThrow('jetstream is not enabled')
        expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
        expect(records.at(-1)?.error?.message).toBe('jetstream is not enabled')
      })

      test("with as: 'child' each consumer starts a request", async () => {
        const [{ subject, next }, { tracker, story }] = [await newQueue(), trackedService()]
        const client = propagate(jetstream(plain, { timeout: SOON }), { as: 'child' })
        const request = tracker.start()
        await request.run(() => client.publish(subject, 'x'))
        expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
        expect(carriedBy(await next())).toEqual(Object.entries(headersOfCall(request)))
      })

      test('a client of a wrapped connection adds the headers once', async () => {
        const [{ subject, next }, { tracker }] = [await newQueue(), trackedService()]
        const client = propagate(jetstream(nc, { timeout: SOON }))
        const [request, other] = [tracker.start(), tracker.start()]
        await request.run(() => client.publish(subject, 'x'))
        expect(carriedBy(await next()).map(([key]) => key)).toEqual(['x-trace-id', 'traceparent', 'x-lifecycle'])
        expect(request.state).toBe('Queued')
        await request.run(() => client.publish(subject, 'y'))
        expect(carriedBy(await next())).toEqual(Object.entries(headersOfCall(request)))
        await other.run(() => jetstream(nc, { timeout: SOON }).publish(subject, 'z'))
        expect(carriedBy(await next())).toEqual(Object.entries(headersOfCall(other)))
      })

      test('headers of request.enqueue() stay', async () => {
        const [{ subject, next }, { tracker, story }] = [await newQueue(), trackedService()]
        const request = tracker.start()
        await request.run(() => request.enqueue((headers) => js.publish(subject, 'x', { headers: msgHdrs(headers) })))
        expect(story(request.requestId)).toEqual(PLACED)
        expect(carriedBy(await next()).map(([key]) => key)).toEqual(['x-trace-id', 'traceparent', 'x-lifecycle'])
      })

      test('headers of a received message that are sent on do not hand its request off again', async () => {
        const [{ subject, next }, { tracker, story, request, message }] = [await newQueue(), await placed()]
        const work = trackRequest(
          ({ headers }: JsMsg) => js.publish(subject, 'x', { headers: headers ?? newHeaders() }),
          { tracker },
        )
        await work(message)
        expect(carriedBy(await next())).toEqual(Object.entries(headersOfCall(request, 0x801)))
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok'])
      })
    })

    describe('consuming', () => {
      test('an ack completes the request, even if the handler then throws; the message has all its members', async () => {
        const { message, tracker, story, request, consumer } = await placed()
        const failure = new Error('too late')
        const work = trackRequest(
          (given: JsMsg) => {
            expect([given.json(), given.seq, given.info.stream, given instanceof message.constructor]).toEqual([
              { sku: 'mug' },
              message.seq,
              stream,
              true,
            ])
            given.ack()
            expect(currentRequest(given)?.state).toBe('Completed')
            throw failure
          },
          { tracker },
        )
        expect(() => work(message)).toThrow(failure)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok'])
        expect(currentRequest(message)?.requestId).toBe(request.requestId)
        await vi.waitFor(async () => expect(await owed(consumer)).toBe(0), SOON)
      })

      test('ackAck completes it once the server has confirmed', async () => {
        const { message, tracker, story, request, consumer } = await placed()
        const work = trackRequest(
          async (given: JsMsg) => {
            const confirmed = given.ackAck()
            expect(currentRequest()?.ended).toBe(false)
            expect(await confirmed).toBe(true)
            expect(currentRequest()?.ended).toBe(true)
          },
          { tracker },
        )
        await work(message)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok'])
        expect(await owed(consumer)).toBe(0)
      })

      test('an ackAck that is not confirmed does not end it', async () => {
        const { message, tracker, story, request } = await placed()
        await plain.flush()
        const work = trackRequest(
          async (given: JsMsg) => {
            // The server does not confirm for a deleted consumer.
            await manager.consumers.delete(stream, given.info.consumer)
            await given.ackAck({ timeout: 200 })
          },
          { tracker },
        )
        await expect(work(message)).rejects.toThrow()
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
      })

      test('a nak, with a delay or without, notes a retry, and the last one completes with outcome error', async () => {
        const { message, next, tracker, story, request, records } = await placed(trackedService(), { max_deliver: 3 })
        const work = trackRequest((given: JsMsg) => given.nak(given.info.deliveryCount * 10), { tracker, attempts: 3 })
        work(message)
        expect(tracker.inFlight()).toEqual([])
        expect(records.at(-1)).toMatchObject({ event: 'RETRY', error: { type: 'Nak' } })
        work(await next())
        work(await next())
        expect(story(request.requestId)).toEqual([
          ...PLACED,
          '(ATTEMPT 1)',
          '(RETRY 1)',
          '(ATTEMPT 2)',
          '(RETRY 2)',
          '(ATTEMPT 3)',
          'Completed 3 error',
        ])
      })

      test.each<[string, (given: JsMsg) => void, number | undefined]>([
        ['nak(ms) says when the message is due', (given) => given.nak(3_600_000), 60],
        ['nak() says nothing', (given) => given.nak(), undefined],
      ])('%s', async (_, settle, minutes) => {
        const { message, tracker, records } = await placed()
        trackRequest(settle, { tracker })(message)
        const { event, due, time = 0 } = records.at(-1) ?? {}
        expect([event, due === undefined ? due : Math.round((due - time) / 60_000)]).toEqual(['RETRY', minutes])
      })

      test('a term completes it with outcome error, and the message is not delivered again', async () => {
        const { message, tracker, story, request, records, consumer } = await placed()
        trackRequest((given: JsMsg) => given.term(), { tracker })(message)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error'])
        expect(records.at(-1)).toMatchObject({ error: { type: 'Term' } })
        await vi.waitFor(async () => expect(await owed(consumer)).toBe(0), SOON)
        // Servers before 2.11 do not support a reason.
        const other = await placed()
        trackRequest((given: JsMsg) => given.term('no such sku'), { tracker: other.tracker })(other.message)
        expect(other.records.at(-1)).toMatchObject({
          outcome: 'error',
          error: { type: 'Term', message: 'no such sku' },
        })
      })

      test('working() does not end it, next() does, and a handler that does neither ends it on return', async () => {
        const { message, tracker, story, request, consumer } = await placed()
        const work = trackRequest(
          (given: JsMsg) => {
            given.working()
            expect(currentRequest()?.ended).toBe(false)
          },
          { tracker },
        )
        work(message)
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok'])
        await plain.flush()
        expect(await owed(consumer)).toBe(1)
        const other = await placed()
        trackRequest(
          (given: JsMsg) => {
            given.next(newSubject())
            expect(currentRequest()?.ended).toBe(true)
          },
          { tracker: other.tracker },
        )(other.message)
      })

      test('after a handler that throws, the message is delivered again after ack_wait, until attempts are used up', async () => {
        const { message, next, tracker, story, request } = await placed(trackedService(), {
          ack_wait: nanos(100),
          max_deliver: 2,
        })
        const work = trackRequest((_message: JsMsg) => Promise.reject(new Error('not yet')), { tracker, attempts: 2 })
        await expect(work(message)).rejects.toThrow('not yet')
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
        await expect(work(await next())).rejects.toThrow('not yet')
        expect(story(request.requestId)).toEqual([
          ...PLACED,
          '(ATTEMPT 1)',
          '(RETRY 1)',
          '(ATTEMPT 2)',
          'Completed 2 error',
        ])
        expect(tracker.inFlight()).toEqual([])
      })

      test.each([undefined, -1, 0])('with attempts: %s there is always another attempt', async (attempts) => {
        const { message, tracker, story, request } = await placed()
        const work = trackRequest((_message: JsMsg) => Promise.reject(new Error('not yet')), {
          tracker,
          ...(attempts === undefined ? {} : { attempts }),
        })
        await expect(work(message)).rejects.toThrow('not yet')
        expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
      })

      test('it works as the callback of consume()', async () => {
        const [queue, { tracker, story }] = [await newQueue(), trackedService()]
        const messages = await queue.consumer.consume({
          callback: trackRequest((message) => message.ack(), { tracker }),
        })
        onTestFinished(() => messages.stop())
        const request = tracker.start()
        await request.run(() => js.publish(queue.subject, 'x'))
        await vi.waitFor(
          () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
          SOON,
        )
      })

      test('without acks, the request ends with the handler, and with attempts: 1 an error is final', async () => {
        const [{ subject }, { tracker, story }] = [await newQueue(), trackedService()]
        const [good, bad] = [tracker.start(), tracker.start()]
        await good.run(() => js.publish(subject, 'good'))
        await bad.run(() => js.publish(subject, 'bad'))
        const ordered = await bare.consumers.get(stream, { filter_subjects: subject })
        const work = trackRequest(
          (message: JsMsg) => {
            if (message.string() === 'bad') throw new Error('bad order')
          },
          { tracker, attempts: 1 },
        )
        let left = 2
        for await (const message of await ordered.consume()) {
          if (message.string() === 'bad') expect(() => work(message)).toThrow('bad order')
          else work(message)
          if (--left === 0) break
        }
        expect([story(good.requestId).at(-1), story(bad.requestId).at(-1)]).toEqual([
          'Completed 1 ok',
          'Completed 1 error',
        ])
      })

      test('a message that is processed again without the server ends once for each attempt', async () => {
        const { message, tracker, story, request } = await placed()
        let tries = 0
        const work = trackRequest(
          (given: JsMsg) => {
            if (++tries === 1) throw new Error('not yet')
            given.ack()
            expect(currentRequest()?.ended).toBe(true)
          },
          { tracker },
        )
        expect(() => work(message)).toThrow('not yet')
        work(message)
        expect(story(request.requestId)).toEqual([
          ...PLACED,
          '(ATTEMPT 1)',
          '(RETRY 1)',
          '(ATTEMPT 1)',
          'Completed 1 ok',
        ])
      })
    })

    describe('with the package nats', () => {
      let elder: older.NatsConnection

      beforeAll(async () => {
        elder = await older.connect({ servers })
      })

      afterAll(() => elder.close())

      test('a JetStream message, from publish to ack, with a retry', async () => {
        const [{ subject, consumer }, { tracker, story, requests }] = [await newQueue(), trackedService()]
        const client = propagate(elder.jetstream({ timeout: SOON }))
        const own = older.headers()
        own.append('Kind', 'order')
        const request = tracker.start()
        await request.run(() => client.publish(subject, 'order 1', { headers: own, msgID: randomUUID() }))
        expect([...own]).toEqual([['Kind', ['order']]])
        const work = trackRequest(
          (message: older.JsMsg) => {
            expect(message.headers?.get('Kind')).toBe('order')
            if (message.info.deliveryCount === 1) message.nak()
            else message.ack()
          },
          { tracker },
        )
        const name = (await consumer.info()).name
        let left = 2
        for await (const message of await (await client.consumers.get(stream, name)).consume()) {
          work(message)
          if (--left === 0) break
        }
        expect(story(request.requestId)).toEqual([
          ...PLACED,
          '(ATTEMPT 1)',
          '(RETRY 1)',
          '(ATTEMPT 2)',
          'Completed 2 ok',
        ])
        expect(requests()).toEqual([request.requestId])
      })

      test('the callback of a push consumer, whose first argument is an error or null', async () => {
        const [{ tracker, story }, subject] = [trackedService(), `${stream}.${randomUUID()}`]
        const options = older
          .consumerOpts()
          .deliverTo(older.createInbox())
          .ackExplicit()
          .manualAck()
          .filterSubject(subject)
        options.callback(trackRequest((_error, message) => message?.ack(), { tracker }))
        // Deprecated, but programs with this package may still use it.
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        const subscription = await elder.jetstream({ timeout: SOON }).subscribe(subject, options)
        onTestFinished(() => subscription.destroy())
        const request = tracker.start()
        await request.run(() => js.publish(subject, 'x'))
        await vi.waitFor(
          () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
          SOON,
        )
      })

      test('calls and published messages', async () => {
        const [subject, shop, catalog] = [newSubject(), trackedService(), trackedService('catalog')]
        const connection = propagate(elder)
        const subscription = elder.subscribe(subject, {
          callback: trackRequest((_error, message) => void message.respond('12 EUR'), { tracker: catalog.tracker }),
        })
        onTestFinished(() => subscription.unsubscribe())
        const request = shop.tracker.start()
        await request.run(async () => {
          expect((await connection.request(subject, 'mug')).string()).toBe('12 EUR')
          connection.publish(subject, 'mug')
          await connection.flush()
        })
        await vi.waitFor(() => expect(catalog.requests()).toHaveLength(2), SOON)
        expect(
          catalog.records.filter(
            (record) => 'parent_id' in record && record.parent_id.slice(0, 13) === request.requestId.slice(0, 13),
          ),
        ).toHaveLength(2)
        expect(shop.story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      })

      test('a subject without a stream', async () => {
        const request = trackedService().tracker.start()
        await expect(
          request.run(() => propagate(elder.jetstream({ timeout: SOON })).publish(newSubject(), 'x')),
        ).rejects.toMatchObject({
          code: '503',
        })
        expect(request.state).toBe('Processing')
      })
    })
  })
})

test('the types of both packages are accepted', () => {
  const options = { service: 'worker' }
  expectTypeOf(propagate<NatsConnection>).returns.toEqualTypeOf<NatsConnection>()
  expectTypeOf(propagate<JetStreamClient>).returns.toEqualTypeOf<JetStreamClient>()
  expectTypeOf(propagate<older.NatsConnection>).returns.toEqualTypeOf<older.NatsConnection>()
  expectTypeOf(propagate<older.JetStreamClient>).returns.toEqualTypeOf<older.JetStreamClient>()
  expectTypeOf<Msg | JsMsg | older.Msg | older.JsMsg>().toExtend<NatsMessageLike>()
  expectTypeOf(newHeaders).toExtend<NonNullable<NonNullable<Parameters<typeof propagate>[1]>['headers']>>()
  expectTypeOf(older.headers).toExtend<NonNullable<NonNullable<Parameters<typeof propagate>[1]>['headers']>>()
  // The parameters of a callback are inferred.
  const subscription: SubscriptionOptions = {
    callback: trackRequest(
      (error, message) => void expectTypeOf([error, message] as const).toEqualTypeOf<readonly [Error | null, Msg]>(),
      options,
    ),
  }
  const elder: older.SubscriptionOptions = {
    callback: trackRequest((_error, message) => void expectTypeOf(message).toEqualTypeOf<older.Msg>(), options),
  }
  expectTypeOf(trackRequest((message: JsMsg) => Promise.resolve(message.seq), options)).toEqualTypeOf<
    (message: JsMsg) => Promise<number>
  >()
  expect([subscription, elder].every(({ callback }) => typeof callback === 'function')).toBe(true)
})

/** The headers of a message, with all values. */
function carriedBy({ headers }: { readonly headers?: MsgHdrs | undefined }): [string, string][] {
  return [...(headers ?? [])].flatMap(([key, values]) => values.map((value): [string, string] => [key, value]))
}

/** The result of a function; undefined if it throws. */
function result(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** A server that records its input and announces what a test wants; if it is mute, it answers only the first PING. */
async function standIn({ headers = true, mute = false }: { readonly headers?: boolean; readonly mute?: boolean }) {
  let received = ''
  const info = {
    server_id: 'S',
    version: '2.9.10',
    proto: 1,
    go: 'go',
    host: '127.0.0.1',
    port: 0,
    client_id: 1,
    max_payload: 1_048_576,
    headers,
  }
  const server = createServer((socket) => {
    let pings = 0
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received += chunk.toString()
      for (const _ of chunk.toString().matchAll(/PING\r\n/g)) if (++pings === 1 || !mute) socket.write('PONG\r\n')
    })
    socket.write(`INFO ${JSON.stringify(info)}\r\n`)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  // A server that listens on TCP has an address of this type.
  return { url: `127.0.0.1:${String((server.address() as AddressInfo).port)}`, received: () => received }
}
