import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headers as newHeaders, type MsgHdrs } from '@nats-io/transport-node'
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core'
import { Post, type CallHandler, type ModuleMetadata } from '@nestjs/common'
import {
  ClientGrpcProxy,
  ClientNats,
  GrpcMethod,
  GrpcStreamCall,
  KafkaRetriableException,
  NatsRecordBuilder,
  RmqRecordBuilder,
  RpcException,
  Transport,
  type MicroserviceOptions,
  type RmqOptions,
} from '@nestjs/microservices'
import { ExpressAdapter } from '@nestjs/platform-express'
import { connect as connectAmqp, type Channel, type ChannelModel } from 'amqplib'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { defer, finalize, from, lastValueFrom, NEVER, throwError, type Observable } from 'rxjs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { parentOfCall } from '../call-headers.ts'
import { propagate, trackRequest } from '../../src/adapters/grpc.ts'
import { TrackRequestModule, type NestOptions } from '../../src/adapters/nestjs.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { SOON } from '../timeouts.ts'
import { ask } from './http-client.ts'
import { pathOf, Texts, type Method } from './grpc-rig.ts'
import { startKafkaBroker } from './kafka-broker.ts'
import { controller, create, createMicroservice, method, moduleOf } from './nest-builders.ts'
import { clientOf, direct, expectStory, handling, serve, type Handlers } from './nest-microservices.ts'
import { trackedService, type TrackedService } from './queue-rig.ts'

const missing = { nats: await isBrokerMissing('nats'), rabbitmq: await isBrokerMissing('rabbitmq') }
const STARTED = ['Received', 'Authenticated', 'Processing']

