import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type {
  ALBEvent,
  ALBHandler,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyHandler,
  APIGatewayProxyHandlerV2,
  Context,
  LambdaFunctionURLHandler,
  ScheduledHandler,
  SQSEvent,
  SQSHandler,
  SQSMessageAttributes,
  SQSRecord,
} from 'aws-lambda'
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { fromSns, trackRecords, trackRequest } from '../../src/adapters/lambda.ts'
import { ThroughlineError } from '../../src/errors.ts'
import { audit } from '../../src/queries/audit.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { deferred } from '../deferred.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { storyOf, trackedService } from './queue-rig.ts'

// Events are written by hand, with the types of @types/aws-lambda; Lambda itself is not involved.

const STARTED = ['Received', 'Authenticated', 'Processing']
const PLACED = [...STARTED, 'Queued']
const HANDED_OVER = 'b7ad6b7169203331;Queued;3;1790000000000'

const context = (left = 3_000): Context => {
  const fields: Partial<Context> = {
    functionName: 'shop-orders',
    awsRequestId: 'one',
    getRemainingTimeInMillis: () => left,
  }
  // The other members are not read.
  return fields as Context
}

/** An event with the members that are read. */
const v1 = (
  headers: Record<string, string | string[]> = {},
  more: Partial<APIGatewayProxyEvent> = {},
): APIGatewayProxyEvent => {
  const multiValueHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()]))
  const event: Partial<APIGatewayProxyEvent> = {
    httpMethod: 'POST',
    resource: '/orders/{id}',
    path: '/orders/7',
    multiValueHeaders,
    headers: Object.fromEntries(Object.entries(multiValueHeaders).map(([name, all]) => [name, all.at(-1)])),
    body: null,
    ...more,
  }
  return event as APIGatewayProxyEvent
}
const v2 = (headers: Record<string, string> = {}, routeKey = 'GET /orders/{id}'): APIGatewayProxyEventV2 => {
  const requestContext: object = { http: { method: 'GET', path: '/orders/7' }, routeKey }
  const event: Partial<APIGatewayProxyEventV2> = {
    version: '2.0',
    routeKey,
    rawPath: '/orders/7',
    headers,
    requestContext: requestContext as APIGatewayProxyEventV2['requestContext'],
  }
  return event as APIGatewayProxyEventV2
}
const alb = (more: Partial<ALBEvent>): ALBEvent => ({
  requestContext: { elb: { targetGroupArn: 'arn' } },
  httpMethod: 'GET',
  path: '/orders/7',
  body: null,
  isBase64Encoded: false,
  ...more,
})

const attributes = (headers: Readonly<Record<string, string>>): SQSMessageAttributes =>
  Object.fromEntries(Object.entries(headers).map(([name, stringValue]) => [name, { dataType: 'String', stringValue }]))
