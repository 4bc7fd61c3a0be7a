import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectManaged, type AmqpConnectionManager } from 'amqp-connection-manager'
import {
  connect,
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  type GetMessage,
  type Message,
  type Options,
} from 'amqplib'
import * as callbackApi from 'amqplib/callback_api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { headersOfCall, headersOfHandOff, parentOfCall } from '../call-headers.ts'
import { attemptOf, carrierOf } from '../../src/adapters/_amqp/headers.ts'
import { propagate, trackRequest, type AmqpChannelLike, type AmqpMessageLike } from '../../src/adapters/amqplib.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { deferred } from '../deferred.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { SOON } from '../timeouts.ts'
import { describeQueueAdapter } from './queue-contract.ts'
import { trackedService } from './queue-rig.ts'
import { openRig as openManaged } from './queues/amqp-connection-manager.ts'
import { confirmed, openRig } from './queues/amqplib.ts'

const missing = await isBrokerMissing('rabbitmq')
const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']
const FOREIGN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const ORDER = Buffer.from('order 1')
// Untyped callers may set absent options to null.
const NOTHING_SAID = { replyTo: null } as unknown as Options.Publish

describeQueueAdapter('RabbitMQ by amqplib', { rig: 'amqplib', open: openRig, missing })
describeQueueAdapter('RabbitMQ by amqp-connection-manager', {
  rig: 'amqp-connection-manager',
  open: openManaged,
  missing,
})