describe('handlers of messages in Nest', () => {
  test('a message is a request until its answer, and an event until its handler has finished', async () => {
    const service = trackedService()
    const [entered, released] = [deferred(), deferred()]
    const app = await serve(service, direct(), [
      handling({
        events: {
          placed: async () => {
            entered.resolve()
            await released.promise
          },
        },
        messages: { '{"cmd":"sum"}': (data) => ({ sum: data, state: currentRequest()?.state }) },
      }),
    ])
    const client = clientOf(app)
    expect(await lastValueFrom(client.send({ cmd: 'sum' }, 7))).toEqual({ sum: 7, state: 'Processing' })
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(service.records[0]).toMatchObject({ method: 'message', path: '{"cmd":"sum"}' })
    client.emit('placed', 7)
    await entered.promise
    expect(service.tracker.inFlight()).toHaveLength(1)
    released.resolve()
    await expectStory(service, 1, [...STARTED, 'Responded ok'])
    expect(service.records.find(({ request_id }) => request_id === service.requests()[1])).toMatchObject({
      method: 'event',
      path: 'placed',
    })
  })

  test.each<[what: string, handle: () => unknown]>([
    [
      'throws',
      () => {
        throw new TypeError('broken')
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('broken'))],
    ['returns a stream that fails', () => throwError(() => new TypeError('broken'))],
  ])(
    "a handler that %s ends its request with the error, though Nest swallows an event handler's",
    async (_, handle) => {
      const service = trackedService()
      const client = clientOf(
        await serve(service, direct(), [handling({ events: { placed: handle }, messages: { sum: handle } })]),
      )
      client.emit('placed', 1)
      await expectStory(service, 0, [...STARTED, 'Responded error'])
      await expect(lastValueFrom(client.send('sum', 1))).rejects.toMatchObject({ message: 'Internal server error' })
      await expectStory(service, 1, [...STARTED, 'Responded error'])
      expect(service.records.filter((record) => 'outcome' in record)).toMatchObject(
        Array(2).fill({ error: { type: 'TypeError', message: 'broken' } }),
      )
    },
  )

  test('a stream of answers ends with its last, and every part of it has the current request', async () => {
    const service = trackedService()
    const second = deferred()
    const parts = async function* (): AsyncGenerator<string | undefined> {
      yield currentRequest()?.requestId
      await second.promise
      yield currentRequest()?.requestId
    }
    const client = clientOf(await serve(service, direct(), [handling({ messages: { list: () => from(parts()) } })]))
    const first = deferred<unknown>()
    const all: unknown[] = []
    client.send('list', 1).subscribe((value) => first.resolve(all.push(value)))
    await first.promise
    expect(service.tracker.inFlight()).toHaveLength(1)
    second.resolve()
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    await vi.waitFor(() => expect(all).toEqual(Array(2).fill(service.requests()[0])), SOON)
  })

  test('guards and interceptors have the current request, and a request that a guard refuses ends', async () => {
    const service = trackedService()
    const found: unknown[] = []
    const record = (): number => found.push(currentRequest()?.requestId)
    const client = clientOf(
      await serve(
        service,
        direct(),
        [handling({ messages: { sum: record, forbidden: () => expect.unreachable('the handler runs') } })],
        {
          parts: {
            providers: [
              {
                provide: APP_GUARD,
                useValue: {
                  canActivate: (context: { getArgs(): unknown[] }) =>
                    record() > 0 && context.getArgs()[0] !== 'outsider',
                },
              },
              {
                provide: APP_INTERCEPTOR,
                useValue: { intercept: (_: unknown, next: CallHandler) => (record() > 0 ? next.handle() : NEVER) },
              },
            ],
          },
        },
      ),
    )
    await lastValueFrom(client.send('sum', 'friend'))
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(found).toEqual(Array(3).fill(service.requests()[0]))
    await expect(lastValueFrom(client.send('forbidden', 'outsider'))).rejects.toMatchObject({
      message: 'Forbidden resource',
    })
    await expectStory(service, 1, [...STARTED, 'Responded error'])
  })

  test('an event with several handlers is one request, which ends with the last of them', async () => {
    const service = trackedService()
    const [entered, released] = [deferred(), deferred()]
    const found: unknown[] = []
    const record = (): number => found.push(currentRequest()?.requestId)
    const slow = async (): Promise<void> => {
      await released.promise
      record()
    }
    const fast = (): void => {
      record()
      entered.resolve()
    }
    const app = await serve(service, direct(), [
      handling({ events: { placed: fast } }),
      handling({ events: { placed: slow } }),
    ])
    clientOf(app).emit('placed', 1)
    await entered.promise
    // By now the end of the fast handler has had its effect.
    await new Promise(setImmediate)
    expect(service.tracker.inFlight()).toHaveLength(1)
    released.resolve()
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(found).toEqual(Array(2).fill(service.requests()[0]))
    expect(service.requests()).toHaveLength(1)
  })

  test('if one of several handlers fails, its error is that of the request: Nest does not wait for the others', async () => {
    const service = trackedService()
    const [fails, waits] = [
      handling({
        events: {
          placed: () => {
            throw new Error('first')
          },
        },
      }),
      handling({ events: { placed: () => NEVER } }),
    ]
    clientOf(await serve(service, direct(), [waits, fails])).emit('placed', 1)
    await expectStory(service, 0, [...STARTED, 'Responded error'])
    expect(service.records.at(-1)).toMatchObject({ error: { message: 'first' } })
  })

  test('a module that is imported twice tracks once', async () => {
    const [service, other] = [trackedService(), trackedService()]
    const app = await serve(service, direct(), [handling({ messages: { sum: () => 1 } })], {
      parts: { imports: [TrackRequestModule.forRoot({ tracker: other.tracker })] },
    })
    expect(await lastValueFrom(clientOf(app).send('sum', 1))).toBe(1)
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(other.records).toEqual([])
  })

  test("a request ends if the application's own hook throws", async () => {
    const service = trackedService()
    const root = moduleOf({
      imports: [TrackRequestModule.forRoot({ tracker: service.tracker })],
      controllers: [handling({ messages: { sum: () => 1 } })],
    })
    const app = await createMicroservice(root, direct())
    app.registerPreRequestHook(() => {
      throw new Error('not now')
    })
    await app.listen()
    onTestFinished(() => app.close())
    await expect(lastValueFrom(clientOf(app).send('sum', 1))).rejects.toMatchObject({
      message: 'Internal server error',
    })
    await expectStory(service, 0, [...STARTED, 'Responded error'])
  })

  test('the metadata of a TCP client names the parent, and cannot resume a request', async () => {
    const [shop, service] = [trackedService(), trackedService('worker')]
    const client = clientOf(
      await serve(service, direct(), [handling({ messages: { sum: () => currentRequest()?.traceId } })]),
    )
    client.setOnDispatchHook((packet) => {
      packet.metadata = {
        ...currentRequest()?.headers(),
        'x-lifecycle': `${currentRequest()?.requestId ?? ''};Queued;3;1790000000000`,
      }
    })
    const request = shop.tracker.start()
    expect(await request.run(() => lastValueFrom(client.send('sum', 1)))).toBe(request.traceId)
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(service.records[0]).toMatchObject({
      trace_id: request.traceId,
      parent_id: parentOfCall(request.requestId),
      seq: 0,
    })
  })
})