const record = (
  messageId: string,
  headers: Readonly<Record<string, string>> = {},
  { count = 1, queue = 'orders', more = {} }: { count?: number; queue?: string; more?: Partial<SQSRecord> } = {},
): SQSRecord => ({
  messageId,
  receiptHandle: messageId,
  body: `order ${messageId}`,
  attributes: {
    ApproximateReceiveCount: String(count),
    SentTimestamp: '0',
    SenderId: 'one',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: attributes(headers),
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queue}`,
  awsRegion: 'us-east-1',
  ...more,
})

/** Requests that were handed off, and the headers of their messages. */
async function handOffs(
  count: number,
  { tracker } = trackedService(),
): Promise<{ request: TrackedRequest; headers: Record<string, string> }[]> {
  return Promise.all(
    [...Array(count).keys()].map(async () => {
      const request = tracker.start()
      return { request, headers: await request.enqueue((headers) => headers) }
    }),
  )
}

test('its types are those of Lambda', () => {
  const options = { tracker: trackedService().tracker }
  const first: APIGatewayProxyHandler = trackRequest(async (event) => {
    expectTypeOf(event).toEqualTypeOf<APIGatewayProxyEvent>()
    return Promise.resolve({ statusCode: 200, body: event.path })
  }, options)
  const second: APIGatewayProxyHandlerV2 = trackRequest(
    async (event, { functionName }) => Promise.resolve({ statusCode: 200, body: `${event.rawPath} ${functionName}` }),
    options,
  )
  const url: LambdaFunctionURLHandler = trackRequest(async (event) => Promise.resolve(event.rawPath), options)
  const balancer: ALBHandler = trackRequest(
    async (event) => Promise.resolve({ statusCode: 200, body: event.path }),
    options,
  )
  const nightly: ScheduledHandler = trackRequest(async ({ time }) => {
    await Promise.resolve(time)
  }, options)
  const typed: APIGatewayProxyHandler = async () => Promise.resolve({ statusCode: 200, body: '' })
  const wrapped = trackRequest(typed, options)
  const records: SQSHandler = trackRecords(
    async (one, { awsRequestId }) => {
      expectTypeOf(one).toEqualTypeOf<SQSRecord>()
      await Promise.resolve(awsRequestId)
    },
    { ...options, carrier: fromSns, attempts: 5, concurrent: true },
  )
  const whole: SQSHandler = trackRequest(
    async ({ Records }) =>
      Promise.resolve({ batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })) }),
    options,
  )
  for (const handler of [first, second, url, balancer, nightly, wrapped, records, whole])
    expect(handler).toBeTypeOf('function')
})

describe('HTTP', () => {
  test.each<[string, object, object]>([
    ['API Gateway, payload version 1.0', v1({ 'X-Trace-ID': 'abc-123' }), { method: 'POST', path: '/orders/{id}' }],
    ['API Gateway, payload version 2.0', v2({ 'x-trace-id': 'abc-123' }), { method: 'GET', path: '/orders/{id}' }],
    [
      'a function URL, or the default route',
      v2({ 'x-trace-id': 'abc-123' }, '$default'),
      { method: 'GET', path: '/orders/7' },
    ],
    ['a load balancer', alb({ headers: { 'x-trace-id': 'abc-123' } }), { method: 'GET', path: '/orders/7' }],
  ])('%s: one request, from its headers to its response', async (_, event, expected) => {
    const { tracker, story, requests, records } = trackedService('gateway')
    const answer = Object.freeze({
      statusCode: 201,
      headers: Object.freeze({ 'content-type': 'text/plain' }),
      body: 'done',
    })
    let current: unknown[] = []
    const handler = trackRequest(
      async (received: object) => {
        await new Promise(setImmediate)
        current = [received === event, currentRequest()?.traceId, currentRequest(received)?.traceId]
        return answer
      },
      { tracker },
    )
    expect(await handler(event, context())).toEqual({
      ...answer,
      headers: { 'content-type': 'text/plain', 'x-trace-id': 'abc-123' },
    })
    expect(answer.headers).toEqual({ 'content-type': 'text/plain' })
    expect(current).toEqual([true, 'abc-123', 'abc-123'])
    // Outside the handler, it is attached to the event.
    expect([currentRequest(), currentRequest(event)?.traceId]).toEqual([undefined, 'abc-123'])
    expect(story(requests()[0] ?? '')).toEqual([...STARTED, 'Responded ok'])
    expect(records[0]).toMatchObject({ trace_id: 'abc-123', ...expected })
    expect(records.at(-1)).toMatchObject({ status: 201 })
    expect(tracker.inFlight()).toEqual([])
  })

  test('a load balancer that sends multi-value headers gets a response with them', async () => {
    const { tracker, records } = trackedService()
    const event = alb({ multiValueHeaders: { 'x-trace-id': ['abc-123'] } })
    const multiValueHeaders = { 'content-type': ['text/plain'], 'X-Trace-Id': ['of-the-handler'] }
    expect(await trackRequest(() => ({ statusCode: 200, multiValueHeaders }), { tracker })(event, context())).toEqual({
      statusCode: 200,
      multiValueHeaders: { 'content-type': ['text/plain'], 'x-trace-id': ['abc-123'] },
    })
    const refused = await trackRequest(() => ({ statusCode: 200 }), { tracker, authenticate: () => false })(
      event,
      context(),
    )
    expect(refused).toMatchObject({
      statusCode: 401,
      multiValueHeaders: { 'content-type': ['text/plain; charset=utf-8'], 'x-trace-id': ['abc-123'] },
    })
    expect(new Set(records.map(({ trace_id }) => trace_id))).toEqual(new Set(['abc-123']))
  })

  test('a caller cannot resume a request, and a repeated id is not used', async () => {
    const { tracker, records } = trackedService()
    const handler = trackRequest(() => ({ statusCode: 200 }), { tracker })
    for (const event of [
      v1({ 'x-trace-id': 'abc-123', 'x-lifecycle': HANDED_OVER }),
      v2({ 'x-trace-id': 'abc-123', 'x-lifecycle': HANDED_OVER }),
    ])
      await handler(event, context())
    await handler(v1({ 'x-trace-id': ['abc-1', 'abc-2'] }), context())
    await handler(v2({ 'x-trace-id': 'abc-1,abc-2' }), context())
    const first = records.filter((one) => one.lifecycle === 'transition' && one.seq === 0)
    expect(first.map((one) => [one.trace_id === 'abc-123', 'attempt' in one, 'rejected_id' in one])).toEqual([
      [true, false, false],
      [true, false, false],
      [false, false, true],
      [false, false, true],
    ])
  })

  test('a function decides by the event whether ids are trusted', async () => {
    const records = trackedService().records
    const tracker = createTracker({
      service: 'edge',
      logger: false,
      trustIncoming: (source) => source === trusted,
      sinks: [{ write: (one) => void records.push(one) }],
    })
    const [trusted, untrusted] = [v1({ 'x-trace-id': 'abc-123' }), v1({ 'x-trace-id': 'abc-123' })]
    for (const event of [trusted, untrusted])
      await trackRequest(() => ({ statusCode: 200 }), { tracker })(event, context())
    expect(new Set(records.map(({ trace_id }) => trace_id === 'abc-123'))).toEqual(new Set([true, false]))
  })

  test.each<[string, unknown, object, unknown, number | undefined]>([
    ['a string, with payload version 2.0', 'done', v2(), 'done', 200],
    ['an object without a status, with payload version 2.0', { order: 1 }, v2(), { order: 1 }, 200],
    ['an object without a status', { order: 1 }, v1(), { order: 1 }, undefined],
    ['nothing', undefined, v1(), undefined, undefined],
    [
      'a status as a string',
      { statusCode: '204' },
      v1(),
      { statusCode: '204', headers: { 'x-trace-id': expect.any(String) as string } },
      204,
    ],
  ])('a response may be %s', async (_, answer, event, expected, status) => {
    const { tracker, records } = trackedService()
    expect(await trackRequest(() => answer, { tracker })(event, context())).toEqual(expected)
    const { outcome, status: logged } = records.at(-1) as { outcome?: string; status?: number }
    expect([outcome, logged]).toEqual(['ok', status])
  })

  test('a status of 500 or more is outcome error, and so is an error of the handler, which is thrown', async () => {
    const { tracker, records } = trackedService()
    await trackRequest(() => ({ statusCode: 503 }), { tracker })(v1(), context())
    expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'error', status: 503 })
    const error = new Error('bad order')
    const throwing = [
      () => Promise.reject(error),
      (): never => {
        throw error
      },
    ]
    for (const handler of throwing) {
      await expect(trackRequest(handler, { tracker })(v1(), context())).rejects.toBe(error)
      expect(records.at(-1)).toMatchObject({
        state: 'Responded',
        outcome: 'error',
        status: 502,
        error: { message: 'bad order' },
      })
    }
    expect(tracker.inFlight()).toEqual([])
  })

  test('a refused caller gets a 401, and the handler does not run', async () => {
    const { tracker, records } = trackedService()
    const served = vi.fn(() => ({ statusCode: 200, principal: currentRequest()?.principal }))
    const authenticate = ({ headers }: APIGatewayProxyEvent): unknown => {
      if (headers.authorization === 'broken') throw new Error('broken')
      return headers.authorization ?? false
    }
    const handler = trackRequest(served, { tracker, authenticate })
    expect(await handler(v1({ authorization: 'ada' }), context())).toMatchObject({ statusCode: 200, principal: 'ada' })
    for (const event of [v1(), v1({ authorization: 'broken' })]) {
      expect(await handler(event, context())).toEqual({
        statusCode: 401,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'x-trace-id': expect.any(String) as string },
        body: 'Unauthorized\n',
      })
      expect(records.at(-1)).toMatchObject({ state: 'Failed', outcome: 'denied', status: 401 })
    }
    expect(served).toHaveBeenCalledTimes(1)
  })

  test('an ignored event leaves no line, and its answer has the trace id', async () => {
    const { tracker, records } = trackedService()
    const handler = trackRequest((_event: APIGatewayProxyEvent) => ({ statusCode: 200, body: currentTraceId() }), {
      tracker,
      ignore: (event) => event.headers['x-probe'] === 'yes',
      fields: (event) => ({ tenant: event.headers.tenant }),
    })
    const answer = await handler(v1({ 'x-probe': 'yes', 'x-trace-id': 'probe-1' }), context())
    expect(answer).toMatchObject({ body: 'probe-1', headers: { 'x-trace-id': 'probe-1' } })
    expect(records).toEqual([])
    await handler(v1({ tenant: 'cave' }), context())
    expect(records[0]?.data).toEqual({ tenant: 'cave' })
  })

  test('with auth: manual the handler authenticates the caller', async () => {
    const { tracker, story, requests } = trackedService()
    const handler = trackRequest(() => ({ statusCode: currentRequest()?.failed('who are you') === true ? 403 : 200 }), {
      tracker,
      auth: 'manual',
    })
    expect(await handler(v1(), context())).toMatchObject({ statusCode: 403 })
    expect(story(requests()[0] ?? '')).toEqual(['Received', 'Failed denied'])
  })

  test('a request that its handler hands off ends elsewhere, and its response is noted', async () => {
    const { tracker, story, requests } = trackedService()
    await trackRequest(
      async () => {
        await currentRequest()?.enqueue(() => Promise.resolve())
        return { statusCode: 202 }
      },
      { tracker },
    )(v1(), context())
    expect(story(requests()[0] ?? '')).toEqual([...PLACED, '(RESPOND)'])
    expect(tracker.inFlight()).toEqual([])
  })
})

describe('other events', () => {
  test('a schedule or a direct invocation is one request, named for the function', async () => {
    const { tracker, story, requests, records } = trackedService('cron')
    const handler = trackRequest((event: unknown) => Promise.resolve(event), { tracker, authenticate: () => false })
    for (const event of [
      { source: 'aws.events', time: 'now' },
      'text',
      null,
      undefined,
      [],
      { Records: [] },
      { Records: [{ eventSource: 'aws:s3' }] },
    ]) {
      expect(await handler(event, context())).toBe(event)
    }
    expect(requests().map(story)).toEqual(Array(7).fill([...STARTED, 'Responded ok']))
    expect(records[0]).toMatchObject({ path: 'shop-orders' })
    expect(records[0]).not.toHaveProperty('method')
    expect(records.at(-1)).not.toHaveProperty('status')
    await expect(
      trackRequest(() => Promise.reject(new Error('bad night')), { tracker })({}, context()),
    ).rejects.toThrow('bad night')
    expect(records.at(-1)).toMatchObject({ outcome: 'error', error: { message: 'bad night' } })
    expect(records.at(-1)).not.toHaveProperty('status')
  })

  test('the headers of other events are read as those of HTTP', async () => {
    const { tracker, records } = trackedService()
    const carrier = ({ meta }: { meta?: Record<string, string> }): Record<string, string> => {
      if (meta === undefined) throw new Error('no meta')
      return meta
    }
    const handler = trackRequest((_event: { meta?: Record<string, string> }) => 'done', { tracker, carrier })
    await handler({ meta: { traceparent: GOOD, 'x-lifecycle': HANDED_OVER } }, context())
    expect(records[0]).toMatchObject({ trace_id: DASHED, parent_id: PARENT, seq: 0 })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    expect(await handler({}, context())).toBe('done')
    stderr.mockRestore()
    expect(tracker.stats.faults).toBe(1)
  })

  test('a handler with a callback is rejected immediately, and so is an invalid margin', () => {
    const { tracker } = trackedService()
    const calling = (_event: object, _context: Context, callback: (error: null, answer: string) => void): void =>
      callback(null, 'done')
    expect(() => trackRequest(calling, { tracker })).toThrow(ThroughlineError)
    for (const timeoutMargin of [-1, Number.NaN])
      expect(() => trackRequest(() => undefined, { tracker, timeoutMargin })).toThrow(ThroughlineError)
    expect(() => trackRecords(() => undefined, { tracker, attempts: 0 })).toThrow(ThroughlineError)
  })
})

describe('SQS records', () => {
  test('each is a request, resumed or started', async () => {
    const [shop, worker] = [trackedService(), trackedService('worker')]
    const [first, second] = await handOffs(2, shop)
    const seen: (string | undefined)[] = []
    const handler = trackRecords(
      async (one: SQSRecord, { functionName }: Context) => {
        await new Promise(setImmediate)
        seen.push(one.body, functionName, currentRequest()?.requestId, currentRequest(one)?.requestId)
      },
      { tracker: worker.tracker },
    )
    const event: SQSEvent = {
      Records: [record('1', first?.headers), record('2', second?.headers, { count: 4 }), record('3')],
    }
    expect(await handler(event, context())).toEqual({ batchItemFailures: [] })
    const [, , third = ''] = worker.requests()
    const ids = [first?.request.requestId, second?.request.requestId, third]
    expect(seen).toEqual(
      ['1', '2', '3'].flatMap((name, index) => [`order ${name}`, 'shop-orders', ids[index], ids[index]]),
    )
    expect(ids.map((id = '') => worker.story(id))).toEqual([
      ['(ATTEMPT 1)', 'Completed 1 ok'],
      ['(ATTEMPT 4)', 'Completed 4 ok'],
      [...STARTED, 'Responded ok'],
    ])
    expect(worker.records.find(({ request_id }) => request_id === third)).toMatchObject({ path: 'orders' })
    expect(await audit([...shop.records, ...worker.records])).toMatchObject({
      stuck: [],
      invalid: [],
      gaps: [],
      duplicates: 0,
      checked: { requests: 3, traces: 3 },
    })
    expect(worker.tracker.inFlight()).toEqual([])
  })

  test('those whose handler throws are named for another delivery, up to attempts', async () => {
    const shop = trackedService()
    const [good, bad, last] = await handOffs(3, shop)
    const handler = trackRecords(
      ({ messageId }) => {
        if (messageId !== 'good') throw new Error('bad order')
      },
      { tracker: shop.tracker, attempts: 3 },
    )
    const Records = [
      record('bad', bad?.headers, { count: 2 }),
      record('good', good?.headers),
      record('last', last?.headers, { count: 3 }),
    ]
    expect(await handler({ Records }, context())).toEqual({
      batchItemFailures: [{ itemIdentifier: 'bad' }, { itemIdentifier: 'last' }],
    })
    expect([bad, good, last].map((one) => shop.story(one?.request.requestId ?? '').slice(4))).toEqual([
      ['(ATTEMPT 2)', '(RETRY 2)'],
      ['(ATTEMPT 1)', 'Completed 1 ok'],
      ['(ATTEMPT 3)', 'Completed 3 error'],
    ])
    expect(shop.tracker.inFlight()).toEqual([])
  })

  test('one after the other by default, and all at once with concurrent', async () => {
    const { tracker } = trackedService()
    const [running, gate] = [new Set<string>(), deferred()]
    let most = 0
    const work = async ({ messageId }: SQSRecord): Promise<void> => {
      running.add(messageId)
      most = Math.max(most, running.size)
      if (running.size === 3) gate.resolve()
      // Each continues only once all three are running.
      if (gating) await gate.promise
      await new Promise(setImmediate)
      running.delete(messageId)
      if (messageId === '2') throw new Error('bad order')
    }
    let gating = false
    const event = { Records: [record('1'), record('2'), record('3')] }
    const failures = { batchItemFailures: [{ itemIdentifier: '2' }] }
    expect(await trackRecords(work, { tracker })(event, context())).toEqual(failures)
    expect(most).toBe(1)
    gating = true
    expect(await trackRecords(work, { tracker, concurrent: true })(event, context())).toEqual(failures)
    expect(most).toBe(3)
  })

  test('in a FIFO queue, the records after the first failure are returned unprocessed', async () => {
    const { tracker, records } = trackedService()
    const seen: string[] = []
    const handler = trackRecords(
      ({ messageId }) => {
        seen.push(messageId)
        return messageId === '2' ? Promise.reject(new Error('bad order')) : Promise.resolve()
      },
      { tracker, concurrent: true },
    )
    const Records = ['1', '2', '3', '4'].map((id) => record(id, {}, { queue: 'orders.fifo' }))
    expect(await handler({ Records }, context())).toEqual({
      batchItemFailures: ['2', '3', '4'].map((itemIdentifier) => ({ itemIdentifier })),
    })
    expect(seen).toEqual(['1', '2'])
    expect(records.filter((one) => one.lifecycle === 'transition' && one.seq === 0)).toHaveLength(2)
  })

  test('a dead letter is a new request, with the failed one as its parent', async () => {
    const { tracker, records } = trackedService()
    const [dead] = await handOffs(1)
    const letter = record('1', dead?.headers, { queue: 'dead' })
    const attributes = { ...letter.attributes, DeadLetterQueueSourceArn: 'arn:aws:sqs:us-east-1:000000000000:orders' }
    await trackRecords(() => undefined, { tracker })({ Records: [{ ...letter, attributes }] }, context())
    expect(records[0]).toMatchObject({
      trace_id: dead?.request.traceId,
      parent_id: dead?.request.requestId,
      seq: 0,
      path: 'dead',
    })
  })

  test('bytes are in Base64, and fromSns finds headers in an SNS envelope', async () => {
    const { tracker, records } = trackedService()
    const bytes = record(
      '1',
      {},
      {
        more: {
          messageAttributes: { traceparent: { dataType: 'Binary', binaryValue: Buffer.from(GOOD).toString('base64') } },
        },
      },
    )
    const body = JSON.stringify({
      Type: 'Notification',
      Message: '1',
      MessageAttributes: { traceparent: { Type: 'String', Value: GOOD } },
    })
    await trackRecords(() => undefined, { tracker, carrier: fromSns })(
      { Records: [bytes, record('2', {}, { more: { body } }), record('3', { traceparent: GOOD })] },
      context(),
    )
    const first = records.filter((one) => one.lifecycle === 'transition' && one.seq === 0)
    expect(first.map((one) => [one.trace_id, 'parent_id' in one])).toEqual([
      [DASHED, true],
      [DASHED, true],
      [DASHED, true],
    ])
  })

  describe('with a handler that iterates over them', () => {
    test('each request is attached to its record, none is current, and those that the answer names have failed', async () => {
      const shop = trackedService()
      const all = await handOffs(2, shop)
      const Records = [record('1', all[0]?.headers), record('2', all[1]?.headers), record('3')]
      let seen: unknown[] = []
      const handler = trackRequest(
        async (event: SQSEvent) => {
          await new Promise(setImmediate)
          seen = [currentRequest(), ...event.Records.map((one) => currentRequest(one)?.requestId)]
          return { batchItemFailures: [{ itemIdentifier: '2' }] }
        },
        { tracker: shop.tracker },
      )
      expect(await handler({ Records }, context())).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
      const ids = [all[0]?.request.requestId, all[1]?.request.requestId, shop.requests()[2]]
      expect(seen).toEqual([undefined, ...ids])
      expect(ids.map((id = '') => shop.story(id).slice(-2))).toEqual([
        ['(ATTEMPT 1)', 'Completed 1 ok'],
        ['(ATTEMPT 1)', '(RETRY 1)'],
        ['Processing', 'Responded ok'],
      ])
      expect(shop.tracker.inFlight()).toEqual([])
    })

    test('if it throws, all of them have failed', async () => {
      const shop = trackedService()
      const [one, two] = await handOffs(2, shop)
      const handler = trackRequest((_event: SQSEvent) => Promise.reject(new Error('bad batch')), {
        tracker: shop.tracker,
        attempts: 2,
      })
      await expect(
        handler({ Records: [record('1', one?.headers), record('2', two?.headers, { count: 2 })] }, context()),
      ).rejects.toThrow('bad batch')
      expect([one, two].map((each) => shop.story(each?.request.requestId ?? '').at(-1))).toEqual([
        '(RETRY 1)',
        'Completed 2 error',
      ])
    })
  })
})

describe('time', () => {
  afterEach(() => void vi.useRealTimers())

  /** Runs an invocation, advances the timers, and lets it end. */
  async function advanceDuring(
    invoke: (work: () => Promise<void>, left: number) => Promise<unknown>,
    left: number,
    ms: number,
  ): Promise<number> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const done = deferred()
    const invoked = invoke(() => done.promise, left)
    // The handler is called a few turns of the event loop later.
    await new Promise(setImmediate)
    vi.advanceTimersByTime(ms)
    done.resolve()
    await invoked
    return vi.getTimerCount()
  }

  test('shortly before the timeout it is noted, and the lines are flushed', async () => {
    const { tracker, story, requests, records } = trackedService()
    const invoke = (timeoutMargin?: number) => (work: () => Promise<void>, left: number) =>
      trackRequest(work, timeoutMargin === undefined ? { tracker } : { tracker, timeoutMargin })(v1(), context(left))
    const noted = ['Received', 'Authenticated', 'Processing', '(TIMEOUT_NEAR)', 'Responded ok']
    const silent = ['Received', 'Authenticated', 'Processing', 'Responded ok']
    // By default half a second before; not if there is less time from the start.
    const cases = [
      [3_000, 2_499, undefined, silent],
      [3_000, 2_500, undefined, noted],
      [400, 400, undefined, silent],
      [3_000, 2_000, 1_000, noted],
      [3_000, 2_999, 0, silent],
    ] as const
    for (const [left, ms, margin, expected] of cases) {
      expect(await advanceDuring(invoke(margin), left, ms)).toBe(0)
      expect(story(requests().at(-1) ?? '')).toEqual(expected)
    }
    expect(records.find(({ event }) => event === 'TIMEOUT_NEAR')).toMatchObject({
      lifecycle: 'note',
      data: { time_left_ms: 500 },
    })
    expect(tracker.inFlight()).toEqual([])
  })

  test('of several records it is noted on those that are being processed', async () => {
    const { tracker, records } = trackedService()
    const [one, two, three] = await handOffs(3, trackedService())
    const Records = [record('1', one?.headers), record('2', two?.headers), record('3', three?.headers)]
    await advanceDuring(
      (work, left) =>
        trackRecords(({ messageId }) => (messageId === '1' ? Promise.reject(new Error('bad order')) : work()), {
          tracker,
        })({ Records }, context(left)),
      3_000,
      2_500,
    )
    expect(records.filter(({ event }) => event === 'TIMEOUT_NEAR').map(({ request_id }) => request_id)).toEqual([
      two?.request.requestId,
    ])
    records.length = 0
    await advanceDuring((work, left) => trackRequest(work, { tracker })({ Records }, context(left)), 3_000, 2_500)
    expect(records.filter(({ event }) => event === 'TIMEOUT_NEAR')).toHaveLength(3)
  })

  test('a request is overdue when its function has no time left, and not before', async () => {
    const { tracker, clock } = trackerFixture()
    const overdue: number[] = []
    await trackRequest(
      () => {
        for (const later of [2_999, 2]) {
          clock.time += later
          overdue.push(tracker.stuck().length)
        }
        return { statusCode: 200 }
      },
      { tracker },
    )(v1(), context(3_000))
    expect(overdue).toEqual([0, 1])
  })

  test('a context without the remaining time, as in tests, is not an error', async () => {
    const { tracker } = trackedService()
    expect(await trackRequest(() => 'done', { tracker })({}, { functionName: 'orders' })).toBe('done')
    expect(tracker.stats.faults).toBe(0)
  })
})

describe('a function that is frozen once it has responded', () => {
  test.each<[string, (options: { tracker: ReturnType<typeof createTracker> }) => Promise<unknown>]>([
    ['a response', (options) => trackRequest(() => ({ statusCode: 200 }), options)(v1(), context())],
    [
      'an error',
      (options) =>
        trackRequest(() => Promise.reject(new Error('bad order')), options)(v1(), context()).catch(() => undefined),
    ],
    ['records', (options) => trackRecords(() => undefined, options)({ Records: [record('1')] }, context())],
  ])('%s: all lines are written before', async (_, invoke) => {
    const { records } = trackedService()
    let flushed = 0
    const sink = {
      write: (one: (typeof records)[number]) => void records.push(one),
      flush: () => void (flushed = records.length),
    }
    const broken = {
      write: () => undefined,
      flush: () => {
        throw new Error('broken')
      },
    }
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const tracker = createTracker({ service: 'frozen', logger: false, sinks: [broken, sink] })
    await invoke({ tracker })
    stderr.mockRestore()
    expect(storyOf(records).at(-1)).toMatch(/^Responded/)
    expect(flushed).toBe(records.length)
  })

  test('in a process that is stopped immediately', async () => {
    const program = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('programs/frozen-lambda.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [lines, exit] = await Promise.all([text(program.stdout), once(program, 'exit')])
    expect(exit).toEqual([null, 'SIGKILL'])
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { state: string }).state),
    ).toEqual(['Received', 'Authenticated', 'Processing', 'Responded'])
  })
})

describe('the vectors of W3C Trace Context', () => {
  /** Starts a request by an event with these headers. */
  type StartRequest = (
    headers: Readonly<Record<string, string>>,
  ) => Promise<{ request: TrackedRequest | undefined; rejected: boolean }>

  const http =
    (event: (headers: Record<string, string>) => object): StartRequest =>
    async (headers) => {
      const { tracker, records } = trackedService()
      let request: TrackedRequest | undefined
      await trackRequest(() => void (request = currentRequest()), { tracker })(event(headers), context())
      return { request, rejected: records.some((one) => 'rejected_id' in one) }
    }
  const attribute =
    (make: (value: string) => SQSMessageAttributes[string]): StartRequest =>
    async (headers) => {
      const { tracker, records } = trackedService()
      let request: TrackedRequest | undefined
      const messageAttributes = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, make(value)]))
      await trackRecords(() => void (request = currentRequest()), { tracker })(
        { Records: [record('1', {}, { more: { messageAttributes } })] },
        context(),
      )
      return { request, rejected: records.some((one) => 'rejected_id' in one) }
    }

  const envelope: StartRequest = async (headers) => {
    const { tracker, records } = trackedService()
    let request: TrackedRequest | undefined
    const MessageAttributes = Object.fromEntries(
      Object.entries(headers).map(([name, Value]) => [name, { Type: 'String', Value }]),
    )
    const body = JSON.stringify({ Type: 'Notification', Message: '1', MessageAttributes })
    await trackRecords(() => void (request = currentRequest()), { tracker, carrier: fromSns })(
      { Records: [record('1', {}, { more: { body } })] },
      context(),
    )
    return { request, rejected: records.some((one) => 'rejected_id' in one) }
  }

  describe.each<[string, StartRequest]>([
    ['multi-value headers', http(v1)],
    ['single-value headers', http(v2)],
    ['string attributes', attribute((stringValue) => ({ dataType: 'String', stringValue }))],
    ['an SNS envelope', envelope],
    [
      'binary attributes',
      attribute((value) => ({ dataType: 'Binary', binaryValue: Buffer.from(value, 'latin1').toString('base64') })),
    ],
  ])('in %s', (_, startWith) => {
    test('valid traceparents are used', async () => {
      for (const [what, header, flags] of VALID) {
        const { request, rejected } = await startWith({ traceparent: header })
        expect(
          [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected],
          what,
        ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
      }
    })

    test('invalid traceparents start a new trace', async () => {
      for (const [what, header] of INVALID) {
        const { request, rejected } = await startWith({ traceparent: header, tracestate: 'foo=1' })
        expect(request?.traceId, what).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
        expect([request?.parentId, request?.headers().tracestate, rejected], what).toEqual([undefined, undefined, true])
      }
    })

    test('tracestates are sent on as the standard says', async () => {
      for (const [what, header, passed] of STATES)
        expect((await startWith({ traceparent: GOOD, tracestate: header })).request?.headers().tracestate, what).toBe(
          passed,
        )
    })
  })
})