describe.skipIf(missing)('amqplib', () => {
  let connection: ChannelModel
  /** An unwrapped channel. */
  let plain: Channel
  /** A wrapped confirm channel. */
  let sender: ConfirmChannel

  beforeAll(async () => {
    connection = await connect(BROKERS.rabbitmq)
    plain = await connection.createChannel()
    sender = propagate(await connection.createConfirmChannel())
  })

  afterAll(() => connection.close())

  /** Creates a queue until the test ends. */
  async function newQueue(options: Options.AssertQueue = {}): Promise<string> {
    const { queue } = await plain.assertQueue(`throughline-${randomUUID()}`, options)
    onTestFinished(async () => {
      await plain.deleteQueue(queue)
    })
    return queue
  }

  /** Creates a channel, which may break; by default on the shared connection. */
  async function newChannel(of = connection): Promise<Channel> {
    const channel = await of.createChannel()
    channel.on('error', () => undefined)
    let open = true
    channel.on('close', () => (open = false))
    onTestFinished(() => (open ? channel.close() : undefined))
    return channel
  }

  async function newConfirmChannel(): Promise<ConfirmChannel> {
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => undefined)
    let open = true
    channel.on('close', () => (open = false))
    onTestFinished(() => (open ? channel.close() : undefined))
    return channel
  }

  /** Starts a request that sends one message. */
  async function placed(
    queue: string,
    shop = trackedService(),
    options: Options.Publish = {},
  ): Promise<TrackedRequest> {
    const request = shop.tracker.start()
    await request.run(() => confirmed((done) => sender.sendToQueue(queue, ORDER, options, done)))
    return request
  }

  /** Fetches the single message of a queue. */
  async function fetchOne(queue: string): Promise<GetMessage> {
    return vi.waitFor(async () => {
      const message = await plain.get(queue, { noAck: true })
      if (message === false) throw new Error('no message came')
      return message
    }, SOON)
  }

  /** The last logged error; the sender's records may follow those of a fast worker. */
  function failureIn({ records }: ReturnType<typeof trackedService>) {
    return records.findLast(({ error }) => error !== undefined)?.error
  }

  function carriedBy(message: Message): Readonly<Record<string, unknown>> {
    return { ...message.properties.headers }
  }

  describe('on channels of amqp-connection-manager', () => {
    let manager: AmqpConnectionManager
    beforeAll(() => {
      manager = connectManaged([BROKERS.rabbitmq])
    })
    afterAll(() => manager.close())

    test('a message, and with it its request, waits for a broker; a callback runs in the context of the request', async () => {
      const queue = await newQueue()
      const channel = propagate(manager.createChannel())
      const { tracker, story } = trackedService()
      const [request, other] = [tracker.start(), tracker.start()]
      const sent = request.run(() => channel.sendToQueue(queue, ORDER))
      expect(request.state).toBe('Processing')
      expect(await sent).toBe(true)
      expect(story(request.requestId)).toEqual(PLACED)
      expect(carriedBy(await fetchOne(queue))).toMatchObject({
        'x-lifecycle': expect.stringContaining(`${request.requestId};Queued;3;`) as unknown,
      })
      const called = deferred<unknown[]>()
      other.run(
        () =>
          void channel.publish('', queue, ORDER, {}, (...args) =>
            called.resolve([...args, other.state, currentRequest() === other]),
          ),
      )
      expect(await called.promise).toEqual([null, true, 'Queued', true])
      await channel.close()
    })

    test('a message for the delayed exchange is due when its delay is over', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const request = shop.tracker.start()
      await request.run(async () => {
        sender.sendToQueue(queue, ORDER, { headers: { 'x-delay': 60_000 } })
        await sender.waitForConfirms()
      })
      const { time = 0, due = 0 } = shop.records.at(-1) ?? {}
      expect(Math.round((due - time) / 1_000)).toBe(60)
    })

    test('a message that is dropped unsent hands nothing off, and its rejection is unhandled as without us', async () => {
      const away = connectManaged(['amqp://127.0.0.1:1'], { reconnectTimeInSeconds: 0.01 })
      const channel = propagate(away.createChannel())
      const { tracker, story, records } = trackedService()
      const request = tracker.start()
      const sent = request.run(() => channel.sendToQueue('orders', ORDER))
      await Promise.all([away.close(), expect(sent).rejects.toThrow('Channel closed')])
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      expect(records.at(-1)?.error?.message).toBe('Channel closed')
    })

    test('if the underlying channel is lost, its messages are retried, and later settlements have no effect', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const channel = propagate(manager.createChannel())
      const [started, again] = [deferred(), deferred()]
      const handle = trackRequest(
        (message: ConsumeMessage) => {
          if (!message.fields.redelivered) started.resolve()
          else {
            channel.ack(message)
            again.resolve()
          }
        },
        { tracker: shop.tracker },
      )
      await channel.waitForConnect()
      await channel.consume(queue, handle)
      const request = await placed(queue, shop)
      await started.promise
      manager.reconnect()
      await again.promise
      expect(shop.story(request.requestId)).toEqual([
        ...PLACED,
        '(ATTEMPT 1)',
        '(RETRY 1)',
        '(ATTEMPT 2)',
        'Completed 2 ok',
      ])
      expect(failureIn(shop)?.message).toContain('channel closed')
      expect(shop.tracker.inFlight()).toEqual([])
      await channel.close()
    })
  })

  describe('sending', () => {
    test('a request is Queued once the broker confirms, and the callback runs in its context', async () => {
      const queue = await newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const called = deferred<unknown[]>()
      const result = request.run(() =>
        sender.sendToQueue(queue, ORDER, {}, (...args) =>
          called.resolve([...args, request.state, currentRequest() === request]),
        ),
      )
      expect([result, request.state]).toEqual([true, 'Processing'])
      expect(await called.promise).toEqual([null, 'Queued', true])
      expect(story(request.requestId)).toEqual(PLACED)
      const carried = carriedBy(await fetchOne(queue))
      expect(carried).toEqual({
        ...headersOfHandOff(request),
        'x-lifecycle': expect.stringMatching(`^${request.requestId};Queued;3;\\d+$`) as unknown,
      })
    })

    test('it is also Queued without a callback, and the end of a response waits for the confirm', async () => {
      const queue = await newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      request.run(() => sender.publish('', queue, ORDER))
      request.responded()
      expect(request.state).toBe('Processing')
      await sender.waitForConfirms()
      expect(story(request.requestId).slice(0, 5)).toEqual([...PLACED, '(RESPOND)'])
    })

    test('if the broker rejects the message, the callback gets the error and the request is not Queued', async () => {
      const queue = await newQueue({ maxLength: 1, overflow: 'reject-publish' })
      await confirmed((done) => sender.sendToQueue(queue, ORDER, {}, done))
      const { tracker, story, records } = trackedService()
      const request = tracker.start()
      await expect(request.run(() => confirmed((done) => sender.sendToQueue(queue, ORDER, {}, done)))).rejects.toThrow(
        'message nacked',
      )
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      expect(records.at(-1)?.error?.message).toBe('message nacked')
      await request.run(() => confirmed((done) => sender.sendToQueue(queue, ORDER, {}, done))).catch(() => undefined)
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)', '(ENQUEUE)'])
    })

    test('if the channel closes before the confirm, the request is not Queued, and ends', async () => {
      const channel = propagate(await newConfirmChannel(), { as: 'hand-off' })
      const { tracker, story, records } = trackedService()
      const request = tracker.start()
      // There is no such exchange, so the broker closes the channel.
      const sent = request.run(() => confirmed((done) => channel.publish(randomUUID(), 'x', ORDER, {}, done)))
      await expect(sent).rejects.toThrow('channel closed')
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      expect(records.at(-1)?.error?.message).toBe('channel closed')
      request.responded()
      expect(tracker.inFlight()).toEqual([])
      // The channel is closed now, and throws synchronously.
      const other = tracker.start()
      expect(() => other.run(() => channel.sendToQueue('x', ORDER))).toThrow('Channel closed')
      expect(story(other.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
    })

    test('a mandatory message that no queue accepts is returned, and the request is not Queued', async () => {
      const [queue, channel] = [await newQueue(), propagate(await newConfirmChannel())]
      const { tracker, story, records } = trackedService()
      const [unroutable, routable] = [tracker.start(), tracker.start()]
      const returned = once(channel, 'return')
      await unroutable.run(() =>
        confirmed((done) => channel.sendToQueue(randomUUID(), ORDER, { mandatory: true }, done)),
      )
      expect(await returned).toMatchObject([{ fields: { replyText: 'NO_ROUTE' } }])
      expect(story(unroutable.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      expect(records.at(-1)?.error?.message).toContain('NO_ROUTE')
      await routable.run(() => confirmed((done) => channel.sendToQueue(queue, ORDER, { mandatory: true }, done)))
      expect(story(routable.requestId)).toEqual(PLACED)
      // Without `mandatory` the broker drops it and confirms.
      await unroutable.run(() => confirmed((done) => channel.sendToQueue(randomUUID(), ORDER, {}, done)))
      expect(unroutable.state).toBe('Queued')
    })

    test('without confirms it is Queued immediately, and errors are thrown synchronously', async () => {
      const [queue, channel] = [await newQueue(), propagate(await newChannel())]
      const { tracker, story } = trackedService()
      const [request, other] = [tracker.start(), tracker.start()]
      expect(request.run(() => channel.sendToQueue(queue, ORDER))).toBe(true)
      expect(story(request.requestId)).toEqual(PLACED)
      expect(carriedBy(await fetchOne(queue))).toMatchObject(headersOfHandOff(request))
      // Untyped callers may pass this.
      const text = 'order 1' as unknown as Buffer
      expect(() => other.run(() => channel.sendToQueue(queue, text))).toThrow('content is not a buffer')
      expect(story(other.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      await channel.close()
      expect(() => other.run(() => channel.publish('', queue, ORDER))).toThrow('Channel closed')
      expect(story(other.requestId)).toEqual([...STARTED, '(ENQUEUE)', '(ENQUEUE)'])
    })

    test('a message to an exchange has the request as its parent, which continues, in every consumer', async () => {
      const exchange = `throughline-${randomUUID()}`
      await plain.assertExchange(exchange, 'fanout', { autoDelete: true })
      const [shop, mail, stock] = [trackedService(), trackedService('mail'), trackedService('stock')]
      const queues: string[] = []
      for (const { tracker } of [mail, stock]) {
        const [queue, channel] = [await newQueue(), propagate(await newChannel())]
        await plain.bindQueue(queue, exchange, '')
        queues.push(queue)
        await channel.consume(
          queue,
          trackRequest(
            (message) => {
              if (message !== null) channel.ack(message)
            },
            { tracker },
          ),
        )
      }
      const request = shop.tracker.start()
      await request.run(() => confirmed((done) => sender.publish(exchange, 'sold', ORDER, {}, done)))
      request.authenticated()
      request.processing()
      request.responded()
      expect(shop.story(request.requestId)).toEqual([
        'Received',
        '(ENQUEUE)',
        'Authenticated',
        'Processing',
        'Responded ok',
      ])
      for (const { story, requests, records } of [mail, stock]) {
        await vi.waitFor(() => expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Responded ok']), SOON)
        expect(records[0]).toMatchObject({
          trace_id: request.traceId,
          parent_id: parentOfCall(request.requestId),
          path: queues.shift(),
        })
      }
      expect(await audit([...shop.records, ...mail.records, ...stock.records])).toMatchObject({
        stuck: [],
        invalid: [],
        checked: { requests: 3, traces: 1 },
      })
    })

    test.each<[string, (channel: ConfirmChannel, queue: string) => unknown, string, boolean]>([
      ['to a queue', (channel, queue) => channel.sendToQueue(queue, ORDER), 'queue', true],
      ['to the default exchange', (channel, queue) => channel.publish('', queue, ORDER), 'queue', true],
      ['to an exchange', (channel) => channel.publish('amq.topic', 'some.key', ORDER), 'amq.topic', false],
      [
        'to several queues by CC',
        (channel, queue) => channel.sendToQueue(queue, ORDER, { CC: 'other' }),
        'queue',
        false,
      ],
      [
        'to several queues by BCC',
        (channel, queue) => channel.sendToQueue(queue, ORDER, { BCC: ['other'] }),
        'queue',
        false,
      ],
      ['with null options', (channel, queue) => channel.sendToQueue(queue, ORDER, NOTHING_SAID), 'queue', true],
      [
        'a call',
        (channel, queue) => channel.sendToQueue(queue, ORDER, { replyTo: 'answers', correlationId: '1' }),
        'queue',
        false,
      ],
      ['an answer', (channel) => channel.sendToQueue('amq.gen-x', ORDER, { correlationId: '1' }), 'amq.gen-x', false],
    ])('%s: hand-off or child, by `as` or else by default', async (_, send, to, byDefault) => {
      const queue = await newQueue()
      const destinations: string[] = []
      const decide = (as: 'hand-off' | 'child') => (destination: string) => {
        destinations.push(destination === queue ? 'queue' : destination)
        return as
      }
      for (const [as, handsOff] of [
        [undefined, byDefault],
        ['child', false],
        ['hand-off', true],
        [decide('child'), false],
        [decide('hand-off'), true],
      ] as const) {
        const channel = propagate(await newConfirmChannel(), as === undefined ? {} : { as })
        const { tracker, story } = trackedService()
        const request = tracker.start()
        request.run(() => send(channel, queue))
        await channel.waitForConfirms()
        expect(story(request.requestId)).toEqual(handsOff ? PLACED : ['Received', '(ENQUEUE)'])
      }
      expect(destinations).toEqual([to, to])
    })

    test('an `as` that throws is noted, and the message is a child', async () => {
      const [queue, channel] = [
        await newQueue(),
        propagate(await newChannel(), {
          as: () => {
            throw new Error('no idea')
          },
        }),
      ]
      const { tracker, story } = trackedService()
      const request = tracker.start()
      request.run(() => channel.sendToQueue(queue, ORDER))
      expect(story(request.requestId)).toEqual(['Received', '(PROPAGATE)', '(ENQUEUE)'])
    })

    test('a call and its answer: the service that answers has its own request, which ends with its work', async () => {
      const [prices, shop, catalog] = [await newQueue(), trackedService(), trackedService('catalog')]
      const { queue: answers } = await plain.assertQueue('', { exclusive: true })
      const channel = propagate(await newChannel())
      await channel.consume(
        prices,
        trackRequest(
          (message) => {
            if (message === null) return
            const { replyTo, correlationId } = message.properties as { replyTo: string; correlationId: string }
            channel.sendToQueue(replyTo, Buffer.from('12 EUR'), { correlationId })
            channel.ack(message)
          },
          { tracker: catalog.tracker },
        ),
      )
      const request = shop.tracker.start()
      await request.run(() =>
        confirmed((done) =>
          sender.sendToQueue(prices, Buffer.from('mug'), { replyTo: answers, correlationId: 'call 1' }, done),
        ),
      )
      const answer = await fetchOne(answers)
      expect([answer.content.toString(), answer.properties.correlationId]).toEqual(['12 EUR', 'call 1'])
      expect(shop.story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
      expect(catalog.requests().map(catalog.story)).toEqual([[...STARTED, '(ENQUEUE)', 'Responded ok']])
      expect(catalog.records[0]).toMatchObject({ parent_id: parentOfCall(request.requestId) })
    })

    test("the caller's headers stay, and the caller's objects are not changed", async () => {
      const queue = await newQueue()
      const request = trackedService().tracker.start({ traceparent: FOREIGN, tracestate: 'vendor=1' })
      const headers = Object.assign(Object.create({ inherited: 'yes' }) as object, { kind: 'order', retries: 3 })
      const options = Object.freeze({
        headers: Object.freeze(headers),
        correlationId: 'mine',
        persistent: true,
        CC: ['other'],
      })
      await request.run(() => confirmed((done) => sender.sendToQueue(queue, ORDER, options, done)))
      const { properties, fields } = await fetchOne(queue)
      expect(properties).toMatchObject({ correlationId: 'mine', deliveryMode: 2 })
      expect(fields.routingKey).toBe(queue)
      expect(properties.headers).toEqual({
        kind: 'order',
        retries: 3,
        inherited: 'yes',
        CC: ['other'],
        ...headersOfCall(request),
      })
      expect(Object.keys(headersOfCall(request))).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
      expect(options).toEqual({
        headers: { kind: 'order', retries: 3 },
        correlationId: 'mine',
        persistent: true,
        CC: ['other'],
      })
    })

    test.each<[string, Readonly<Record<string, unknown>>]>([
      ['a traceparent', { traceparent: FOREIGN }],
      ['a trace id, in any case', { 'X-Trace-ID': 'abc-1' }],
    ])('headers of another trace stay, all of them: %s', async (_, headers) => {
      const queue = await newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start({ tracestate: 'vendor=1' })
      await request.run(() => confirmed((done) => sender.sendToQueue(queue, ORDER, { headers }, done)))
      expect(carriedBy(await fetchOne(queue))).toEqual(headers)
      expect(story(request.requestId)).toEqual(['Received'])
    })

    test('headers of request.enqueue() stay', async () => {
      const queue = await newQueue()
      const { tracker, story } = trackedService()
      const request = tracker.start()
      await request.run(() =>
        request.enqueue((headers) => confirmed((done) => sender.sendToQueue(queue, ORDER, { headers }, done))),
      )
      expect(story(request.requestId)).toEqual(PLACED)
      expect(Object.keys(carriedBy(await fetchOne(queue))).sort()).toEqual(['traceparent', 'x-lifecycle', 'x-trace-id'])
    })

    test('headers of a received message that are sent on do not hand its request off again', async () => {
      const [queue, letters, channel] = [await newQueue(), await newQueue(), propagate(await newChannel())]
      const shop = trackedService()
      const { tracker, story, records } = shop
      await channel.consume(
        queue,
        trackRequest(
          (message) => {
            if (message === null) return
            sender.sendToQueue(letters, message.content, message.properties)
            channel.ack(message)
          },
          { tracker },
        ),
      )
      const request = await placed(queue, shop)
      expect(carriedBy(await fetchOne(letters))).toEqual(headersOfCall(request, 0x801))
      await vi.waitFor(
        () => expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok', '(ENQUEUE 1)']),
        SOON,
      )
      expect(await audit(records)).toMatchObject({
        stuck: [],
        invalid: [],
        gaps: [],
        duplicates: 0,
        checked: { requests: 1 },
      })
    })

    test('headers that would be too long with ours are sent without ours', async () => {
      const [queue, channel] = [await newQueue(), propagate(await newChannel())]
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const headers = { long: 'x'.repeat(65_450) }
      expect(request.run(() => channel.sendToQueue(queue, ORDER, { headers }))).toBe(true)
      expect(carriedBy(await fetchOne(queue))).toEqual(headers)
      expect(story(request.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
      expect(() =>
        request.run(() => channel.sendToQueue(queue, ORDER, { headers: { long: 'x'.repeat(66_000) } })),
      ).toThrow(RangeError)
    })

    test('outside a request nothing is added', async () => {
      const queue = await newQueue()
      await confirmed((done) => sender.sendToQueue(queue, ORDER, { headers: { kind: 'order' } }, done))
      expect(carriedBy(await fetchOne(queue))).toEqual({ kind: 'order' })
      expect(sender.publish('', queue, ORDER)).toBe(true)
      expect(carriedBy(await fetchOne(queue))).toEqual({})
    })

    test('the wrapped channel has the members of the channel, and nothing is wrapped twice', () => {
      const channel = propagate(plain)
      expect(propagate(channel)).toBe(channel)
      expect(propagate(plain)).toBe(channel)
      expect(channel.connection).toBe(plain.connection)
      expect(channel).toBeInstanceOf(plain.constructor)
      const listener = (): void => undefined
      expect(channel.on('drain', listener)).toBe(channel)
      expect(plain.off('drain', listener).listenerCount('drain')).toBe(0)
    })
  })

  describe('consuming', () => {
    /** Consumes a queue on a channel of `propagate`, by which messages are settled. */
    async function work(
      queue: string,
      shop: ReturnType<typeof trackedService>,
      handler: (message: ConsumeMessage, channel: Channel) => unknown,
      {
        consume = {},
        on,
        ...retries
      }: {
        consume?: Options.Consume
        on?: Channel
        attempts?: number
        willRetry?: (message: ConsumeMessage, attempt: number) => boolean
      } = {},
    ): Promise<Channel> {
      const channel = on ?? propagate(await newChannel())
      const handle = trackRequest(
        (message: ConsumeMessage | null) => (message === null ? undefined : handler(message, channel)),
        { tracker: shop.tracker, ...retries },
      )
      // amqplib ignores the handler's promise: an unhandled rejection would end the process.
      await channel.consume(queue, (message) => void Promise.resolve(handle(message)).catch(() => undefined), consume)
      return channel
    }

    test('the request ends with the ack, not when the handler returns', async () => {
      const [queue, shop, message] = [await newQueue(), trackedService(), deferred<ConsumeMessage>()]
      const channel = await work(queue, shop, (given) => message.resolve(given))
      const request = await placed(queue, shop)
      const given = await message.promise
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)'])
      expect(shop.tracker.inFlight()).toEqual([currentRequest(given)])
      channel.ack(given)
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok'])
      expect(shop.tracker.inFlight()).toEqual([])
      expect(shop.records.at(-1)).toMatchObject({ from: 'Queued', seq: 4 })
    })

    test.each<[string, (channel: Channel, message: ConsumeMessage) => unknown]>([
      ['nack', (channel, message) => channel.nack(message)],
      ['reject', (channel, message) => channel.reject(message)],
      ['nack with requeue', (channel, message) => channel.nack(message, false, true)],
      ['reject with requeue', (channel, message) => channel.reject(message, true)],
      ['nackAll', (channel) => channel.nackAll()],
      ['recover', (channel) => channel.recover()],
    ])('%s notes a retry, and a classic queue flags the redelivery', async (_, refuse) => {
      const [queue, shop] = [await newQueue(), trackedService()]
      let calls = 0
      await work(queue, shop, (message, channel) => (++calls < 3 ? refuse(channel, message) : channel.ack(message)))
      const request = await placed(queue, shop)
      // A classic queue has no count, only a flag.
      const story = [...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', '(RETRY 2)', '(ATTEMPT 2)', 'Completed 2 ok']
      await vi.waitFor(() => expect(shop.story(request.requestId)).toEqual(story), SOON)
      expect(shop.records.find(({ event }) => event === 'RETRY')?.error).toMatchObject({ type: 'Requeue' })
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test.each<[string, (channel: Channel, message: ConsumeMessage) => unknown]>([
      ['nack', (channel, message) => channel.nack(message, false, false)],
      ['reject', (channel, message) => channel.reject(message, false)],
      ['nackAll', (channel) => channel.nackAll(false)],
    ])('%s without requeue completes the request with outcome error', async (_, refuse) => {
      const [queue, shop] = [await newQueue(), trackedService()]
      await work(queue, shop, (message, channel) => refuse(channel, message))
      const request = await placed(queue, shop)
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
        SOON,
      )
      expect(failureIn(shop)).toMatchObject({ type: 'Reject' })
    })

    test('settling all messages up to one settles exactly those', async () => {
      const [queue, shop, all] = [await newQueue(), trackedService(), deferred()]
      const given: ConsumeMessage[] = []
      const channel = await work(queue, shop, (message) => given.push(message) === 6 && all.resolve())
      const requests: TrackedRequest[] = []
      for (let n = 0; n < 6; n++) requests.push(await placed(queue, shop))
      await all.promise
      const ends = (): (string | undefined)[] => requests.map(({ requestId }) => shop.story(requestId).at(-1))
      const [, second, third, fourth] = given
      if (second === undefined || third === undefined || fourth === undefined) throw new Error('six came')
      channel.ack(second, true)
      expect(ends()).toEqual([
        'Completed 1 ok',
        'Completed 1 ok',
        '(ATTEMPT 1)',
        '(ATTEMPT 1)',
        '(ATTEMPT 1)',
        '(ATTEMPT 1)',
      ])
      channel.ack(fourth)
      channel.nack(fourth, true, false)
      expect(ends().slice(2)).toEqual(['Completed 1 error', 'Completed 1 ok', '(ATTEMPT 1)', '(ATTEMPT 1)'])
      channel.ackAll()
      expect(ends().slice(4)).toEqual(['Completed 1 ok', 'Completed 1 ok'])
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('if the channel closes before the ack, the message is retried, and delivered to another consumer', async () => {
      const [queue, shop, started] = [
        await newQueue({ arguments: { 'x-queue-type': 'quorum' } }),
        trackedService(),
        deferred(),
      ]
      const channel = await work(queue, shop, () => started.resolve(), { attempts: 0 })
      const request = await placed(queue, shop)
      await started.promise
      await channel.close()
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
      expect(failureIn(shop)?.message).toContain('channel closed')
      expect(shop.tracker.inFlight()).toEqual([])
      await work(queue, shop, (message, successor) => successor.ack(message))
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
    })

    test('a handler that rejects without settling is retried, and its error is passed on', async () => {
      const [queue, shop, failure] = [await newQueue(), trackedService(), new Error('bad order')]
      const channel = propagate(await newChannel())
      const seen = deferred<unknown>()
      const handle = trackRequest((_message: ConsumeMessage | null) => Promise.reject(failure), {
        tracker: shop.tracker,
      })
      await channel.consume(queue, (message) => void handle(message).catch(seen.resolve))
      const request = await placed(queue, shop)
      expect(await seen.promise).toBe(failure)
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)']),
        SOON,
      )
      expect(failureIn(shop)).toEqual({ type: 'Error', message: 'bad order' })
      expect(shop.tracker.inFlight()).toEqual([])
      await channel.close()
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
    })

    test('a handler that throws breaks the connection, as without us, and the message is retried', async () => {
      const [queue, shop, failure] = [await newQueue(), trackedService(), new Error('bad order')]
      const other = await connect(BROKERS.rabbitmq)
      const [broken, closed] = [once(other, 'error'), deferred()]
      other.on('close', () => closed.resolve())
      const channel = propagate(await other.createChannel())
      await channel.consume(
        queue,
        trackRequest(
          () => {
            throw failure
          },
          { tracker: shop.tracker },
        ),
      )
      const request = await placed(queue, shop)
      expect(await broken).toEqual([failure])
      await closed.promise
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
      expect(failureIn(shop)?.message).toBe('bad order')
      await work(queue, shop, (message, successor) => successor.ack(message))
      await vi.waitFor(() => expect(shop.story(request.requestId).at(-1)).toBe('Completed 2 ok'), SOON)
    })

    test('so does a function around it that throws afterwards', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const other = await connect(BROKERS.rabbitmq)
      const broken = once(other, 'error')
      const channel = propagate(await other.createChannel())
      const handle = trackRequest((_message: ConsumeMessage | null) => undefined, { tracker: shop.tracker })
      await channel.consume(queue, (message) => {
        handle(message)
        throw new Error('not this one')
      })
      const request = await placed(queue, shop)
      await broken
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)']),
        SOON,
      )
      expect(failureIn(shop)?.message).toBe('not this one')
    })

    test.each(['throw error', 'return Promise.reject(error)'])(
      'a process that ends by the error has logged it: %s',
      async (statement) => {
        const [queue, shop] = [await newQueue(), trackedService()]
        const adapter = new URL('../../src/adapters/amqplib.ts', import.meta.url).href
        const program = `
        import { connect } from 'amqplib'
        import { propagate, trackRequest } from '${adapter}'
        const channel = propagate(await (await connect('${BROKERS.rabbitmq}')).createChannel())
        const error = new Error('bad order')
        await channel.consume('${queue}', trackRequest(() => { ${statement} }, { service: 'doomed' }))`
        const request = await placed(queue, shop)
        const exited = deferred<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>()
        execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], (error, stdout, stderr) =>
          exited.resolve({ code: error?.code, stdout, stderr }),
        )
        const { code, stdout, stderr } = await exited.promise
        const events = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { event: string; request_id: string; error?: { message: string } })
        expect([code, stderr.includes('bad order')]).toEqual([1, true])
        expect(
          events.map(({ event, request_id, error }) => [event, request_id === request.requestId, error?.message]),
        ).toEqual([
          ['ATTEMPT', true, undefined],
          ['RETRY', true, 'bad order'],
        ])
      },
      60_000,
    )

    test('a message whose error is caught, and which is then settled, ends as it was settled', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const channel = propagate(await newChannel())
      const handle = trackRequest(
        (message: ConsumeMessage | null): unknown => {
          if (message?.content.toString() === 'at once') throw new Error('bad order')
          return Promise.reject(new Error('bad order'))
        },
        { tracker: shop.tracker },
      )
      await channel.consume(queue, (message) => {
        if (message === null) return
        void (async () => {
          try {
            await handle(message)
          } catch {
            channel.nack(message, false, false)
          }
        })()
      })
      for (const body of ['at once', 'later']) {
        const request = shop.tracker.start()
        await request.run(() => confirmed((done) => sender.sendToQueue(queue, Buffer.from(body), {}, done)))
        await vi.waitFor(
          () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
          SOON,
        )
        expect(failureIn(shop)?.message).toBe('bad order')
      }
    })

    test('a message that was requeued, and then failed, is not part of later settlements', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      await work(queue, shop, (message, channel) => {
        if (message.fields.redelivered) {
          channel.ackAll()
          return undefined
        }
        channel.nack(message)
        return Promise.reject(new Error('bad order'))
      })
      const request = await placed(queue, shop)
      await vi.waitFor(() => expect(shop.story(request.requestId)).toContain('Completed 2 ok'), SOON)
      expect(shop.story(request.requestId)).toEqual([
        ...PLACED,
        '(ATTEMPT 1)',
        '(RETRY 1)',
        '(ATTEMPT 2)',
        'Completed 2 ok',
      ])
    })

    test.each<[string, (channel: Channel, message: ConsumeMessage) => unknown, string[]]>([
      ['given up', (channel, message) => channel.nack(message, false, false), ['Completed 1 error']],
      ['acknowledged', (channel, message) => channel.ack(message), ['Completed 1 ok']],
      ['left until its channel closes', (channel) => channel.close(), []],
    ])('a message that failed and is %s much later', async (_, answer, end) => {
      const [queue, shop, failed] = [await newQueue(), trackedService(), deferred<ConsumeMessage>()]
      const channel = await work(queue, shop, (message) => {
        failed.resolve(message)
        return Promise.reject(new Error('bad order'))
      })
      const request = await placed(queue, shop)
      const message = await failed.promise
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)']),
        SOON,
      )
      await answer(channel, message)
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)', ...end])
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('with attempts, the last failure is final, in whatever way it fails', async () => {
      const queue = await newQueue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } })
      const shop = trackedService()
      const failures: ((channel: Channel, message: ConsumeMessage) => unknown)[] = [
        (channel, message) => channel.reject(message),
        (channel) => channel.close(),
        () => Promise.reject(new Error('bad order')),
      ]
      let calls = 0
      const handler = (message: ConsumeMessage, channel: Channel): unknown => failures[calls++]?.(channel, message)
      await work(queue, shop, handler, { attempts: 3 })
      const request = await placed(queue, shop)
      await vi.waitFor(() => expect(shop.story(request.requestId).at(-1)).toBe('(RETRY 2)'), SOON)
      await work(queue, shop, handler, { attempts: 3 })
      const story = [
        ...PLACED,
        '(ATTEMPT 1)',
        '(RETRY 1)',
        '(ATTEMPT 2)',
        '(RETRY 2)',
        '(ATTEMPT 3)',
        'Completed 3 error',
      ]
      await vi.waitFor(() => expect(shop.story(request.requestId)).toEqual(story), SOON)
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('a retry loop through a delay queue: attempts 1, 2, 3, and one end', async () => {
      const queue = `throughline-${randomUUID()}`
      const waiting = await newQueue({ messageTtl: 10, deadLetterExchange: '', deadLetterRoutingKey: queue })
      await plain.assertQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: waiting })
      onTestFinished(async () => {
        await plain.deleteQueue(queue)
      })
      const [shop, questions] = [trackedService(), [] as [string, number][]]
      const willRetry = (message: ConsumeMessage, attempt: number): boolean => {
        questions.push([message.content.toString(), attempt])
        return attempt < 3
      }
      let calls = 0
      await work(
        queue,
        shop,
        (message, channel) => (++calls < 3 ? channel.reject(message, false) : channel.ack(message)),
        { willRetry },
      )
      const request = await placed(queue, shop)
      const story = [...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', '(RETRY 2)', '(ATTEMPT 3)', 'Completed 3 ok']
      await vi.waitFor(() => expect(shop.story(request.requestId)).toEqual(story), SOON)
      expect(questions).toEqual([
        ['order 1', 1],
        ['order 1', 2],
      ])
      expect(await audit(shop.records)).toMatchObject({
        stuck: [],
        invalid: [],
        duplicates: 0,
        checked: { requests: 1 },
      })
    })

    test('a willRetry that throws is counted, and counts as false', async () => {
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      onTestFinished(() => stderr.mockRestore())
      const [queue, shop] = [await newQueue(), trackedService()]
      await work(queue, shop, (message, channel) => channel.reject(message, false), {
        willRetry: () => {
          throw new Error('no idea')
        },
      })
      const request = await placed(queue, shop)
      await vi.waitFor(() => expect(shop.story(request.requestId).at(-1)).toBe('Completed 1 error'), SOON)
      expect(shop.tracker.stats.faults).toBe(1)
    })

    test('a message that only waited in another queue continues its request', async () => {
      const queue = await newQueue()
      const delayed = await newQueue({ messageTtl: 10, deadLetterExchange: '', deadLetterRoutingKey: queue })
      const shop = trackedService()
      await work(queue, shop, (message, channel) => channel.ack(message))
      const request = await placed(delayed, shop)
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
        SOON,
      )
    })

    test.each(['classic', 'quorum'])(
      'a dead letter of a %s queue is a new request, with the failed one as its parent',
      async (type) => {
        const dead = await newQueue()
        const queue = await newQueue({
          deadLetterExchange: '',
          deadLetterRoutingKey: dead,
          arguments: { 'x-queue-type': type, ...(type === 'quorum' ? { 'x-delivery-limit': 1 } : {}) },
        })
        const [shop, deadLetters] = [trackedService(), trackedService('deadLetters')]
        // One is rejected; the other has reached its delivery limit.
        await work(queue, shop, (message, channel) => channel.reject(message, type === 'quorum'), { attempts: 2 })
        let deliveries = 0
        await work(dead, deadLetters, (message, channel) =>
          ++deliveries === 1 ? channel.nack(message) : channel.ack(message),
        )
        const request = await placed(queue, shop)
        await vi.waitFor(
          () => expect(deadLetters.records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'ok' }),
          SOON,
        )
        expect(shop.story(request.requestId).at(-1)).toBe(type === 'quorum' ? 'Completed 2 error' : 'Completed 1 error')
        // Each delivery started a request.
        expect(deadLetters.requests().map(deadLetters.story)).toEqual([
          [...STARTED, '(RETRY)', 'Responded error'],
          [...STARTED, 'Responded ok'],
        ])
        expect(deadLetters.records[0]).toMatchObject({
          trace_id: request.traceId,
          parent_id: request.requestId,
          path: dead,
        })
      },
    )

    test('with noAck the request ends with the handler, and an error is final', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      await work(
        queue,
        shop,
        (message) =>
          message.content.toString() === 'bad' ? Promise.reject(new Error('bad order')) : Promise.resolve(),
        { consume: { noAck: true } },
      )
      const good = await placed(queue, shop)
      await vi.waitFor(
        () => expect(shop.story(good.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 ok']),
        SOON,
      )
      const bad = shop.tracker.start()
      await bad.run(() => confirmed((done) => sender.sendToQueue(queue, Buffer.from('bad'), {}, done)))
      await vi.waitFor(
        () => expect(shop.story(bad.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
        SOON,
      )
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('on an unwrapped channel the request ends with the handler, and an error counts as a retry', async () => {
      const [queue, shop] = [await newQueue({ arguments: { 'x-queue-type': 'quorum' } }), trackedService()]
      const channel = await newChannel()
      await work(
        queue,
        shop,
        (message, bare) => {
          const failed = !message.fields.redelivered
          if (failed) bare.reject(message)
          else bare.ack(message)
          return failed ? Promise.reject(new Error('not yet')) : Promise.resolve()
        },
        { on: channel },
      )
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
      // The path is the routing key, by which the sender named the queue.
      plain.sendToQueue(queue, ORDER)
      await vi.waitFor(
        () => expect(shop.records.some((record) => 'path' in record && record.path === queue)).toBe(true),
        SOON,
      )
    })

    test('an ack on the unwrapped channel is not seen: the request is open until the channel closes', async () => {
      const [queue, shop, acked] = [await newQueue(), trackedService(), deferred()]
      const bare = await newChannel()
      await work(
        queue,
        shop,
        (message) => {
          bare.ack(message)
          acked.resolve()
        },
        { on: propagate(bare) },
      )
      const request = await placed(queue, shop)
      await acked.promise
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)'])
      await bare.close()
      expect(shop.story(request.requestId).at(-1)).toBe('(RETRY 1)')
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('a message that is processed after its ack ends with its handler', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const channel = propagate(await newChannel())
      const handle = trackRequest((_message: ConsumeMessage) => Promise.reject(new Error('too late')), {
        tracker: shop.tracker,
      })
      await channel.consume(queue, (message) => {
        if (message === null) return
        channel.ack(message)
        handle(message).catch(() => undefined)
      })
      const request = await placed(queue, shop)
      await vi.waitFor(
        () => expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error']),
        SOON,
      )
    })

    test('a fetched message is tracked like a delivered one', async () => {
      const [queue, shop] = [await newQueue(), trackedService()]
      const channel = propagate(await newChannel())
      expect(await channel.get(queue)).toBe(false)
      const [first, second] = [await placed(queue, shop), await placed(queue, shop)]
      const handle = trackRequest((_message: GetMessage) => undefined, { tracker: shop.tracker })
      const message = await channel.get(queue)
      if (message === false) throw new Error('no message came')
      handle(message)
      expect(shop.story(first.requestId).at(-1)).toBe('(ATTEMPT 1)')
      channel.ack(message)
      expect(shop.story(first.requestId).at(-1)).toBe('Completed 1 ok')
      const last = await channel.get(queue, { noAck: true })
      if (last === false) throw new Error('no message came')
      handle(last)
      expect(shop.story(second.requestId).at(-1)).toBe('Completed 1 ok')
    })

    test('null, which reports a cancelled consumer, is passed on and starts no request', async () => {
      const shop = trackedService()
      const { queue } = await plain.assertQueue(`throughline-${randomUUID()}`)
      const called = deferred<unknown>()
      const channel = propagate(await newChannel())
      await channel.consume(
        queue,
        trackRequest((message: ConsumeMessage | null) => called.resolve(message), { tracker: shop.tracker }),
      )
      await plain.deleteQueue(queue)
      expect(await called.promise).toBeNull()
      expect(shop.records).toEqual([])
    })

    test('a settlement that amqplib rejects ends nothing, and other settlements are passed on', async () => {
      const [queue, shop, message] = [await newQueue(), trackedService(), deferred<ConsumeMessage>()]
      const channel = await work(queue, shop, (given) => message.resolve(given))
      const request = await placed(queue, shop)
      const given = await message.promise
      // Untyped callers may pass this.
      expect(() => channel.ack(undefined as unknown as Message)).toThrow(TypeError)
      expect(shop.story(request.requestId).at(-1)).toBe('(ATTEMPT 1)')
      channel.ack({ ...given, content: ORDER })
      expect(shop.story(request.requestId).at(-1)).toBe('Completed 1 ok')
      const other = propagate(await newChannel())
      // Tags are valid on their own channel only: the broker closes this one.
      const closed = deferred()
      other.on('close', closed.resolve)
      other.ack(given)
      await closed.promise
    })
  })

  test('the callback API behaves the same', async () => {
    const queue = await newQueue({ arguments: { 'x-queue-type': 'quorum' } })
    const model = await callbackResult<callbackApi.Connection>((done) => callbackApi.connect(BROKERS.rabbitmq, done))
    onTestFinished(() => model.close())
    const [confirming, consuming] = [
      propagate(await callbackResult<callbackApi.ConfirmChannel>((done) => model.createConfirmChannel(done))),
      propagate(await callbackResult<callbackApi.Channel>((done) => model.createChannel(done))),
    ]
    const shop = trackedService()
    const request = shop.tracker.start()
    await request.run(() => confirmed((done) => confirming.sendToQueue(queue, ORDER, {}, done)))
    expect(shop.story(request.requestId)).toEqual(PLACED)
    const fetched = await callbackResult<GetMessage | false>((done) => consuming.get(queue, {}, done))
    if (fetched === false) throw new Error('no message came')
    trackRequest((message: GetMessage) => consuming.nack(message), { tracker: shop.tracker })(fetched)
    expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)'])
    const { consumerTag } = await callbackResult<{ consumerTag: string }>((done) =>
      consuming.consume(
        queue,
        trackRequest(
          (message) => {
            if (message !== null) consuming.ack(message)
          },
          { tracker: shop.tracker },
        ),
        {},
        done,
      ),
    )
    expect(consumerTag).toBeTypeOf('string')
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
    const unroutable = shop.tracker.start()
    const channel = propagate(
      await callbackResult<callbackApi.ConfirmChannel>((done) => model.createConfirmChannel(done)),
      {
        as: 'hand-off',
      },
    )
    channel.on('error', () => undefined)
    await expect(
      unroutable.run(() => confirmed((done) => channel.publish(randomUUID(), 'x', ORDER, {}, done))),
    ).rejects.toThrow('channel closed')
    expect(shop.story(unroutable.requestId)).toEqual([...STARTED, '(ENQUEUE)'])
  })
})