describe('Nest over gRPC', () => {
  const methodOf = (name: Method): object => ({
    path: pathOf(name),
    originalName: name,
    requestStream: name === 'chat',
    responseStream: name !== 'unary',
    requestSerialize: (value: unknown) => Buffer.from(JSON.stringify(value)),
    requestDeserialize: (bytes: Buffer): unknown => JSON.parse(bytes.toString()),
    responseSerialize: (value: unknown) => Buffer.from(JSON.stringify(value)),
    responseDeserialize: (bytes: Buffer): unknown => JSON.parse(bytes.toString()),
  })
  const contract = {
    package: 'test',
    packageDefinition: {
      'test.Texts': Object.fromEntries((['unary', 'list', 'chat'] as const).map((name) => [name, methodOf(name)])),
    },
  }

  interface Made {
    readonly channelOptions?: { readonly interceptors: readonly unknown[] }
    readonly tracking?: Partial<NestOptions>
    readonly parts?: ModuleMetadata
  }

  /** A microservice with one method, and a client. */
  async function texts(
    name: Method,
    handle: (...args: never[]) => unknown,
    { channelOptions = { interceptors: [] }, ...made }: Made = {},
  ) {
    class Service {
      handle(...args: never[]): unknown {
        return handle(...args)
      }
    }
    method(Service, 'handle', name === 'chat' ? GrpcStreamCall('Texts', name) : GrpcMethod('Texts', name))
    const service = trackedService()
    // Nest does not expose the port that a server got.
    const url = `unix:${join(tmpdir(), `${randomUUID()}.sock`)}`
    await serve(
      service,
      { transport: Transport.GRPC, options: { ...contract, url, channelOptions: { ...channelOptions } } },
      [controller(Service)],
      made,
    )
    return { service, url, client: new Texts(url) }
  }

  test('a call is a request, and its metadata names the parent', async () => {
    const shop = trackedService()
    const { service, client } = await texts('unary', () => ({ text: currentRequest()?.traceId }))
    const request = shop.tracker.start()
    expect((await request.run(() => client.call('unary'))).texts).toEqual([request.traceId])
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(service.records[0]).toMatchObject({
      method: 'grpc',
      path: '/test.Texts/unary',
      parent_id: parentOfCall(request.requestId),
      seq: 0,
    })
    expect(service.records.at(-1)).toMatchObject({ status: 0 })
  })

  test.each<[what: string, error: () => Error, code: number, outcome: string]>([
    ['with a code', () => new RpcException({ code: 5, message: 'no such text' }), 5, 'ok'],
    ['with the code of a server error', () => new RpcException({ code: 14, message: 'later' }), 14, 'error'],
    ['without a code', () => new Error('broken'), 2, 'error'],
  ])('an error %s', async (_, error, code, outcome) => {
    const { service, client } = await texts('unary', () => {
      throw error()
    })
    expect((await client.call('unary')).status.code).toBe(code)
    await expectStory(service, 0, [...STARTED, `Responded ${outcome}`])
    expect(service.records.at(-1)).toMatchObject({ status: code, error: { message: error().message } })
  })

  test('with manual authentication, a caller whom a guard refuses with a code', async () => {
    const canActivate = (): boolean => {
      throw new RpcException({ code: 16, message: 'who are you' })
    }
    const { service, client } = await texts('unary', () => expect.unreachable('the handler runs'), {
      tracking: { auth: 'manual' },
      parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] },
    })
    expect((await client.call('unary')).status.code).toBe(16)
    await expectStory(service, 0, ['Received', 'Failed denied'])
  })

  test.each(['unary', 'list'] as const)('a client that cancels (%s)', async (name) => {
    const [entered, stopped] = [deferred(), deferred()]
    const { service, client } = await texts(name, () =>
      defer(() => {
        entered.resolve()
        return NEVER
      }).pipe(finalize(() => stopped.resolve())),
    )
    const call = client.start(name)
    await entered.promise
    call.cancel()
    await expectStory(service, 0, [...STARTED, 'Responded aborted'])
    expect(service.records.at(-1)).toMatchObject({ status: 1 })
    await call.answer
    // Nest lets the handler of a unary call run on.
    if (name === 'list') await stopped.promise
  })

  test('a call whose handler writes to the stream itself ends when the handler returns', async () => {
    const { service, client } = await texts('chat', (call: { write(text: object): unknown; end(): unknown }) => {
      call.write({ text: currentRequest(call)?.requestId })
      call.end()
    })
    expect((await client.call('chat')).texts).toEqual([service.requests()[0]])
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(service.records[0]).toMatchObject({ method: 'grpc', path: '/test.Texts/chat' })
  })

  test("Nest's client carries the current request through the interceptor of throughline/grpc", async () => {
    const shop = trackedService()
    const { service, url } = await texts('unary', () => ({ text: 'fine' }))
    const nest = new ClientGrpcProxy({ ...contract, url, channelOptions: { interceptors: [propagate()] } })
    onTestFinished(() => nest.close())
    const request = shop.tracker.start()
    await request.run(() =>
      lastValueFrom(nest.getService<{ unary(text: object): Observable<unknown> }>('Texts').unary({ text: 'hello' })),
    )
    await expectStory(service, 0, [...STARTED, 'Responded ok'])
    expect(service.records[0]).toMatchObject({ trace_id: request.traceId, parent_id: parentOfCall(request.requestId) })
  })

  test('a call that the interceptor of throughline/grpc tracks is not tracked again', async () => {
    const outer = trackedService('outer')
    const { service, client } = await texts('unary', () => ({ text: currentRequest()?.traceId }), {
      channelOptions: { interceptors: [trackRequest({ tracker: outer.tracker })] },
    })
    const { texts: answers, head } = await client.call('unary')
    await expectStory(outer, 0, [...STARTED, 'Responded ok'])
    expect(answers).toEqual([outer.records[0]?.trace_id])
    expect(head?.get('x-trace-id')).toEqual(answers)
    expect(service.records).toEqual([])
  })
})

