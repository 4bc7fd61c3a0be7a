import fastify from 'fastify'
import { pino } from 'pino'
import winston from 'winston'
import { describe, expect, expectTypeOf, test } from 'vitest'
import * as root from '../../src/index.ts'
import { currentRequest, trackRequest, createTracker, type PrincipalOf } from '../../src/index.ts'
import { HOSTS } from '../hosts.ts'

type Call = (...args: unknown[]) => unknown

/** What a subpath exports, as a program in JavaScript sees it. */
async function load(subpath: string): Promise<Readonly<Record<string, Call & { forRoot?: Call }>>> {
  return (await import(`../../src/adapters/${subpath}.ts`)) as never
}

const bad = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION', message: expect.stringMatching(message) as unknown })

/** Calls the wrapper of a host with options; each host takes them in its own place. */
async function give(subpath: string, options: object): Promise<void> {
  const { trackRequest: track, trackRecords, TrackRequestModule } = await load(subpath)
  const handler = (): void => undefined
  if (subpath === 'fastify') await fastify().register(track as never, options)
  else if (TrackRequestModule !== undefined) TrackRequestModule.forRoot?.(options)
  else if (['express', 'koa', 'hono', 'grpc'].includes(subpath)) track?.(options)
  else {
    track?.(handler, options)
    trackRecords?.(handler, options)
  }
}

const TRACKING = HOSTS.filter(({ exports }) => exports.some((name) => /^[tT]rackRequest/.test(name)))
const HTTP = ['express', 'koa', 'hono', 'fastify', 'grpc', 'nestjs', 'lambda']

describe.each(TRACKING.map(({ subpath }) => subpath))('trackRequest() of %s', (subpath) => {
  const tracker = createTracker({ service: 'api', logger: false })

  test('takes a tracker, or its options', async () => {
    await give(subpath, { tracker })
    await give(subpath, { service: 'api', logger: false })
  })

  test('refuses an unknown option, with the nearest name', async () => {
    await expect(give(subpath, { service: 'api', servce: 'api' })).rejects.toEqual(bad(/"servce".*"service"/))
    await expect(give(subpath, { tracker, trakcer: 1 })).rejects.toEqual(bad(/"trakcer".*"tracker"/))
    await expect(give(subpath, { tracker, zzzzzzzz: 1 })).rejects.toEqual(bad(/"zzzzzzzz".*it takes service, logger/))
  })

  test('refuses options of a tracker beside a tracker', async () => {
    await expect(give(subpath, { tracker, service: 'api' })).rejects.toEqual(bad(/"service".*"tracker"/))
    await expect(give(subpath, { tracker: {} })).rejects.toEqual(bad(/"tracker"/))
  })

  test.runIf(HTTP.includes(subpath))('refuses a misspelt authenticate, and one that is not called', async () => {
    const authenticate = (): string => 'anna'
    await expect(give(subpath, { tracker, authentiate: authenticate })).rejects.toEqual(
      bad(/did you mean "authenticate"/),
    )
    await expect(give(subpath, { tracker, authenticate, auth: 'manual' })).rejects.toEqual(bad(/"authenticate"/))
    await expect(give(subpath, { tracker, authenticate: 'anna' })).rejects.toEqual(bad(/"authenticate"/))
    await expect(give(subpath, { tracker, auth: 'maual' })).rejects.toEqual(bad(/"auth"/))
    await expect(give(subpath, { tracker, processing: true })).rejects.toEqual(bad(/"processing"/))
    await expect(give(subpath, { tracker, ignore: '/health' })).rejects.toEqual(bad(/"ignore"/))
    await expect(give(subpath, { tracker, path: /x/ })).rejects.toEqual(bad(/"path"/))
    await expect(give(subpath, { tracker, fields: {} })).rejects.toEqual(bad(/"fields"/))
  })
})

const CLIENTS: Readonly<Record<string, unknown>> = {
  fetch: globalThis.fetch,
  http: { request: () => undefined, get: () => undefined },
}
const SENDING = HOSTS.filter(
  ({ subpath, exports }) => exports.includes('propagate') && !/^(pg|mysql2|grpc)$/.test(subpath),
)

test.each(SENDING.map(({ subpath }) => subpath))('propagate() of %s refuses unknown options', async (subpath) => {
  const { propagate: wrap } = await load(subpath)
  const client = CLIENTS[subpath] ?? {}
  const [name, near] = subpath === 'fetch' || subpath === 'http' ? ['too', 'to'] : ['ass', 'as']
  expect(() => wrap?.(client, { [name]: [] })).toThrow(bad(new RegExp(`"${name}".*"${near}"`)))
  expect(() => wrap?.(client, null)).toThrow(bad(/object/))
  if (near === 'as') expect(() => wrap?.(client, { as: 'handoff' })).toThrow(bad(/"as".*'hand-off'/))
})

