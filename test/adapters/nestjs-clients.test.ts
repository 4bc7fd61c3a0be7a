import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { headers as newHeaders } from '@nats-io/transport-node'
import {
  ClientKafka,
  ClientNats,
  ClientRedis,
  ClientRMQ,
  NatsRecordBuilder,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
  type ClientTCP,
  type MicroserviceOptions,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { headersOfCall, parentOfCall } from '../call-headers.ts'
import { propagate, type NestClientLike } from '../../src/adapters/nestjs.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { deferred } from '../deferred.ts'
import { SOON } from '../timeouts.ts'
import { startKafkaBroker } from './kafka-broker.ts'
import { clientOf, direct, expectStory, handling, serve } from './nest-microservices.ts'
import { trackedService, type TrackedService } from './queue-rig.ts'

const missing = {
  nats: await isBrokerMissing('nats'),
  rabbitmq: await isBrokerMissing('rabbitmq'),
  redis: await isBrokerMissing('redis'),
}
const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']
const DONE = ['(ATTEMPT 1)', 'Completed 1 ok']
const FOREIGN = 'abc-123'

/** Closes a client when the test ends. */
function used<C extends { close(): unknown }>(client: C): C {
  onTestFinished(async () => {
    await client.close()
  })
  return client
}

/** A handler that returns the ids of its current request. */
const currentIds = () => ({ trace: currentRequest()?.traceId, parent: currentRequest()?.parentId })

/** Waits until the story of a request, as one service recorded it, is as expected. */
async function expectEnd(service: TrackedService, request: TrackedRequest, story: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(service.story(request.requestId)).toEqual(story), SOON)
  expect(service.tracker.inFlight()).toEqual([])
  expect(service.tracker.stats.faults).toBe(0)
}

test("Nest's clients are accepted, and keep their types and classes", () => {
  const client = used(new ClientNats({ servers: 'nats://127.0.0.1:1' }))
  const propagated = propagate(client)
  expectTypeOf(propagated).toEqualTypeOf(client)
  expectTypeOf<ClientProxy>().toExtend<NestClientLike>()
  expect(propagated).toBeInstanceOf(ClientNats)
  expect(propagate(client)).toBe(propagated)
  expect(propagate(propagated)).toBe(propagated)
})

describe('clients without headers', () => {
  test('over TCP the current request is the parent of the requests that handle a call and an event', async () => {
    const [shop, stock] = [trackedService(), trackedService('stock')]
    const event = deferred<unknown>()
    const client = propagate(
      clientOf(
        await serve(stock, direct(), [
          handling({ messages: { count: currentIds }, events: { placed: () => event.resolve(currentIds()) } }),
        ]),
      ),
    )
    const request = shop.tracker.start()
    const ids = (call: number) => ({ trace: request.traceId, parent: parentOfCall(request.requestId, call) })
    expect(await request.run(() => lastValueFrom(client.send('count', 'mug')))).toEqual(ids(1))
    await request.run(() => lastValueFrom(client.emit('placed', 'mug'), { defaultValue: undefined }))
    expect(await event.promise).toEqual(ids(2))
    await expectStory(stock, 1, [...STARTED, 'Responded ok'])
    expect(shop.story(request.requestId)).toEqual(['Received'])
  })

  test('concurrent calls do not mix, and outside a request nothing is added', async () => {
    const [shop, stock] = [trackedService(), trackedService('stock')]
    const client = propagate(clientOf(await serve(stock, direct(), [handling({ messages: { count: currentIds } })])))
    const requests = Array.from({ length: 50 }, () => shop.tracker.start())
    const answers = await Promise.all(
      requests.map((request) => request.run(() => lastValueFrom(client.send<unknown>('count', 'mug')))),
    )
    expect(answers).toEqual(
      requests.map(({ traceId, requestId }) => ({ trace: traceId, parent: parentOfCall(requestId) })),
    )
    expect(await lastValueFrom(client.send<object>('count', 'mug'))).not.toHaveProperty('parent')
  })

  test("the application's own hook runs, and what it sets stays; the unwrapped client is not affected", async () => {
    const [shop, stock] = [trackedService(), trackedService('stock')]
    const plain = clientOf(
      await serve(stock, direct(), [
        handling({ messages: { count: (_, context) => (context as { getMetadata(): unknown }).getMetadata() } }),
      ]),
    )
    const client = propagate(plain)
    client.setOnDispatchHook((packet) => {
      packet.metadata = { tenant: 'blue', 'x-trace-id': FOREIGN }
    })
    const request = shop.tracker.start()
    const call = (by: ClientTCP) => request.run(() => lastValueFrom(by.send<unknown>('count', 'mug')))
    expect(await call(client)).toEqual({
      tenant: 'blue',
      'x-trace-id': FOREIGN,
      traceparent: headersOfCall(request).traceparent,
    })
    expect(await call(plain)).toEqual({ tenant: 'blue', 'x-trace-id': FOREIGN })
  })

  test.skipIf(missing.redis)('over Redis it is the same', async () => {
    const [pattern, shop, stock] = [randomUUID(), trackedService(), trackedService('stock')]
    const { hostname: host, port } = new URL(BROKERS.redis)
    const options = { host, port: Number(port || 6379) }
    await serve(stock, { transport: Transport.REDIS, options }, [handling({ messages: { [pattern]: currentIds } })])
    const client = propagate(used(new ClientRedis(options)))
    const request = shop.tracker.start()
    expect(await request.run(() => lastValueFrom(client.send(pattern, 'mug')))).toEqual({
      trace: request.traceId,
      parent: parentOfCall(request.requestId),
    })
  })
})