describe.skipIf(missing.nats)('Nest over NATS', () => {
  const options = (): MicroserviceOptions => ({ transport: Transport.NATS, options: { servers: BROKERS.nats } })

  function client(): ClientNats {
    const made = new ClientNats({ servers: BROKERS.nats })
    onTestFinished(() => made.close())
    return made
  }

  const msgHdrs = (headers: Readonly<Record<string, string>> = {}): MsgHdrs => {
    const made = newHeaders()
    for (const [key, value] of Object.entries(headers)) made.set(key, value)
    return made
  }

  test('an event may hand its request off, and the handler completes it', async () => {
    const [subject, shop, worker] = [randomUUID(), trackedService(), trackedService('worker')]
    const found: unknown[] = []
    await serve(worker, options(), [
      handling({
        events: {
          [subject]: (data, context) =>
            void found.push(data, currentRequest()?.requestId, currentRequest(context)?.requestId),
        },
      }),
    ])
    const sender = client()
    await sender.connect()
    const request = shop.tracker.start()
    await request.enqueue((headers) =>
      lastValueFrom(sender.emit(subject, new NatsRecordBuilder({ order: 1 }).setHeaders(msgHdrs(headers)).build())),
    )
    await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 ok']), SOON)
    expect(shop.story(request.requestId)).toEqual([...STARTED, 'Queued'])
    expect(found).toEqual([{ order: 1 }, request.requestId, request.requestId])
    expect(worker.records.at(-1)).toMatchObject({ trace_id: request.traceId, seq: 4, from: 'Queued' })
    expect(worker.tracker.inFlight()).toEqual([])
  })

  test('a handler that fails completes its request with the error, since the event is not delivered again', async () => {
    const [subject, shop, worker] = [randomUUID(), trackedService(), trackedService('worker')]
    await serve(worker, options(), [handling({ events: { [subject]: () => Promise.reject(new Error('broken')) } })])
    const request = shop.tracker.start()
    const sender = client()
    await request.enqueue((headers) =>
      lastValueFrom(sender.emit(subject, new NatsRecordBuilder(1).setHeaders(msgHdrs(headers)).build())),
    )
    await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 error']), SOON)
    expect(worker.records.at(-1)).toMatchObject({ error: { message: 'broken' } })
  })

  test('a message with an answer is a request of its own, with the caller as its parent', async () => {
    const [subject, shop, worker] = [randomUUID(), trackedService(), trackedService('worker')]
    await serve(worker, options(), [handling({ messages: { [subject]: () => currentRequest()?.traceId } })])
    const request = shop.tracker.start()
    const record = new NatsRecordBuilder(1).setHeaders(msgHdrs(request.headers())).build()
    expect(await lastValueFrom(client().send(subject, record))).toBe(request.traceId)
    await expectStory(worker, 0, [...STARTED, 'Responded ok'])
    expect(worker.records[0]).toMatchObject({
      method: 'message',
      path: subject,
      parent_id: parentOfCall(request.requestId),
    })
  })

  test('an id that was sent twice is not used, and a message without headers starts a trace', async () => {
    const [subject, worker] = [randomUUID(), trackedService('worker')]
    await serve(worker, options(), [handling({ events: { [subject]: () => undefined } })])
    const twice = msgHdrs({ 'x-trace-id': 'one' })
    twice.append('x-trace-id', 'two')
    const sender = client()
    await lastValueFrom(sender.emit(subject, new NatsRecordBuilder(1).setHeaders(twice).build()))
    await lastValueFrom(sender.emit(subject, 2))
    await expectStory(worker, 1, [...STARTED, 'Responded ok'])
    const [first, second] = worker.requests().map((id) => worker.records.find(({ request_id }) => request_id === id))
    expect(first).toMatchObject({ rejected_id: true })
    expect(second).not.toHaveProperty('rejected_id')
  })

  test('an application that serves HTTP and processes the messages of its own requests', async () => {
    const [subject, service] = [randomUUID(), trackedService()]
    const sender = client()
    class Shop {
      place(): unknown {
        return currentRequest()?.enqueue((headers) =>
          lastValueFrom(sender.emit(subject, new NatsRecordBuilder(1).setHeaders(msgHdrs(headers)).build()), {
            defaultValue: null,
          }),
        )
      }
    }
    method(Shop, 'place', Post('orders'))
    const root = moduleOf({
      imports: [TrackRequestModule.forRoot({ tracker: service.tracker })],
      controllers: [controller(Shop), handling({ events: { [subject]: () => undefined } })],
    })
    const app = await create(root, new ExpressAdapter())
    onTestFinished(() => app.close())
    app.connectMicroservice(options(), { inheritAppConfig: true })
    await app.startAllMicroservices()
    await app.listen(0, '127.0.0.1')
    expect((await ask(`${await app.getUrl()}/orders`, { method: 'POST' })).status).toBe(201)
    const id = service.requests()[0] ?? ''
    await vi.waitFor(() => expect(service.story(id)).toHaveLength(7), SOON)
    // The response and the worker run concurrently.
    expect(service.story(id).filter((entry) => entry !== '(RESPOND)')).toEqual([
      ...STARTED,
      'Queued',
      '(ATTEMPT 1)',
      'Completed 1 ok',
    ])
    expect(service.requests()).toHaveLength(1)
    expect(service.tracker.inFlight()).toEqual([])
  })
})