describe('the core', () => {
  const untyped = { createTracker, trackRequest } as unknown as Readonly<Record<'createTracker' | 'trackRequest', Call>>
  const tracker = createTracker({ service: 'api', logger: false })
  const handler = (): void => undefined
  const SERVICE = { service: 'api' }

  test.each<[what: string, call: () => unknown, message: RegExp]>([
    ['a misspelt option', () => untyped.createTracker({ servise: 'api' }), /"servise".*"service"/],
    [
      'an option of handlers',
      () => untyped.createTracker({ ...SERVICE, authenticate: handler }),
      /of trackRequest\(\)/,
    ],
    ['an option of trackers', () => untyped.trackRequest.call(tracker, handler, { servise: 1 }), /"service"/],
    ['a misspelt handler option', () => untyped.trackRequest(handler, { tracker, authentiate: 1 }), /"authenticate"/],
    [
      'durability without lines',
      () => untyped.createTracker({ ...SERVICE, logger: false, durability: 'turn' }),
      /"logger"/,
    ],
    [
      "durability of pino's lines",
      () => untyped.createTracker({ ...SERVICE, logger: pino(), durability: 'turn' }),
      /"logger"/,
    ],
    [
      'a worker with authentication',
      () => untyped.trackRequest(handler, { tracker, carrier: handler, authenticate: handler }),
      /"carrier"/,
    ],
    [
      'an unknown name in headers',
      () => untyped.createTracker({ ...SERVICE, headers: { raed: [] } }),
      /"raed".*"read"/,
    ],
    [
      'a name that is no token',
      () => untyped.createTracker({ ...SERVICE, headers: { read: ['x id'] } }),
      /headers\.read/,
    ],
    ['a name that is no text', () => untyped.createTracker({ ...SERVICE, headers: { echo: 7 } }), /headers\.echo/],
    [
      'traceparent as an id',
      () => untyped.createTracker({ ...SERVICE, headers: { read: ['traceparent'] } }),
      /another use/,
    ],
    [
      'an id as the length',
      () => untyped.createTracker({ ...SERVICE, headers: { echo: 'Content-Length' } }),
      /another use/,
    ],
    ['a function that is none', () => untyped.createTracker({ ...SERVICE, newTraceId: 'x' }), /"newTraceId"/],
    ['an unknown option of watch', () => tracker.watch({ evry: '1s' } as never), /"evry".*"every"/],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(bad(message))
  })

  test("names the tracker's function for its options", () => {
    expect(() => tracker.trackRequest(handler, SERVICE as never)).toThrow(bad(/"service".*createTracker/))
  })

  test.each<[name: string, logger: unknown]>([
    ['winston', winston.createLogger({ silent: true })],
    ['the console', console],
    ['an object with child()', { level: 'info', child: () => ({ info: handler }), info: handler }],
    [
      'an object with a child of itself',
      { levels: { values: {} }, isLevelEnabled: () => true, child: handler, flush: handler },
    ],
    ['null', null],
    ['true', true],
  ])('refuses %s as a logger, and says what to do', (_, logger) => {
    expect(() => untyped.createTracker({ ...SERVICE, logger })).toThrow(
      bad(/"logger" must be a pino logger.*sinks.*lineFields.*docs\/tracking\.md#where-lines-go/),
    )
  })

  test('takes a pino logger, also a child, one with custom levels, and a silent one', () => {
    for (const logger of [pino().child({ a: 1 }), pino({ customLevels: { loud: 70 } }), pino({ level: 'silent' })])
      expect(createTracker({ ...SERVICE, logger }).service).toBe('api')
  })

  test.each<[as: string, call: () => unknown, subpath: RegExp]>([
    ['a middleware', () => untyped.trackRequest(SERVICE), /throughline\/express.*koa.*hono.*fastify.*grpc.*nestjs/],
    ['a middleware that is not called', () => untyped.trackRequest({ url: '/' }, {}, handler), /throughline\/express/],
    ['a plugin', () => untyped.trackRequest(fastify(), SERVICE, handler), /throughline\/fastify/],
  ])('says which subpath to use where trackRequest() is used as %s', (_, call, subpath) => {
    expect(call).toThrow(bad(subpath))
  })

  test.each<[what: string, args: unknown[], subpath: string]>([
    ['fetch', [globalThis.fetch], 'fetch'],
    ['a module like node:http', [{ request: handler, globalAgent: {} }], 'http'],
    ['an agent', [{ addRequest: handler }], 'http'],
    ['a channel', [{ publish: handler, sendToQueue: handler }], 'amqplib'],
    ['a pool of pg', [{ query: handler, connect: handler }], 'pg'],
    ['a pool of mysql2', [{ query: handler, execute: handler, getConnection: handler }], 'mysql2'],
    ['a producer', [{ send: handler, sendBatch: handler }], 'kafka'],
    ['pg-boss', [{ send: handler, work: handler }], 'pg-boss'],
    ['a client of Nest', [{ send: handler, emit: handler }], 'nestjs'],
    ['a client of SQS', [{ send: handler, config: {} }], 'sqs'],
    ['a NATS connection', [{ publish: handler, subscribe: handler }], 'nats'],
    ['a queue', [{ add: handler, addBulk: handler }], 'bullmq'],
    ['nothing', [], 'grpc'],
    ['anything else', [7], 'fetch'],
  ])('propagate() of the root names the subpath for %s', (_, args, subpath) => {
    const { propagate }: Readonly<Record<'propagate', Call>> = root
    expect(() => propagate(...args)).toThrow(bad(new RegExp(`throughline/${subpath}\\b`)))
  })

  test('the principal has the type that authenticate resolves to', () => {
    type Authenticate = () => Promise<false | { name: string }>
    expectTypeOf<PrincipalOf<Authenticate>>().toEqualTypeOf<{ name: string }>()
    expectTypeOf(currentRequest<PrincipalOf<Authenticate>>()?.principal).toEqualTypeOf<{ name: string } | undefined>()
    expectTypeOf(currentRequest()?.principal).toEqualTypeOf<unknown>()
  })
})