describe.skipIf(missing.rabbitmq)('the client of RabbitMQ', () => {
  /** A queue that a service processes, and a client that sends to it. */
  async function open(
    worker: TrackedService,
    handle: () => unknown,
  ): Promise<{ readonly client: ClientRMQ; readonly plain: ClientRMQ }> {
    const options = { urls: [BROKERS.rabbitmq], queue: randomUUID(), queueOptions: { autoDelete: true } }
    await serve(worker, { transport: Transport.RMQ, options }, [
      handling({ events: { placed: handle }, messages: { count: handle } }),
    ])
    const plain = used(new ClientRMQ(options))
    return { client: propagate(plain), plain }
  }

  test('an event hands the request off once the broker has confirmed it, also from a client that must connect first', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const { client } = await open(worker, () => undefined)
    const request = shop.tracker.start()
    await request.run(() => lastValueFrom(client.emit('placed', { order: 1 }), { defaultValue: undefined }))
    expect(request.state).toBe('Queued')
    expect(shop.story(request.requestId)).toEqual(PLACED)
    await expectEnd(worker, request, DONE)
    expect(shop.tracker.inFlight()).toEqual([])
  })

  test('an event is sent without subscribing or waiting', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const { client } = await open(worker, () => undefined)
    await client.connect()
    const request = shop.tracker.start()
    request.run(() => client.emit('placed', { order: 1 }))
    await expectEnd(worker, request, DONE)
    await vi.waitFor(() => expect(shop.story(request.requestId)).toEqual(PLACED), SOON)
  })

  test('a message with an answer is a call, even if events are hand-offs', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const { plain } = await open(worker, currentIds)
    const client = propagate(plain, { as: 'hand-off' })
    const request = shop.tracker.start()
    expect(await request.run(() => lastValueFrom(client.send('count', 'mug')))).toEqual({
      trace: request.traceId,
      parent: parentOfCall(request.requestId),
    })
    await expectStory(worker, 0, [...STARTED, 'Responded ok'])
    expect(shop.story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
  })

  test('headers of a record stay, and so do those of request.enqueue(); the unwrapped client is not affected', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const { client, plain } = await open(worker, currentIds)
    const [relayed, queued, bare] = [shop.tracker.start(), shop.tracker.start(), shop.tracker.start()]
    const record = (headers: Record<string, string>) => new RmqRecordBuilder('mug').setOptions({ headers }).build()
    expect(await relayed.run(() => lastValueFrom(client.send('count', record({ 'x-trace-id': FOREIGN }))))).toEqual({
      trace: FOREIGN,
    })
    await queued.run(() =>
      queued.enqueue((headers) => lastValueFrom(client.emit('placed', record(headers)), { defaultValue: undefined })),
    )
    expect(shop.story(queued.requestId)).toEqual(PLACED)
    await expectEnd(worker, queued, DONE)
    expect(await bare.run(() => lastValueFrom(plain.send<object>('count', 'mug')))).not.toMatchObject({
      trace: bare.traceId,
    })
  })

  test('if the broker cannot be reached, its error is thrown and the request is not Queued', async () => {
    const { tracker, story, requests } = trackedService()
    const client = propagate(
      used(new ClientRMQ({ urls: ['amqp://127.0.0.1:1'], socketOptions: { reconnectTimeInSeconds: 0.01 } })),
    )
    const place = tracker.trackRequest(() => lastValueFrom(client.emit('placed', 1)), { carrier: () => undefined })
    await expect(place()).rejects.toMatchObject({ err: { code: 'ECONNREFUSED' } })
    expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Responded error'])
    expect(tracker.inFlight()).toEqual([])
  })
})

