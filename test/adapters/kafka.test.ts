import { randomUUID } from 'node:crypto'
import {
  Kafka,
  logLevel,
  type Consumer,
  type EachBatchHandler,
  type EachMessageHandler,
  type IHeaders,
  type KafkaMessage,
  type Producer,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { headersOfCall, headersOfHandOff, parentOfCall } from '../call-headers.ts'
import { propagate, trackRequest } from '../../src/adapters/kafka.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { SOON } from '../timeouts.ts'
import { startKafkaBroker, type KafkaBroker } from './kafka-broker.ts'
import { trackedService } from './queue-rig.ts'

// kafkajs is real, with its sockets, retries and bytes; the broker is a stand-in.

const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']

describe('kafka', () => {
  let broker: KafkaBroker
  let kafka: Kafka
  let plain: Producer
  /** Its messages are children, by default. */
  let producer: Producer
  /** Its messages are hand-offs. */
  let handOffs: Producer

  beforeAll(async () => {
    broker = await startKafkaBroker()
    kafka = kafkaAt(broker.address)
    plain = kafka.producer()
    producer = propagate(kafka.producer())
    handOffs = propagate(kafka.producer(), { as: 'hand-off' })
    for (const each of [plain, producer, handOffs]) await each.connect()
  })

  afterAll(async () => {
    for (const each of [plain, producer, handOffs]) await each.disconnect()
    await broker.stop()
  })

  const newTopic = (): string => `orders-${randomUUID()}`

  /** Consumes a topic from its start until the test ends. */
  async function consume(
    topic: string,
    handlers: { eachMessage: EachMessageHandler } | { eachBatch: EachBatchHandler },
  ): Promise<Consumer> {
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 })
    onTestFinished(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run(handlers)
    return consumer
  }

  /** The first messages of a topic, as a consumer receives them. */
  async function messagesOf(topic: string, count = 1): Promise<KafkaMessage[]> {
    const messages: KafkaMessage[] = []
    await consume(topic, { eachMessage: async ({ message }) => void messages.push(await Promise.resolve(message)) })
    await vi.waitFor(() => expect(messages).toHaveLength(count), SOON)
    return messages
  }

  test('its types are those of kafkajs', () => {
    const options = { tracker: trackedService().tracker }
    expectTypeOf(propagate(plain)).toEqualTypeOf<Producer>()
    expectTypeOf(
      trackRequest(async ({ topic, partition, message }) => {
        expectTypeOf([topic, partition, message] as const).toEqualTypeOf<readonly [string, number, KafkaMessage]>()
        await Promise.resolve()
      }, options) satisfies EachMessageHandler,
    ).toBeFunction()
    expectTypeOf(
      trackRequest(async (payload) => {
        for (const { offset } of payload.batch.messages) payload.resolveOffset(offset)
        await Promise.resolve()
      }, options) satisfies EachBatchHandler,
    ).toBeFunction()
  })

  describe('sending', () => {
    test('by default a message has the request as its parent, in every group', async () => {
      const topic = newTopic()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      await request.run(() => producer.send({ topic, messages: [{ value: 'order 1' }] }))
      expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      expect(headersOf(await messagesOf(topic))).toEqual([headersOfCall(request)])
      for (const group of [trackedService('packing'), trackedService('billing')]) {
        await consume(topic, { eachMessage: trackRequest(() => Promise.resolve(), { tracker: group.tracker }) })
        await vi.waitFor(
          () => expect(group.story(group.requests()[0] ?? '')).toEqual([...STARTED, 'Responded ok']),
          SOON,
        )
        expect(group.records[0]).toMatchObject({
          trace_id: request.traceId,
          parent_id: parentOfCall(request.requestId),
          path: topic,
        })
      }
    })

    test('with as: hand-off a request is Queued once the broker has answered, and not before', async () => {
      const topic = newTopic()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const sent = request.run(() => handOffs.send({ topic, messages: [{ value: 'order 1' }] }))
      expect(request.state).toBe('Processing')
      expect(await sent).toMatchObject([{ topicName: topic, errorCode: 0 }])
      expect(story(request.requestId)).toEqual(PLACED)
      expect(tracker.inFlight()).toEqual([])
      await request.run(() => handOffs.send({ topic, messages: [{ value: 'order 2' }] }))
      expect(story(request.requestId)).toEqual([...PLACED, '(ENQUEUE)'])
      const [first, second] = headersOf(await messagesOf(topic, 2))
      expect(first).toEqual({
        ...headersOfHandOff(request),
        'x-lifecycle': expect.stringMatching(new RegExp(`^${request.requestId};Queued;3;\\d+$`)) as string,
      })
      expect(second).toEqual(headersOfCall(request))
    })

    test('a function decides by the topic; if it throws, the message is a child', async () => {
      const [mine, others] = [newTopic(), newTopic()]
      const { tracker, records } = trackedService()
      const deciding = propagate(kafka.producer(), {
        as: (topic) => (topic === mine ? 'hand-off' : topic === others ? 'child' : broken()),
      })
      await deciding.connect()
      onTestFinished(() => deciding.disconnect())
      const states: string[] = []
      for (const topic of [mine, others, newTopic()]) {
        const request = tracker.start()
        await request.run(() => deciding.send({ topic, messages: [{ value: 'order 1' }] }))
        states.push(request.state)
      }
      expect(states).toEqual(['Queued', 'Received', 'Received'])
      expect(records.find(({ event }) => event === 'PROPAGATE')?.error?.message).toBe('broken')
    })

    test('several messages in one call are children, and a single message of a batch is a hand-off', async () => {
      const [topic, other] = [newTopic(), newTopic()]
      const { tracker, story } = trackedService()
      const [several, many, one] = [tracker.start(), tracker.start(), tracker.start()]
      await several.run(() => handOffs.send({ topic, messages: [{ value: '1' }, { value: '2' }] }))
      await many.run(() =>
        handOffs.sendBatch({
          topicMessages: [
            { topic, messages: [{ value: '3' }] },
            { topic: other, messages: [{ value: '4' }] },
          ],
        }),
      )
      await one.run(() => handOffs.sendBatch({ topicMessages: [{ topic, messages: [{ value: '5' }] }] }))
      expect([several, many].map(({ requestId }) => story(requestId))).toEqual([
        ['Received', '(ENQUEUE)'],
        ['Received', '(ENQUEUE)'],
      ])
      expect(one.state).toBe('Queued')
      expect(headersOf(await messagesOf(topic, 4))).toMatchObject([
        headersOfCall(several),
        headersOfCall(several, 2),
        headersOfCall(many),
        { 'x-lifecycle': expect.any(String) as string },
      ])
      expect(headersOf(await messagesOf(other))).toEqual([headersOfCall(many, 2)])
    })

    test("the caller's headers of all kinds stay, and the caller's objects are not changed", async () => {
      const topic = newTopic()
      const headers = Object.freeze({
        text: 'a',
        bytes: Buffer.from('b'),
        list: ['c', Buffer.from('d')],
        'x-tenant': 'mugs',
      })
      const message = Object.freeze({ key: 'k', value: 'order 1', headers, partition: 0, timestamp: '1790000000000' })
      const record = Object.freeze({ topic, messages: [message], acks: -1 })
      const request = trackedService().tracker.start()
      await request.run(() => producer.send(record))
      const [received] = await messagesOf(topic)
      expect(headersOf([received])).toEqual([
        { text: 'a', bytes: 'b', list: ['c', 'd'], 'x-tenant': 'mugs', ...headersOfCall(request) },
      ])
      expect([received?.key, received?.value, received?.timestamp].map(String)).toEqual([
        'k',
        'order 1',
        '1790000000000',
      ])
      expect(Object.keys(headers)).toEqual(['text', 'bytes', 'list', 'x-tenant'])
      expect(record.messages).toEqual([message])
    })

    test('a message of another trace, and one of request.enqueue, keep their carrier', async () => {
      const topic = newTopic()
      const { tracker } = trackedService()
      const [relay, placing] = [tracker.start(), tracker.start()]
      const stored = { 'x-trace-id': 'abc-123', 'x-lifecycle': 'b7ad6b7169203331;Queued;3;1790000000000' }
      await relay.run(() => handOffs.send({ topic, messages: [{ value: 'relayed', headers: stored }] }))
      expect(relay.state).toBe('Received')
      await placing.run(() =>
        placing.enqueue((headers) => producer.send({ topic, messages: [{ value: 'placed', headers }] })),
      )
      expect(placing.state).toBe('Queued')
      const [relayed, placed] = headersOf(await messagesOf(topic, 2))
      expect(relayed).toEqual(stored)
      expect(placed).toEqual({
        ...headersOfHandOff(placing),
        'x-lifecycle': expect.stringContaining(placing.requestId) as string,
      })
    })

    test('in a transaction, and with acks: 0, a message is a child', async () => {
      const topic = newTopic()
      const { tracker, story } = trackedService()
      const transacting = propagate(
        kafka.producer({ transactionalId: randomUUID(), idempotent: true, maxInFlightRequests: 1 }),
        { as: 'hand-off' },
      )
      await transacting.connect()
      onTestFinished(() => transacting.disconnect())
      const [inTransaction, unanswered] = [tracker.start(), tracker.start()]
      await inTransaction.run(async () => {
        const transaction = await transacting.transaction()
        await transaction.send({ topic, messages: [{ value: '1' }] })
        await transaction.sendBatch({ topicMessages: [{ topic, messages: [{ value: '2' }] }] })
        expect(transaction.isActive()).toBe(true)
        await transaction.commit()
      })
      await unanswered.run(() => handOffs.send({ topic, messages: [{ value: '3' }], acks: 0 }))
      expect(story(inTransaction.requestId)).toEqual(['Received', '(ENQUEUE)', '(ENQUEUE)'])
      expect(story(unanswered.requestId)).toEqual(['Received', '(ENQUEUE)'])
      expect(headersOf(await messagesOf(topic, 3))).toEqual([
        headersOfCall(inTransaction),
        headersOfCall(inTransaction, 2),
        headersOfCall(unanswered),
      ])
    })

    test('if the broker is down or rejects, the error is thrown, and the request is not Queued', async () => {
      const refusing = await startKafkaBroker()
      onTestFinished(() => refusing.stop())
      const producers = [
        kafkaAt('127.0.0.1:1').producer({ retry: { retries: 0 } }),
        kafkaAt(refusing.address).producer(),
      ] as const
      const [down, refused] = [propagate(producers[0], { as: 'hand-off' }), propagate(producers[1], { as: 'hand-off' })]
      await expect(down.connect()).rejects.toThrow('ECONNREFUSED')
      await refused.connect()
      onTestFinished(() => refused.disconnect())
      refusing.refuse()
      for (const [one, name] of [
        [down, 'KafkaJSError'],
        [refused, 'KafkaJSProtocolError'],
      ] as const) {
        const { tracker, story, requests, records } = trackedService()
        const place = tracker.trackRequest(() => one.send({ topic: newTopic(), messages: [{ value: 'order 1' }] }), {
          carrier: () => undefined,
        })
        await expect(place()).rejects.toMatchObject({ name })
        expect(story(requests()[0] ?? '')).toEqual([...STARTED, '(ENQUEUE)', 'Responded error'])
        expect(records.find(({ event }) => event === 'ENQUEUE')?.error?.type).toBe(name)
      }
    })

    test('calls that kafkajs rejects fail with its own errors', async () => {
      const { tracker } = trackedService()
      // Untyped callers may pass this.
      const nonsense: unknown = { topic: 'orders' }
      const send = (record: unknown): Promise<unknown> =>
        tracker.start().run(() => handOffs.send(record as Parameters<Producer['send']>[0]))
      await expect(send(nonsense)).rejects.toThrow('Invalid messages array')
      await expect(send({ topic: '', messages: [{ value: '1' }] })).rejects.toThrow('Invalid topic')
      await expect(tracker.start().run(() => handOffs.sendBatch({ topicMessages: [] }))).resolves.toEqual([])
    })

    test('outside a request nothing is added, and the wrapped producer has the members of the producer', async () => {
      const topic = newTopic()
      await producer.send({ topic, messages: [{ value: 'order 1' }] })
      await trackedService()
        .tracker.start()
        .run(() => plain.send({ topic, messages: [{ value: 'order 2' }] }))
      expect(headersOf(await messagesOf(topic, 2))).toEqual([{}, {}])
      expect(propagate(producer)).toBe(producer)
      expect(producer.events.CONNECT).toBe('producer.connect')
      expect(producer.on(producer.events.DISCONNECT, () => undefined)).toBeTypeOf('function')
    })
  })

  describe('consuming', () => {
    test('the worker continues the request, which is current and attached to the message', async () => {
      const topic = newTopic()
      const [shop, worker] = [trackedService(), trackedService('worker')]
      const seen: unknown[] = []
      await consume(topic, {
        eachMessage: trackRequest(
          async ({ topic: from, message }) => {
            await new Promise(setImmediate)
            seen.push(from, message.value?.toString(), currentRequest()?.requestId, currentRequest(message)?.requestId)
          },
          { tracker: worker.tracker },
        ),
      })
      const request = shop.tracker.start()
      await request.run(() => handOffs.send({ topic, messages: [{ value: 'order 1' }] }))
      await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 ok']), SOON)
      expect(worker.records.at(-1)).toMatchObject({
        seq: 4,
        from: 'Queued',
        trace_id: request.traceId,
        service: 'worker',
      })
      expect(seen).toEqual([topic, 'order 1', request.requestId, request.requestId])
      expect(worker.tracker.inFlight()).toEqual([])
    })

    test('a message whose handler throws is delivered again, as attempt 1 each time, since Kafka does not count', async () => {
      const topic = newTopic()
      const shop = trackedService()
      const offsets: string[] = []
      await consume(topic, {
        eachMessage: trackRequest(
          ({ message }) => {
            offsets.push(message.offset)
            return offsets.length < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve()
          },
          { tracker: shop.tracker },
        ),
      })
      const request = shop.tracker.start()
      await request.run(() => handOffs.send({ topic, messages: [{ value: 'order 1' }] }))
      await vi.waitFor(
        () =>
          expect(shop.story(request.requestId)).toEqual([
            ...PLACED,
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 1)',
            '(RETRY 1)',
            '(ATTEMPT 1)',
            'Completed 1 ok',
          ]),
        SOON,
      )
      expect(offsets).toEqual(['0', '0', '0'])
      expect(shop.tracker.inFlight()).toEqual([])
      expect(await audit(shop.records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 1 },
      })
    })

    test('a child whose handler throws ends with outcome error, and each retry is a new request', async () => {
      const topic = newTopic()
      const { tracker, story, requests, records } = trackedService()
      let calls = 0
      const request = trackedService().tracker.start()
      await request.run(() => producer.send({ topic, messages: [{ value: 'order 1' }] }))
      await consume(topic, {
        eachMessage: trackRequest(() => (++calls < 2 ? Promise.reject(new Error('not yet')) : Promise.resolve()), {
          tracker,
        }),
      })
      await vi.waitFor(
        () => expect(requests().map((id) => story(id).at(-1))).toEqual(['Responded error', 'Responded ok']),
        SOON,
      )
      expect(story(requests()[0] ?? '')).toEqual([...STARTED, '(RETRY)', 'Responded error'])
      expect(records.filter((record) => 'parent_id' in record)).toMatchObject([
        { parent_id: parentOfCall(request.requestId) },
        { parent_id: parentOfCall(request.requestId) },
      ])
      expect(await audit(records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 2, traces: 1 },
      })
    })

    test('the attempt is read from headers by a function of yours', async () => {
      const topic = newTopic()
      const { tracker, records } = trackedService()
      for (const count of ['2', 'many', '']) {
        await tracker.start().run(() =>
          handOffs.send({
            topic,
            messages: [{ value: 'order 1', headers: count === '' ? {} : { 'retry-count': count } }],
          }),
        )
      }
      const attempt = ({ headers }: { headers?: object | null | undefined }): number | undefined => {
        const count: unknown = Reflect.get(headers ?? {}, 'retry-count')
        return Buffer.isBuffer(count) ? Number(count.toString()) + 1 : broken()
      }
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      onTestFinished(() => stderr.mockRestore())
      await consume(topic, { eachMessage: trackRequest(() => Promise.resolve(), { tracker, attempt }) })
      const ends = () => records.filter(({ state }) => state === 'Completed').map((record) => record.attempt)
      await vi.waitFor(() => expect(ends()).toEqual([3, 1, 1]), SOON)
      expect(tracker.stats.faults).toBe(1)
    })

    test('the messages of a batch each continue their request, none is current, and all end alike', async () => {
      const topic = newTopic()
      const { tracker, story } = trackedService()
      const senders = [tracker.start(), tracker.start(), tracker.start()]
      for (const request of senders) await request.run(() => handOffs.send({ topic, messages: [{ value: 'order 1' }] }))
      const batches: (string | undefined)[][] = []
      let current: TrackedRequest | undefined
      await consume(topic, {
        eachBatch: trackRequest(
          async ({ batch }) => {
            current = currentRequest()
            batches.push(batch.messages.map((message) => currentRequest(message)?.requestId))
            await Promise.resolve()
            if (batches.length < 2) throw new Error('bad batch')
          },
          { tracker },
        ),
      })
      const ids = senders.map(({ requestId }) => requestId)
      for (const id of ids)
        await vi.waitFor(
          () => expect(story(id)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 1)', 'Completed 1 ok']),
          SOON,
        )
      expect(batches).toEqual([ids, ids])
      expect(current).toBeUndefined()
      expect(tracker.inFlight()).toEqual([])
    })

    test('a message that is sent on to a dead-letter topic is a child, whatever carrier it has', async () => {
      const [topic, dead] = [newTopic(), newTopic()]
      const { tracker, story, records, requests } = trackedService()
      const request = tracker.start()
      await request.run(() =>
        handOffs.send({ topic, messages: [{ value: 'order 1', headers: { 'x-tenant': 'mugs' } }] }),
      )
      await consume(topic, {
        eachMessage: trackRequest(
          async ({ message: { key, value, headers = {} } }) => {
            await handOffs.send({
              topic: dead,
              messages: [{ key, value, headers: { ...headers, reason: 'bad order' } }],
            })
          },
          { tracker },
        ),
      })
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok']),
        SOON,
      )
      expect(headersOf(await messagesOf(dead))).toEqual([
        { 'x-tenant': 'mugs', reason: 'bad order', ...headersOfCall(request, 0x801) },
      ])
      await consume(dead, { eachMessage: trackRequest(() => Promise.resolve(), { tracker }) })
      await vi.waitFor(() => expect(story(requests()[1] ?? '').at(-1)).toBe('Responded ok'), SOON)
      expect(records.find(({ request_id }) => request_id === requests()[1])).toMatchObject({
        trace_id: request.traceId,
        parent_id: parentOfCall(request.requestId, 0x801),
        path: dead,
      })
      expect(await audit(records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 2, traces: 1 },
      })
    })

    test('a message without a carrier, or with a repeated id, starts a trace', async () => {
      const topic = newTopic()
      const { tracker, records } = trackedService()
      await plain.send({
        topic,
        messages: [{ value: '1' }, { value: '2', headers: { 'x-trace-id': ['abc-123', Buffer.from('abc-456')] } }],
      })
      await consume(topic, { eachMessage: trackRequest(() => Promise.resolve(), { tracker }) })
      const first = () => records.filter((record) => record.lifecycle === 'transition' && record.seq === 0)
      await vi.waitFor(() => expect(first()).toHaveLength(2), SOON)
      expect(first()[0]).not.toHaveProperty('rejected_id')
      expect(first()[1]).toMatchObject({ rejected_id: true, rejected_length: 14 })
      for (const { trace_id } of first()) expect(trace_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    })
  })

  describe('the vectors of W3C Trace Context, in headers', () => {
    /** Sends each through the unwrapped producer, and returns the requests that they started, in order. */
    async function started(sent: readonly IHeaders[]) {
      const topic = newTopic()
      const { tracker, records } = trackedService()
      const requests: (TrackedRequest | undefined)[] = []
      await plain.send({ topic, messages: sent.map((headers) => ({ value: 'order 1', headers })) })
      await consume(topic, {
        eachMessage: trackRequest(({ message }) => Promise.resolve(void requests.push(currentRequest(message))), {
          tracker,
        }),
      })
      await vi.waitFor(() => expect(requests).toHaveLength(sent.length), SOON)
      const rejected = (request: TrackedRequest | undefined): boolean =>
        records.some((record) => record.request_id === request?.requestId && 'rejected_id' in record)
      return requests.map((request) => ({ request, rejected: rejected(request) }))
    }

    // Each character of a vector is one byte.
    const bytes = (header: string): Buffer => Buffer.from(header, 'latin1')

    test('valid traceparents are used', async () => {
      const requests = await started(VALID.map(([, header]) => ({ traceparent: bytes(header) })))
      for (const [index, [what, , flags]] of VALID.entries()) {
        const { request, rejected } = requests[index] ?? {}
        expect(
          [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected],
          what,
        ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
      }
    })

    test('invalid traceparents start a new trace', async () => {
      const requests = await started(INVALID.map(([, header]) => ({ traceparent: bytes(header), tracestate: 'foo=1' })))
      for (const [index, [what]] of INVALID.entries()) {
        const { request, rejected } = requests[index] ?? {}
        expect(request?.traceId, what).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
        expect([request?.parentId, request?.headers().tracestate, rejected], what).toEqual([undefined, undefined, true])
      }
    })

    test('tracestates are sent on as the standard says', async () => {
      const requests = await started(STATES.map(([, header]) => ({ traceparent: GOOD, tracestate: bytes(header) })))
      for (const [index, [what, , passed]] of STATES.entries())
        expect(requests[index]?.request?.headers().tracestate, what).toBe(passed)
    })
  })
})

function kafkaAt(address: string): Kafka {
  return new Kafka({
    brokers: [address],
    connectionTimeout: SOON,
    requestTimeout: SOON,
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 5 },
  })
}

/** The headers of messages, as strings. */
function headersOf(messages: readonly (KafkaMessage | undefined)[]): Record<string, unknown>[] {
  return messages.map((message) =>
    Object.fromEntries(
      Object.entries(message?.headers ?? {}).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.map(String) : String(value),
      ]),
    ),
  )
}

function broken(): never {
  throw new Error('broken')
}