describe.skipIf(missing.rabbitmq)('Nest over RabbitMQ', () => {
  let connection: ChannelModel
  let channel: Channel
  beforeAll(async () => {
    connection = await connectAmqp(BROKERS.rabbitmq)
    channel = await connection.createChannel()
  })
  afterAll(() => connection.close())

  async function work(
    worker: TrackedService,
    options: RmqOptions['options'],
    handle: (data: unknown, context: object) => unknown,
    tracking: Partial<NestOptions> = {},
  ): Promise<string> {
    const queue = randomUUID()
    await serve(
      worker,
      {
        transport: Transport.RMQ,
        options: { urls: [BROKERS.rabbitmq], queue, queueOptions: { autoDelete: true }, ...options },
      },
      [handling({ events: { placed: handle }, messages: { count: handle } })],
      { tracking },
    )
    return queue
  }

  /** The message that Nest's client makes of a record. */
  function publish(queue: string, packet: object, headers: Record<string, string>, replyTo?: string): void {
    const record: { data: unknown; options?: object | undefined } = new RmqRecordBuilder({ order: 1 })
      .setOptions({ headers })
      .build()
    channel.sendToQueue(queue, Buffer.from(JSON.stringify({ ...packet, data: record.data })), {
      ...record.options,
      ...(replyTo === undefined ? {} : { replyTo, correlationId: '1' }),
    })
  }

  test('an event continues the request that it hands off, and completes it', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const found: unknown[] = []
    const queue = await work(worker, {}, (data, context) => void found.push(data, currentRequest(context)?.requestId))
    const request = shop.tracker.start()
    await request.enqueue((headers) => publish(queue, { pattern: 'placed' }, headers))
    await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 ok']), SOON)
    expect(found).toEqual([{ order: 1 }, request.requestId])
    expect(worker.tracker.inFlight()).toEqual([])
  })

  test('a handler that fails completes it with the error, since Nest has already acknowledged the message', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const queue = await work(worker, {}, () => Promise.reject(new Error('broken')))
    const request = shop.tracker.start()
    await request.enqueue((headers) => publish(queue, { pattern: 'placed' }, headers))
    await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', 'Completed 1 error']), SOON)
  })

  test('a handler that asks for another delivery itself, and a willRetry that says so', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    let calls = 0
    const handle = (_: unknown, context: object): void => {
      // The context of this transport, whose types are too loose.
      const rmq = context as { getChannelRef(): Channel; getMessage(): Parameters<Channel['ack']>[0] }
      const [from, message] = [rmq.getChannelRef(), rmq.getMessage()]
      if (++calls > 1) {
        from.ack(message)
        return
      }
      from.nack(message)
      throw new Error('not yet')
    }
    const queue = await work(worker, { noAck: false }, handle, {
      willRetry: (error) => error instanceof Error && error.message === 'not yet',
    })
    const request = shop.tracker.start()
    await request.enqueue((headers) => publish(queue, { pattern: 'placed' }, headers))
    await vi.waitFor(
      () =>
        expect(worker.story(request.requestId)).toEqual(['(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', 'Completed 2 ok']),
      SOON,
    )
    expect(worker.tracker.inFlight()).toEqual([])
  })

  test('a message with an answer is a request of its own', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const queue = await work(worker, {}, () => currentRequest()?.traceId)
    const { queue: replies } = await channel.assertQueue('', { exclusive: true })
    const answer = deferred<unknown>()
    await channel.consume(replies, (message) => answer.resolve(JSON.parse(String(message?.content))), { noAck: true })
    const request = shop.tracker.start()
    publish(queue, { pattern: 'count', id: '1' }, request.headers(), replies)
    expect(await answer.promise).toMatchObject({ response: request.traceId })
    await expectStory(worker, 0, [...STARTED, 'Responded ok'])
    expect(worker.records[0]).toMatchObject({
      method: 'message',
      path: 'count',
      parent_id: parentOfCall(request.requestId),
    })
  })
})