describe.skipIf(missing.nats)('the client of NATS', () => {
  const options = (): MicroserviceOptions => ({ transport: Transport.NATS, options: { servers: BROKERS.nats } })
  const newClient = (): ClientNats => used(new ClientNats({ servers: BROKERS.nats }))

  test('an event has the request as its parent, in every service', async () => {
    const [subject, shop, mail, stock] = [
      randomUUID(),
      trackedService(),
      trackedService('mail'),
      trackedService('stock'),
    ]
    for (const service of [mail, stock])
      await serve(service, options(), [handling({ events: { [subject]: () => undefined } })])
    const client = propagate(newClient())
    const request = shop.tracker.start()
    await request.run(() => lastValueFrom(client.emit(subject, 'mug'), { defaultValue: undefined }))
    for (const service of [mail, stock]) {
      await expectStory(service, 0, [...STARTED, 'Responded ok'])
      expect(service.records[0]).toMatchObject({
        trace_id: request.traceId,
        parent_id: parentOfCall(request.requestId),
      })
    }
    expect(shop.story(request.requestId)).toEqual(['Received', '(ENQUEUE)'])
  })

  test('with `as`, an event is a hand-off, and a message with an answer is still a call', async () => {
    const [subject, callSubject, shop, worker] = [
      randomUUID(),
      randomUUID(),
      trackedService(),
      trackedService('worker'),
    ]
    await serve(worker, options(), [
      handling({ events: { [subject]: () => undefined }, messages: { [callSubject]: currentIds } }),
    ])
    const client = propagate(newClient(), { as: 'hand-off' })
    const request = shop.tracker.start()
    expect(await request.run(() => lastValueFrom(client.send(callSubject, 'mug')))).toEqual({
      trace: request.traceId,
      parent: parentOfCall(request.requestId),
    })
    await request.run(() => lastValueFrom(client.emit(subject, 'mug'), { defaultValue: undefined }))
    await expectEnd(worker, request, DONE)
    await vi.waitFor(() => expect(shop.story(request.requestId).at(-1)).toBe('Queued'), SOON)
  })

  test('headers of a record stay', async () => {
    const [callSubject, shop, worker] = [randomUUID(), trackedService(), trackedService('worker')]
    await serve(worker, options(), [handling({ messages: { [callSubject]: currentIds } })])
    const headers = newHeaders()
    headers.set('x-trace-id', FOREIGN)
    const record = new NatsRecordBuilder('mug').setHeaders(headers).build()
    expect(
      await shop.tracker.start().run(() => lastValueFrom(propagate(newClient()).send(callSubject, record))),
    ).toEqual({
      trace: FOREIGN,
    })
    expect([...headers.keys()]).toEqual(['x-trace-id'])
  })
})

describe('the client of Kafka', () => {
  let broker: Awaited<ReturnType<typeof startKafkaBroker>>
  beforeAll(async () => {
    broker = await startKafkaBroker()
  })
  afterAll(() => broker.stop())

  test('an event has the request as its parent, or hands it off; the events of a batch are children', async () => {
    const [topic, shop, worker] = [randomUUID(), trackedService(), trackedService('worker')]
    const client = {
      brokers: [broker.address],
      connectionTimeout: SOON,
      requestTimeout: SOON,
      retry: { initialRetryTime: 1 },
      logCreator: () => () => undefined,
    }
    const consumer = { groupId: topic, maxWaitTimeInMs: 50 }
    await serve(
      worker,
      { transport: Transport.KAFKA, options: { client, consumer, subscribe: { fromBeginning: true } } },
      [handling({ events: { [topic]: () => undefined } })],
    )
    let as: 'child' | 'hand-off' = 'child'
    const sender = propagate(used(new ClientKafka({ client, producerOnlyMode: true })), { as: () => as })
    const [first, second, third] = [shop.tracker.start(), shop.tracker.start(), shop.tracker.start()]
    await first.run(() => lastValueFrom(sender.emit(topic, { key: '1', value: 'mug' })))
    expect(shop.story(first.requestId)).toEqual(['Received', '(ENQUEUE)'])
    as = 'hand-off'
    await second.run(() => lastValueFrom(sender.emit(topic, 'mug')))
    expect(shop.story(second.requestId)).toEqual(PLACED)
    await expectEnd(worker, second, DONE)
    await third.run(() => lastValueFrom(sender.emitBatch(topic, { messages: [{ value: 'mug' }, { value: 'cup' }] })))
    const childrenOf = ({ requestId }: TrackedRequest) =>
      worker.records.filter(
        (record) => 'parent_id' in record && [1, 2].some((call) => record.parent_id === parentOfCall(requestId, call)),
      )
    await vi.waitFor(() => expect(childrenOf(third)).toHaveLength(2), SOON)
    expect(childrenOf(first)).toMatchObject([{ trace_id: first.traceId, seq: 0 }])
  })
})
