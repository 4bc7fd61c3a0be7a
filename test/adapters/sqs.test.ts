import { randomUUID } from 'node:crypto'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQS,
  type Message,
  type MessageAttributeValue,
  type ReceiveMessageCommandInput,
  type SendMessageCommandInput,
  type SendMessageCommandOutput,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { headersOfCall, headersOfHandOff, parentOfCall } from '../call-headers.ts'
import { fromSns, propagate, trackRequest } from '../../src/adapters/sqs.ts'
import { ThroughlineError } from '../../src/errors.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, PARENT, TRACE } from '../trace/w3c-vectors.ts'
import { describeQueueAdapter } from './queue-contract.ts'
import { trackedService } from './queue-rig.ts'
import { openRig, sqsClientAt } from './queues/sqs.ts'
import { startSqsServer, type SqsServer } from './sqs-server.ts'

// The SDK is real, with its commands, middleware and sockets; the service is a stand-in.

const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']

describeQueueAdapter('sqs', { rig: 'sqs', open: openRig })

describe('sqs beyond the contract', () => {
  let server: SqsServer
  let plain: SQSClient
  let sqs: SQSClient

  beforeAll(async () => {
    server = await startSqsServer()
    plain = sqsClientAt(server.endpoint)
    sqs = propagate(plain)
  })

  afterAll(async () => {
    plain.destroy()
    await server.stop()
  })

  /** Creates a queue, and returns its URL. */
  async function newQueue(maxReceiveCount?: number, dead = ''): Promise<string> {
    const RedrivePolicy = JSON.stringify({
      maxReceiveCount,
      deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${dead.split('/').at(-1) ?? ''}`,
    })
    const Attributes = { VisibilityTimeout: '0', ...(maxReceiveCount === undefined ? {} : { RedrivePolicy }) }
    const { QueueUrl = '' } = await plain.send(
      new CreateQueueCommand({ QueueName: `orders-${randomUUID()}`, Attributes }),
    )
    return QueueUrl
  }

  /** Receives the messages of a queue, by default with all their attributes, through the wrapped client. */
  async function received(
    QueueUrl: string,
    input: Partial<ReceiveMessageCommandInput> = { MessageAttributeNames: ['All'] },
    client = sqs,
  ): Promise<Message[]> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...input }),
    )
    return Messages
  }

  const textsOf = ({ MessageAttributes = {} }: Message): Record<string, unknown> =>
    Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]))
  const attribute = (StringValue: string): MessageAttributeValue => ({ DataType: 'String', StringValue })
  const handsOff = (request: TrackedRequest): string =>
    expect.stringMatching(new RegExp(`^${request.requestId};Queued;3;\\d+$`)) as string

  test('its types are those of the SDK', () => {
    const options = { tracker: trackedService().tracker, queue: 'orders' }
    expectTypeOf(propagate(plain)).toEqualTypeOf<SQSClient>()
    expectTypeOf<typeof propagate<SQS>>().returns.toEqualTypeOf<SQS>()
    // As in the package sqs-consumer.
    const handleMessage: (message: Message) => Promise<Message | undefined> = trackRequest(async (message) => {
      expectTypeOf(message).toEqualTypeOf<Message>()
      return Promise.resolve(message)
    }, options)
    expectTypeOf(handleMessage).toBeFunction()
    expectTypeOf(
      trackRequest((_message: Message, tenant: string) => tenant.length, { ...options, carrier: fromSns }),
    ).toEqualTypeOf<(message: Message, tenant: string) => Promise<number>>()
  })

  describe('sending', () => {
    test('if the service rejects, its error is thrown, and the request is not Queued', async () => {
      const { tracker, story, requests } = trackedService()
      const place = tracker.trackRequest(
        () => sqs.send(new SendMessageCommand({ QueueUrl: `${server.endpoint}/0/none`, MessageBody: '1' })),
        { carrier: () => undefined },
      )
      await expect(place()).rejects.toMatchObject({ name: 'QueueDoesNotExist' })
      expect(story(requests()[0] ?? '')).toEqual([...STARTED, '(ENQUEUE)', 'Responded error'])
    })

    test('a delayed message is due when its delay is over', async () => {
      const QueueUrl = await newQueue()
      const { tracker, records } = trackedService()
      await tracker
        .start()
        .run(() => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '1', DelaySeconds: 600 })))
      const { time = 0, due = 0 } = records.at(-1) ?? {}
      expect(Math.round((due - time) / 1_000)).toBe(600)
    })

    test('the messages of a batch are children, and a single one is a hand-off if the service accepts it', async () => {
      const QueueUrl = await newQueue()
      const { tracker, story } = trackedService()
      const [several, one, refused] = [tracker.start(), tracker.start(), tracker.start()]
      await several.run(() =>
        sqs.send(
          new SendMessageBatchCommand({
            QueueUrl,
            Entries: [
              { Id: '1', MessageBody: '1' },
              { Id: '2', MessageBody: '2', MessageAttributes: { tenant: attribute('mugs') } },
            ],
          }),
        ),
      )
      await one.run(() => sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: '3', MessageBody: '3' }] })))
      const { Failed } = await refused.run(() =>
        sqs.send(
          new SendMessageBatchCommand({
            QueueUrl,
            Entries: [{ Id: '4', MessageBody: '4', MessageAttributes: { tenant: attribute('\u0000') } }],
          }),
        ),
      )
      expect(Failed).toHaveLength(1)
      expect([several, one, refused].map(({ requestId }) => story(requestId))).toEqual([
        ['Received', '(ENQUEUE)'],
        PLACED,
        [...STARTED, '(ENQUEUE)'],
      ])
      expect((await received(QueueUrl)).map(textsOf)).toEqual([
        headersOfCall(several),
        { tenant: 'mugs', ...headersOfCall(several, 2) },
        { ...headersOfHandOff(one), 'x-lifecycle': handsOff(one) },
      ])
    })

    test('with as: child, or a function that returns it, a message is a child', async () => {
      const QueueUrl = await newQueue()
      const asking: string[] = []
      const client = sqsClientAt(server.endpoint)
      const deciding = propagate(client, { as: (queue) => (asking.push(queue), 'child') })
      const request = trackedService().tracker.start()
      await request.run(() => deciding.send(new SendMessageCommand({ QueueUrl, MessageBody: '1' })))
      expect(asking).toEqual([QueueUrl.split('/').at(-1)])
      expect((await received(QueueUrl)).map(textsOf)).toEqual([headersOfCall(request)])
      client.destroy()
    })

    test("the caller's command is not changed, and its attributes and middleware stay", async () => {
      class Order extends SendMessageCommand {
        readonly #queue: string
        constructor(QueueUrl: string) {
          super(
            Object.freeze({
              QueueUrl,
              MessageBody: 'order 1',
              MessageAttributes: Object.freeze({ tenant: attribute('mugs') }),
            }),
          )
          this.#queue = QueueUrl
        }
        get queue(): string {
          return this.#queue
        }
      }
      const QueueUrl = await newQueue()
      const order = new Order(QueueUrl)
      const seen: unknown[] = []
      order.middlewareStack.add(
        (next) => (args) => {
          seen.push(Object.keys(args.input.MessageAttributes ?? {}).sort())
          return next(args)
        },
        { step: 'initialize', name: 'mine' },
      )
      const request = trackedService().tracker.start()
      await request.run(() => sqs.send(order))
      await request.run(() => sqs.send(order))
      expect(order.queue).toBe(QueueUrl)
      expect(Object.keys(order.input.MessageAttributes ?? {})).toEqual(['tenant'])
      expect(seen).toEqual([
        ['tenant', 'traceparent', 'x-lifecycle', 'x-trace-id'],
        ['tenant', 'traceparent', 'x-trace-id'],
      ])
      expect((await received(QueueUrl)).map(textsOf)).toEqual([
        { tenant: 'mugs', ...headersOfHandOff(request), 'x-lifecycle': handsOff(request) },
        { tenant: 'mugs', ...headersOfCall(request) },
      ])
    })

    test('options of a call are passed on', async () => {
      const aborted = AbortSignal.abort()
      const request = trackedService().tracker.start()
      await expect(
        request.run(() =>
          sqs.send(new SendMessageCommand({ QueueUrl: `${server.endpoint}/0/none`, MessageBody: '1' }), {
            abortSignal: aborted,
          }),
        ),
      ).rejects.toMatchObject({ name: 'AbortError' })
      expect(request.state).toBe('Processing')
    })

    describe('SQS takes ten attributes', () => {
      const own = (count: number): Record<string, MessageAttributeValue> =>
        Object.fromEntries([...Array(count).keys()].map((n) => [`own-${String(n)}`, attribute('1')]))

      test.each<[string, number, string[], string]>([
        [DASHED, 6, ['traceparent', 'tracestate', 'x-lifecycle', 'x-trace-id'], 'Queued'],
        [DASHED, 7, ['traceparent', 'x-lifecycle', 'x-trace-id'], 'Queued'],
        [DASHED, 8, ['traceparent', 'x-lifecycle'], 'Queued'],
        [DASHED, 9, ['traceparent'], 'Received'],
        [DASHED, 10, [], 'Received'],
        ['abc-123', 8, ['x-lifecycle', 'x-trace-id'], 'Queued'],
        ['abc-123', 9, ['x-trace-id'], 'Received'],
      ])('trace %s beside %i attributes of the caller: %j', async (id, count, carried, state) => {
        const QueueUrl = await newQueue()
        const { tracker, story, records } = trackedService()
        const carrier = id === DASHED ? { traceparent: GOOD, tracestate: 'foo=1' } : { 'x-trace-id': id }
        const request = tracker.start(carrier)
        await request.run(() =>
          sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '1', MessageAttributes: own(count) })),
        )
        const [message] = await received(QueueUrl)
        expect(
          Object.keys(textsOf(message ?? {}))
            .filter((name) => !name.startsWith('own-'))
            .sort(),
        ).toEqual(carried)
        expect(Object.keys(textsOf(message ?? {})).filter((name) => name.startsWith('own-'))).toHaveLength(count)
        expect(request.state).toBe(state)
        expect(story(request.requestId).includes('(PROPAGATE)')).toBe(count === 10)
        if (count === 10) expect(records.at(-1)?.error?.message).toContain('leave no room')
        // With however few headers, the worker has the same trace id, and continues a request that was handed off.
        const worker = trackedService('worker')
        await trackRequest(() => 'done', { tracker: worker.tracker })(message ?? {})
        if (count < 10) expect(worker.records[0]?.trace_id).toBe(id)
        expect(worker.story(worker.requests()[0] ?? '').at(-1)).toBe(
          state === 'Queued' ? 'Completed 1 ok' : 'Responded ok',
        )
        if (id === DASHED && count === 9)
          expect(worker.records[0]).toMatchObject({ parent_id: parentOfCall(request.requestId) })
      })

      test('in a batch each message has its own room', async () => {
        const QueueUrl = await newQueue()
        const { tracker, story } = trackedService()
        const request = tracker.start()
        await request.run(() =>
          sqs.send(
            new SendMessageBatchCommand({
              QueueUrl,
              Entries: [10, 9, 0].map((count) => ({
                Id: String(count),
                MessageBody: '1',
                MessageAttributes: own(count),
              })),
            }),
          ),
        )
        expect((await received(QueueUrl)).map((message) => Object.keys(textsOf(message)).length)).toEqual([10, 10, 2])
        expect(story(request.requestId)).toEqual(['Received', '(PROPAGATE)', '(ENQUEUE)'])
        // The service rejects one with too many, which is not changed.
        const sent: SendMessageBatchCommand[] = []
        const client = propagate({ send: (command: SendMessageBatchCommand): unknown => sent.push(command) })
        const Entries = [
          { Id: '1', MessageBody: '1', MessageAttributes: own(11) },
          { Id: '2', MessageBody: '2' },
        ]
        await request.run(() => client.send(new SendMessageBatchCommand({ QueueUrl, Entries })))
        expect(sent[0]?.input.Entries?.map((entry) => Object.keys(entry.MessageAttributes ?? {}).length)).toEqual([
          11, 2,
        ])
      })
    })

    test('commands are recognized by their operation, also if a bundler renames them, and by name in an older SDK', async () => {
      const QueueUrl = await newQueue()
      class a extends SendMessageCommand {}
      const old = new SendMessageCommand({ QueueUrl, MessageBody: '2' })
      const request = trackedService().tracker.start()
      await request.run(() => sqs.send(new a({ QueueUrl, MessageBody: '1' })))
      const sent: unknown[] = []
      const client = propagate({ send: (command: unknown): Promise<unknown> => Promise.resolve(sent.push(command)) })
      await request.run(() => client.send(Object.assign(old, { schema: undefined })))
      expect((await received(QueueUrl)).map(textsOf)).toEqual([
        { ...headersOfHandOff(request), 'x-lifecycle': handsOff(request) },
      ])
      expect(sent).toMatchObject([
        { input: { MessageAttributes: { traceparent: { StringValue: headersOfCall(request).traceparent } } } },
      ])
    })

    test('the aggregated client, with its methods and with callbacks', async () => {
      const QueueUrl = await newQueue()
      const whole = new SQS({
        endpoint: server.endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      })
      const client = propagate(whole)
      const { tracker } = trackedService()
      const [promised, called] = [tracker.start(), tracker.start()]
      await promised.run(() => client.sendMessage({ QueueUrl, MessageBody: '1' }))
      const answer = await called.run(
        () =>
          new Promise((resolve, reject) => {
            client.sendMessage({ QueueUrl, MessageBody: '2' }, (error: unknown, data?: SendMessageCommandOutput) => {
              expect(currentRequest()).toBe(called)
              if (error === null) resolve(data)
              else reject(error)
            })
          }),
      )
      expect(answer).toMatchObject({ MessageId: expect.any(String) as string })
      const failure = await called.run(
        () =>
          new Promise((resolve) => {
            client.sendMessage({ QueueUrl: `${server.endpoint}/0/none`, MessageBody: '3' }, (error: unknown) =>
              resolve(error),
            )
          }),
      )
      expect(failure).toMatchObject({ name: 'QueueDoesNotExist' })
      expect([promised.state, called.state]).toEqual(['Queued', 'Queued'])
      const { Messages = [] } = await client.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 })
      expect(Messages.map(textsOf)).toEqual(
        [promised, called].map((request) => ({ ...headersOfHandOff(request), 'x-lifecycle': handsOff(request) })),
      )
      client.destroy()
    })

    test('a message that is sent on is a child, whatever its headers; one of another trace is not changed', async () => {
      const [QueueUrl, next] = [await newQueue(), await newQueue()]
      const { tracker, story, requests } = trackedService()
      const request = tracker.start()
      await request.run(() => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '1' })))
      const [message = {}] = await received(QueueUrl)
      const sendOn = ({ Body: MessageBody, MessageAttributes }: Message) =>
        sqs.send(new SendMessageCommand({ QueueUrl: next, MessageBody, MessageAttributes }))
      await trackRequest(sendOn, { tracker })(message)
      expect(story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(ENQUEUE 1)', 'Completed 1 ok'])
      const relay = tracker.start()
      await relay.run(() => sendOn(message))
      expect((await received(next)).map(textsOf)).toEqual([headersOfCall(request, 0x801), textsOf(message)])
      expect([relay.state, requests()]).toEqual(['Received', [request.requestId, relay.requestId]])
    })

    test('input that the SDK or the service rejects, and other commands, are not changed', async () => {
      const QueueUrl = await newQueue()
      const request = trackedService().tracker.start()
      const sent: unknown[] = []
      const client = propagate({ send: (command: unknown): unknown => sent.push(command) })
      // Untyped callers may pass this.
      const inputs: unknown[] = [
        {},
        { QueueUrl, Entries: 7 },
        { QueueUrl, Entries: [undefined] },
        { QueueUrl, Entries: [] },
        { QueueUrl: 7, Entries: [{ Id: '1', MessageBody: '1' }] },
      ]
      const commands = [
        undefined,
        'nonsense',
        ...inputs.map((input) => new SendMessageBatchCommand(input as never)),
        new GetQueueAttributesCommand({ QueueUrl }),
      ]
      for (const command of commands) request.run(() => client.send(command))
      expect(sent).toHaveLength(commands.length)
      for (const [index, command] of commands.entries()) expect(sent[index]).toBe(command)
      expect(request.state).toBe('Received')
      expect(
        (await request.run(() => sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))))
          .Attributes,
      ).toEqual({ VisibilityTimeout: '0' })
    })

    test('outside a request nothing is added, and the wrapped client has the members of the client', async () => {
      const QueueUrl = await newQueue()
      const command = new SendMessageCommand({ QueueUrl, MessageBody: '1' })
      await sqs.send(command)
      await trackedService()
        .tracker.start()
        .run(() => plain.send(command))
      expect((await received(QueueUrl)).map(textsOf)).toEqual([{}, {}])
      expect(propagate(sqs)).toBe(sqs)
      expect(sqs.config).toBe(plain.config)
    })
  })

  describe('SNS', () => {
    class PublishCommand {
      readonly input: object
      constructor(input: object) {
        this.input = input
      }
    }
    class PublishBatchCommand extends PublishCommand {}

    test('a published message is a child, and a text message to a phone is not changed', async () => {
      // Without the client of SNS, whose commands have the same form.
      const sent: { input: object }[] = []
      const sns = propagate(
        {
          send: (command: { input: object }): Promise<object> => (
            sent.push(command),
            Promise.resolve({ MessageId: '1' })
          ),
        },
        { as: 'hand-off' },
      )
      const { tracker, story } = trackedService()
      const request = tracker.start()
      const [TopicArn, PhoneNumber] = ['arn:aws:sns:us-east-1:000000000000:orders', '+15555550100']
      await request.run(async () => {
        await sns.send(new PublishCommand({ TopicArn, Message: '1' }))
        await sns.send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: [{ Id: '1', Message: '1' }] }))
        await sns.send(new PublishCommand({ PhoneNumber, Message: '1' }))
      })
      const [first, second] = [1, 2].map((call) =>
        Object.fromEntries(
          Object.entries(headersOfCall(request, call)).map(([name, value]) => [name, attribute(value)]),
        ),
      )
      expect(sent.map(({ input }) => input)).toEqual([
        { TopicArn, Message: '1', MessageAttributes: first },
        { TopicArn, PublishBatchRequestEntries: [{ Id: '1', Message: '1', MessageAttributes: second }] },
        { PhoneNumber, Message: '1' },
      ])
      for (const command of sent) expect(command).toBeInstanceOf(PublishCommand)
      expect(story(request.requestId)).toEqual(['Received', '(ENQUEUE)', '(ENQUEUE)'])
    })

    const envelope = (MessageAttributes: object): string =>
      JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: 'order 1', MessageAttributes })

    test.each<[string, Message, string | undefined]>([
      ['an envelope', { Body: envelope({ traceparent: { Type: 'String', Value: GOOD } }) }, DASHED],
      ['an envelope without attributes', { Body: JSON.stringify({ Type: 'Notification', Message: '1' }) }, undefined],
      [
        'raw delivery',
        { Body: '{"order":1}', MessageAttributes: { traceparent: { DataType: 'String', StringValue: GOOD } } },
        DASHED,
      ],
      [
        'a body that is not JSON',
        { Body: 'order 1', MessageAttributes: { traceparent: { DataType: 'String', StringValue: GOOD } } },
        DASHED,
      ],
      ['an empty message', {}, undefined],
    ])('fromSns reads %s', async (_, message, traceId) => {
      const { tracker, records } = trackedService()
      await trackRequest(() => undefined, { tracker, carrier: fromSns })(message)
      if (traceId === undefined) expect(records[0]).not.toHaveProperty('parent_id')
      else expect(records[0]).toMatchObject({ trace_id: traceId, parent_id: PARENT })
      expect(tracker.stats.faults).toBe(0)
    })

    test('without it the envelope is not read', async () => {
      const { tracker, records } = trackedService()
      await trackRequest(() => undefined, { tracker })({
        Body: envelope({ traceparent: { Type: 'String', Value: GOOD } }),
      })
      expect(records[0]?.trace_id).not.toBe(DASHED)
    })
  })

  describe('receiving', () => {
    /** Sends a message of a request, with an attribute of the caller's. */
    async function placed(QueueUrl: string, { tracker } = trackedService()): Promise<TrackedRequest> {
      const request = tracker.start()
      await request.run(() =>
        sqs.send(
          new SendMessageCommand({
            QueueUrl,
            MessageBody: 'order 1',
            MessageAttributes: { tenant: attribute('mugs') },
          }),
        ),
      )
      return request
    }

    test.each<[string, object, string[]]>([
      ['nothing', {}, []],
      ['a name', { MessageAttributeNames: ['tenant'], MessageSystemAttributeNames: ['SentTimestamp'] }, ['tenant']],
      ['all', { MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] }, ['tenant']],
      ['all, as .*', { MessageAttributeNames: ['.*'], AttributeNames: ['All'] }, ['tenant']],
      ['by the deprecated name', { AttributeNames: ['SentTimestamp'] }, []],
    ])('it asks for its attributes beside those that the caller asks for: %s', async (_, requested, own) => {
      const QueueUrl = await newQueue()
      const request = await placed(QueueUrl)
      const input = Object.freeze({ QueueUrl, ...requested })
      const command = new ReceiveMessageCommand(input)
      const { Messages: [message = {}] = [] } = await sqs.send(command)
      expect(Object.keys(textsOf(message)).sort()).toEqual([...own, 'traceparent', 'x-lifecycle', 'x-trace-id'])
      expect(message.Attributes).toMatchObject({ ApproximateReceiveCount: '1' })
      expect(textsOf(message)['x-trace-id']).toBe(request.traceId)
      expect(command.input).toBe(input)
    })

    const OURS = ['x-trace-id', 'traceparent', 'tracestate', 'x-lifecycle']
    const OF_SQS = ['ApproximateReceiveCount', 'DeadLetterQueueSourceArn']

    test.each<[object, object]>([
      [{}, { MessageAttributeNames: OURS, MessageSystemAttributeNames: OF_SQS }],
      [
        { MessageAttributeNames: ['tenant', 'traceparent'] },
        {
          MessageAttributeNames: ['tenant', 'traceparent', 'x-trace-id', 'tracestate', 'x-lifecycle'],
          MessageSystemAttributeNames: OF_SQS,
        },
      ],
      [
        { MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] },
        { MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] },
      ],
      [
        { MessageAttributeNames: ['.*'], AttributeNames: ['All'] },
        { MessageAttributeNames: ['.*'], AttributeNames: ['All'] },
      ],
      // The deprecated list is not documented to accept DeadLetterQueueSourceArn, which SQS may reject.
      [
        { AttributeNames: ['SentTimestamp'] },
        { MessageAttributeNames: OURS, AttributeNames: ['SentTimestamp', 'ApproximateReceiveCount'] },
      ],
      [
        { AttributeNames: ['All'], MessageSystemAttributeNames: ['SenderId'] },
        { MessageAttributeNames: OURS, AttributeNames: ['All'], MessageSystemAttributeNames: ['SenderId', ...OF_SQS] },
      ],
    ])('for %j it asks for exactly %j', (requested, expected) => {
      const sent: ReceiveMessageCommand[] = []
      const client = propagate({ send: (command: ReceiveMessageCommand): unknown => sent.push(command) })
      client.send(new ReceiveMessageCommand({ QueueUrl: 'https://sqs/orders', MaxNumberOfMessages: 10, ...requested }))
      expect(sent.map(({ input }) => input)).toEqual([
        { QueueUrl: 'https://sqs/orders', MaxNumberOfMessages: 10, ...expected },
      ])
      expect(sent[0]).toBeInstanceOf(ReceiveMessageCommand)
    })

    test('the unwrapped client receives only what it asks for', async () => {
      const QueueUrl = await newQueue()
      await placed(QueueUrl)
      const [message = {}] = await received(QueueUrl, {}, plain)
      expect([message.MessageAttributes, message.Attributes]).toEqual([undefined, undefined])
    })

    test('a dead letter is a new request, with the failed one as its parent', async () => {
      const dead = await newQueue()
      const QueueUrl = await newQueue(1, dead)
      const shop = trackedService()
      const request = await placed(QueueUrl, shop)
      const handle = trackRequest(() => Promise.reject(new Error('bad order')), {
        tracker: shop.tracker,
        queue: 'orders',
        attempts: 1,
      })
      const [message = {}] = await received(QueueUrl)
      await expect(handle(message)).rejects.toThrow('bad order')
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', 'Completed 1 error'])
      expect(await received(QueueUrl)).toEqual([])
      const [letter = {}] = await received(dead)
      expect(textsOf(letter)['x-lifecycle']).toBeDefined()
      await trackRequest(() => undefined, { tracker: shop.tracker, queue: 'dead' })(letter)
      const [, child = ''] = shop.requests()
      expect(shop.story(child)).toEqual([...STARTED, 'Responded ok'])
      expect(shop.records.find(({ request_id }) => request_id === child)).toMatchObject({
        trace_id: request.traceId,
        parent_id: request.requestId,
        path: 'dead',
      })
      expect(await audit(shop.records)).toMatchObject({ stuck: [], invalid: [], gaps: [], duplicates: 0 })
    })

    test('without attempts every failure counts as one with a retry to come', async () => {
      const QueueUrl = await newQueue()
      const shop = trackedService()
      const request = await placed(QueueUrl, shop)
      const handle = trackRequest(() => Promise.reject(new Error('never')), { tracker: shop.tracker })
      for (const _ of [1, 2]) {
        const [message = expect.unreachable()] = await received(QueueUrl)
        await expect(handle(message)).rejects.toThrow('never')
      }
      expect(shop.story(request.requestId)).toEqual([...PLACED, '(ATTEMPT 1)', '(RETRY 1)', '(ATTEMPT 2)', '(RETRY 2)'])
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test.each([0, -1, Number.NaN])('attempts: %j is rejected immediately', (attempts) => {
      expect(() => trackRequest(() => undefined, { tracker: trackedService().tracker, attempts })).toThrow(
        ThroughlineError,
      )
    })

    test("further arguments are passed on, and so is the handler's result", async () => {
      const { tracker, records } = trackedService()
      const handle = trackRequest((message: Message, tenant: string) => `${message.Body ?? ''} of ${tenant}`, {
        tracker,
      })
      expect(await handle({ Body: 'order 1' }, 'mugs')).toBe('order 1 of mugs')
      expect(records[0]).toMatchObject({ path: 'sqs' })
    })

    test('bytes are read like strings, and a carrier function that throws is counted and does not fail the message', async () => {
      const { tracker, records } = trackedService()
      const bytes: Message = {
        MessageAttributes: { traceparent: { DataType: 'Binary', BinaryValue: Buffer.from(GOOD) } },
      }
      await trackRequest(() => undefined, { tracker })(bytes)
      expect(records[0]).toMatchObject({ trace_id: DASHED, parent_id: PARENT })
      const carrier = (): never => {
        throw new Error('broken')
      }
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      expect(await trackRequest(() => 'done', { tracker, carrier })({})).toBe('done')
      stderr.mockRestore()
      expect(tracker.stats.faults).toBe(1)
    })

    test('a message of a service in another language', async () => {
      const { tracker, records } = trackedService()
      const input: SendMessageCommandInput = {
        QueueUrl: await newQueue(),
        MessageBody: '1',
        MessageAttributes: { Traceparent: attribute(GOOD), 'X-Trace-ID': attribute('abc-123') },
      }
      await plain.send(new SendMessageCommand(input))
      const [message = {}] = await received(input.QueueUrl ?? '', { MessageAttributeNames: ['All'] })
      await trackRequest(() => undefined, { tracker })(message)
      expect(records[0]).toMatchObject({ trace_id: 'abc-123' })
      expect(TRACE).not.toBe(records[0]?.trace_id)
    })
  })
})