describe('Nest over Kafka', () => {
  let broker: Awaited<ReturnType<typeof startKafkaBroker>>
  beforeAll(async () => {
    broker = await startKafkaBroker()
  })
  afterAll(() => broker.stop())

  /** The headers by which Nest recognizes a message with an answer. */
  const ASKING = { kafka_correlationId: '1', kafka_replyTopic: 'replies' }

  /** Processes a topic, and sends to it. */
  async function work(
    worker: TrackedService,
    kind: keyof Handlers,
    handle: () => unknown,
  ): Promise<(headers: Readonly<Record<string, string>>) => Promise<unknown>> {
    const topic = randomUUID()
    const client = {
      brokers: [broker.address],
      connectionTimeout: SOON,
      requestTimeout: SOON,
      retry: { initialRetryTime: 1 },
      logLevel: logLevel.NOTHING,
    }
    const options = { client, consumer: { groupId: topic, maxWaitTimeInMs: 50 }, subscribe: { fromBeginning: true } }
    await serve(worker, { transport: Transport.KAFKA, options }, [handling({ [kind]: { [topic]: handle } })])
    const producer = new Kafka(client).producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    return (headers) => producer.send({ topic, messages: [{ value: '{"order":1}', headers }] })
  }

  test.each<
    [
      what: string,
      kind: keyof Handlers,
      error: () => Error,
      asking: Readonly<Record<string, string>>,
      story: readonly string[],
    ]
  >([
    [
      'an event',
      'events',
      () => new Error('not yet'),
      {},
      ['(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 1)', 'Completed 1 ok'],
    ],
    [
      'a message, with a retriable error',
      'messages',
      () => new KafkaRetriableException('not yet'),
      ASKING,
      ['(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 1)', 'Completed 1 ok'],
    ],
    [
      'a message, with any other error, which is sent as its answer',
      'messages',
      () => new Error('never'),
      ASKING,
      ['(ATTEMPT 1)', 'Completed 1 error'],
    ],
  ])(
    '%s continues the request that it hands off, and after an error is delivered again as by Nest',
    async (_, kind, error, asking, story) => {
      const [shop, worker] = [trackedService(), trackedService('worker')]
      let calls = 0
      const send = await work(worker, kind, () => {
        if (++calls === 1) throw error()
        return 'fine'
      })
      const request = shop.tracker.start()
      await request.enqueue((headers) => send({ ...headers, ...asking }))
      await vi.waitFor(() => expect(worker.story(request.requestId)).toEqual(story), SOON)
      expect(worker.tracker.inFlight()).toEqual([])
    },
  )
})