/** The result that a callback receives. */
function callbackResult<T>(ask: (done: (error: unknown, answer: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, answer) => ((error ?? undefined) === undefined ? resolve(answer) : reject(error)))
  })
}

describe('what RabbitMQ says about earlier deliveries', () => {
  function message(headers: object | undefined, redelivered = false): AmqpMessageLike {
    return { fields: { deliveryTag: 1, redelivered, exchange: '', routingKey: 'orders' }, properties: { headers } }
  }
  const death = (queue: string, reason = 'rejected', count: unknown = 1): object => ({ queue, reason, count })

  test.each<[string, number, object | undefined, boolean?]>([
    ['nothing', 1, undefined],
    ['no such header', 1, { kind: 'order' }],
    ['redelivered', 2, {}, true],
    ['x-delivery-count of a quorum queue', 3, { 'x-delivery-count': 2 }, true],
    [
      'x-acquired-count of a quorum queue since 4.3, where a nack is not a failure',
      4,
      { 'x-delivery-count': 1, 'x-acquired-count': 3 },
      true,
    ],
    [
      'x-death, of a dead letter exchange',
      3,
      { 'x-death': [death('waiting', 'expired', 2), death('orders', 'rejected', 2)] },
    ],
    ['both', 4, { 'x-delivery-count': 1, 'x-death': [death('orders', 'rejected', 2)] }, true],
    ['x-death with reason expired, before any delivery', 1, { 'x-death': [death('orders', 'expired', 7)] }],
    ['x-death of another queue', 1, { 'x-death': [death('invoices', 'rejected', 7)] }],
    [
      'impossible values',
      1,
      { 'x-delivery-count': -3, 'x-acquired-count': '7', 'x-death': [death('orders', 'rejected', NaN), null, 'x'] },
    ],
  ])('%s', (_, attempt, headers, redelivered) => {
    expect(attemptOf(message(headers, redelivered), 'orders')).toBe(attempt)
  })

  test('without a known queue, the dead-letterings of all queues count', () => {
    expect(
      attemptOf(
        message({ 'x-death': [death('orders', 'rejected', 2), death('invoices', 'delivery_limit')] }),
        undefined,
      ),
    ).toBe(4)
  })

  test.each<[string, boolean, readonly object[], string | undefined]>([
    ['was not dead-lettered', true, [], 'orders'],
    ['was rejected in another queue', false, [death('orders')], 'dead'],
    ['reached its delivery limit in another queue', false, [death('orders', 'delivery_limit')], 'dead'],
    ['expired in another queue', true, [death('orders', 'expired')], 'dead'],
    ['exceeded the length of another queue', true, [death('orders', 'maxlen')], 'dead'],
    ['was rejected in this queue', true, [death('waiting', 'expired'), death('orders')], 'orders'],
    ['was rejected, with this queue unknown', true, [death('orders')], undefined],
  ])('a message that %s continues its request: %s', (_, continues, deaths, queue) => {
    const headers = { traceparent: FOREIGN, 'X-Lifecycle': 'x', 'x-death': deaths }
    const { 'X-Lifecycle': lifecycle, ...others } = headers
    expect(carrierOf(message(headers), queue)).toEqual(continues ? { ...others, 'X-Lifecycle': lifecycle } : others)
  })

  test('hostile headers never throw, and the handler is called', () => {
    const { tracker } = trackedService()
    const handle = trackRequest((given: AmqpMessageLike) => given, { tracker })
    const strange = fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true })
    const deaths = fc.oneof(
      strange,
      fc.array(
        fc.oneof(
          strange,
          fc.record({
            queue: fc.oneof(fc.constant('orders'), strange),
            reason: fc.constantFrom('rejected', 'expired', 'delivery_limit'),
            count: fc.oneof(fc.integer(), fc.double(), strange),
          }),
        ),
      ),
    )
    const headers = fc.oneof(
      strange,
      fc.record(
        {
          'x-death': deaths,
          'x-delivery-count': fc.oneof(fc.double(), strange),
          'x-acquired-count': fc.oneof(fc.double(), strange),
          'x-lifecycle': strange,
          traceparent: fc.oneof(fc.constant(FOREIGN), strange),
        },
        { requiredKeys: [] },
      ),
    )
    fc.assert(
      fc.property(
        headers,
        fc.boolean(),
        fc.option(fc.constantFrom('orders', 'dead', '')),
        (given, redelivered, queue) => {
          // Received headers have no types.
          const hostile = message(given as object, redelivered)
          expect(attemptOf(hostile, queue ?? undefined)).toBeGreaterThanOrEqual(1)
          carrierOf(hostile, queue ?? undefined)
          expect(handle(hostile)).toBe(hostile)
        },
      ),
    )
    expect(tracker.stats.faults).toBe(0)
    expect(tracker.inFlight()).toEqual([])
  })

  test('anything that is not a message is passed on', () => {
    const { tracker, records } = trackedService()
    const handle = trackRequest((given: AmqpMessageLike | null) => given, { tracker })
    for (const given of [null, undefined, false, {}, { fields: {} }, 'x'])
      expect(handle(given as AmqpMessageLike | null)).toBe(given)
    expect(records).toEqual([])
  })
})

test("amqplib's types are accepted", () => {
  expectTypeOf<Channel>().toExtend<AmqpChannelLike>()
  expectTypeOf<ConfirmChannel>().toExtend<AmqpChannelLike>()
  expectTypeOf<callbackApi.Channel>().toExtend<AmqpChannelLike>()
  expectTypeOf<callbackApi.ConfirmChannel>().toExtend<AmqpChannelLike>()
  expectTypeOf<ConsumeMessage>().toExtend<AmqpMessageLike>()
  expectTypeOf<GetMessage>().toExtend<AmqpMessageLike>()
  expectTypeOf(propagate<ConfirmChannel>).returns.toEqualTypeOf<ConfirmChannel>()
  expectTypeOf(trackRequest((_message: ConsumeMessage | null) => 1, { service: 'worker' })).toEqualTypeOf<
    (message: ConsumeMessage | null) => number
  >()
  type OnMessage = Parameters<Channel['consume']>[1]
  const inline: OnMessage = trackRequest(
    (message) => {
      expectTypeOf(message).toEqualTypeOf<ConsumeMessage | null>()
    },
    { service: 'worker', logger: false, willRetry: (message, attempt) => message.content.length > attempt },
  )
  expect(inline).toBeTypeOf('function')
})
