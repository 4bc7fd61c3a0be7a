import 'reflect-metadata'
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import {
  All,
  Body,
  Catch,
  Get,
  Inject,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Req,
  RequestMethod,
  Res,
  Scope,
  ServiceUnavailableException,
  Sse,
  StreamableFile,
  UnauthorizedException,
  Version,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type DynamicModule,
  type ExceptionFilter,
  type FactoryProvider,
  type INestApplication,
  type MessageEvent,
  type MiddlewareConsumer,
  type ModuleMetadata,
  type NestApplicationOptions,
} from '@nestjs/common'
import {
  APP_FILTER,
  APP_GUARD,
  APP_INTERCEPTOR,
  APP_PIPE,
  ApplicationConfig,
  ExternalContextCreator,
  HttpAdapterHost,
} from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { Request } from 'express'
import type { FastifyRequest } from 'fastify'
import { concat, from, map, of, throwError, timer, type Observable } from 'rxjs'
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { TrackRequestModule, type NestOptions, type NestRequest } from '../../src/adapters/nestjs.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import { summarizeTransitions } from '../tracker-fixture.ts'
import { deferred } from '../deferred.ts'
import { expectHangingPhase } from './hanging-phase.ts'
import { ask, head, type AskOptions } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { headerOf, TLS } from './http-servers.ts'
import { controller, create, method, moduleOf, parameters } from './nest-builders.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

/** The members that the responses of both platforms have. */
interface Reply {
  status(code: number): unknown
  header(name: string, value: string): unknown
}

interface Sending extends Reply {
  send(body: string): unknown
}

/** The members that the requests of both platforms have; Fastify's is not a stream, but has the parsed body. */
interface Incoming {
  readonly headers: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

function serving(
  make: () => ExpressAdapter | FastifyAdapter,
  options?: Parameters<typeof create>[2],
): (scenario: Scenario) => Promise<RunningServer> {
  return async ({ tracker, handle, ...own }) => {
    class Shop {
      async answer(req: Incoming, res: Reply): Promise<unknown> {
        const body = (): Promise<string> =>
          req instanceof Readable ? text(req) : Promise.resolve(typeof req.body === 'string' ? req.body : '')
        const answer = await handle({ header: headerOf(req), body })
        res.status(answer.status ?? 200)
        if (answer.type !== undefined) res.header('content-type', answer.type)
        if (typeof answer.body === 'string' || answer.body === null || answer.body === undefined) return answer.body
        return new StreamableFile(Readable.from(answer.body, { objectMode: false }))
      }
    }
    method(Shop, 'answer', All(['', 'orders/:id']))
    parameters(Shop, 'answer', Req(), Res({ passthrough: true }))
    const tracking = TrackRequestModule.forRoot({
      tracker,
      ...optionsFor(own, (req: NestRequest) => headerOf(req)),
    })
    const adapter = make()
    if (adapter instanceof FastifyAdapter)
      adapter.getInstance().addContentTypeParser('*', { parseAs: 'string' }, (_req, body, done) => done(null, body))
    const root = moduleOf({ imports: [tracking], controllers: [controller(Shop)] })
    return listenNest(await create(root, adapter, options))
  }
}

type Hook = (req: unknown, res: unknown, done: () => void) => void

/** The adapter with a request hook of the application. */
function withHook(adapter: ExpressAdapter | FastifyAdapter, hook: Hook): ExpressAdapter | FastifyAdapter {
  if (adapter instanceof ExpressAdapter) adapter.setOnRequestHook(hook)
  else adapter.setOnRequestHook(hook)
  return adapter
}

async function listenNest(app: INestApplication): Promise<RunningServer> {
  await app.listen(0, '127.0.0.1')
  return { url: await app.getUrl(), close: () => app.close() }
}

const PLATFORMS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter({ forceCloseConnections: true })],
] as const

for (const [name, make] of PLATFORMS) {
  describeHttpAdapter(`Nest on ${name}`, serving(make), {
    routes: { orders: '/orders/:id' },
    parsesJson: true,
    https:
      name === 'Fastify'
        ? serving(() => new FastifyAdapter({ https: TLS, forceCloseConnections: true } as object))
        : serving(make, { httpsOptions: TLS }),
    // The types of Nest's adapter name other classes for HTTPS and HTTP/2; at run time all work.
    ...(name === 'Fastify' ? { http2: serving(() => new FastifyAdapter({ http2: true } as object)) } : {}),
  })
}

describe.each(PLATFORMS)('Nest on %s beyond the contract', (_platform, make) => {
  interface Made {
    readonly parts?: ModuleMetadata
    readonly options?: Partial<NestOptions>
    readonly configure?: (consumer: MiddlewareConsumer) => unknown
    /** The setup of an application before it listens. */
    readonly main?: (app: INestApplication) => unknown
    readonly adapter?: ExpressAdapter | FastifyAdapter
    readonly tracking?: (tracker: Tracker) => DynamicModule
    readonly created?: Pick<NestApplicationOptions, 'rawBody'>
  }

  async function start(
    shop: new (...args: never[]) => object,
    made: Made = {},
  ): Promise<RecordingTracker & { url: string; last: (path?: string, options?: AskOptions) => Promise<unknown> }> {
    const recording = recordingTracker()
    const { parts, options, configure, main, adapter, tracking, created } = made
    const tracked =
      tracking?.(recording.tracker) ?? TrackRequestModule.forRoot({ ...options, tracker: recording.tracker })
    const root = moduleOf(
      { ...parts, imports: [tracked, ...(parts?.imports ?? [])], controllers: [controller(shop)] },
      configure,
    )
    const app = await create(root, adapter ?? make(), created)
    await main?.(app)
    const serving = await listenNest(app)
    onTestFinished(() => serving.close())
    const last = async (path = '/', options: AskOptions = {}): Promise<unknown> => {
      const ends = recording.records.filter(
        (record) => record.lifecycle === 'transition' && record.outcome !== undefined,
      ).length
      await ask(`${serving.url}${path}`, options)
      await recording.ended(ends + 1)
      return recording.records.at(-1)
    }
    return { ...recording, url: serving.url, last }
  }

  /** A controller with one handler, for GET and POST of `/orders/:id`. */
  function shopOf(answer: () => unknown): new () => object {
    class Shop {
      answer(): unknown {
        return answer()
      }
    }
    method(Shop, 'answer', All('orders/:id'))
    return Shop
  }

  const json = (value: unknown): AskOptions => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })

  test('all parts of Nest have the current request, also after the body was parsed, with a request-scoped provider', async () => {
    const seen: [part: string, trace: string][] = []
    const see = <T>(part: string, value: T): T => {
      seen.push([part, currentTraceId()])
      return value
    }
    class Service {
      work(): void {
        see('service', undefined)
      }
    }
    class Shop {
      readonly service: Service
      constructor(service: Service) {
        this.service = service
      }
      answer(_body: unknown): Promise<unknown> {
        this.service.work()
        return Promise.reject(new Error('broken'))
      }
    }
    method(Shop, 'answer', Post('orders/:id'))
    parameters(Shop, 'answer', Body())
    Inject(Service)(Shop, undefined, 0)
    class Filter implements ExceptionFilter {
      catch(_: unknown, host: ArgumentsHost): void {
        const res = see('filter', host).switchToHttp().getResponse<Sending>()
        res.status(418)
        res.send('caught')
      }
    }
    Catch()(Filter)
    const server = await start(Shop, {
      parts: {
        providers: [
          { provide: Service, scope: Scope.REQUEST, useFactory: () => see('request-scoped provider', new Service()) },
          { provide: APP_GUARD, useValue: { canActivate: () => see('guard', true) } },
          { provide: APP_PIPE, useValue: { transform: (value: unknown) => see('pipe', value) } },
          {
            provide: APP_INTERCEPTOR,
            useValue: { intercept: (_: unknown, next: CallHandler) => see('interceptor', next).handle() },
          },
          { provide: APP_FILTER, useValue: new Filter() },
        ],
      },
      configure: (consumer) =>
        consumer
          .apply((_req: unknown, _res: unknown, next: () => void) => {
            see('middleware', next)()
          })
          .forRoutes('*path'),
    })
    const { status, headers } = await ask(`${server.url}/orders/7`, json({ text: 'x'.repeat(90_000) }))
    await server.ended(1)
    expect(status).toBe(418)
    expect(seen.map(([part]) => part)).toEqual([
      'middleware',
      'request-scoped provider',
      'guard',
      'interceptor',
      'pipe',
      'service',
      'filter',
    ])
    expect(new Set(seen.map(([, trace]) => trace))).toEqual(new Set([headers['x-trace-id']]))
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 418, error: { message: 'broken' } })
  })

  test.each<[what: string, main: (app: INestApplication) => unknown, url: string, options: AskOptions, path: string]>([
    [
      'a prefix and a version in the path',
      (app) => app.setGlobalPrefix('api').enableVersioning(),
      '/api/v1/orders/7?q=1',
      {},
      '/api/v1/orders/:id',
    ],
    [
      'a version in a header',
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'v' }),
      '/orders/7',
      { headers: { v: '1' } },
      '/orders/:id',
    ],
    [
      'a request that matches no route below a prefix',
      (app) => app.setGlobalPrefix('api'),
      '/api/nowhere/7',
      {},
      '/api/nowhere/7',
    ],
    [
      'a request that matches no route outside a prefix',
      (app) => app.setGlobalPrefix('api'),
      '/nowhere/7',
      {},
      '/nowhere/7',
    ],
  ])('the path of %s', async (_, main, url, options, path) => {
    const Shop = shopOf(() => 'fine')
    Version('1')(Shop.prototype as object, 'answer', Object.getOwnPropertyDescriptor(Shop.prototype, 'answer') ?? {})
    const server = await start(Shop, { main })
    await server.last(url, options)
    expect(server.records[0]).toMatchObject({ path })
    expect(server.tracker.stats.faults).toBe(0)
  })

  test("a middleware's pattern is not the path, and requests that a middleware answers are tracked", async () => {
    const pass = (_req: unknown, _res: unknown, next: () => void): void => next()
    const refuse = (_req: unknown, res: ServerResponse): void => {
      res.statusCode = 429
      res.end(currentTraceId())
    }
    const server = await start(
      shopOf(() => 'fine'),
      {
        configure: (consumer) =>
          consumer
            .apply(pass)
            .forRoutes({ path: 'orders/*rest', method: RequestMethod.GET })
            .apply(refuse)
            .forRoutes({ path: 'busy', method: RequestMethod.GET }),
      },
    )
    expect(await server.last('/orders/7')).toMatchObject({ status: 200 })
    expect(server.records[0]).toMatchObject({ path: '/orders/:id' })
    const { headers, body } = await ask(`${server.url}/busy`)
    await server.ended(2)
    expect(body).toBe(headers['x-trace-id'])
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 429 })
  })

  test('a CORS preflight, which the platform answers before any handler, is tracked', async () => {
    const server = await start(
      shopOf(() => 'fine'),
      { main: (app) => app.enableCors() },
    )
    const options = {
      method: 'OPTIONS',
      headers: { origin: 'http://shop.test', 'access-control-request-method': 'POST' },
    }
    const { status, headers } = await ask(`${server.url}/orders/7`, options)
    await server.ended(1)
    expect([status, headers['access-control-allow-origin'], headers['x-trace-id']]).toEqual([
      204,
      '*',
      server.records[0]?.trace_id,
    ])
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 204 })
  })

  test.each<[what: string, error: Error, last: object]>([
    [
      'with a status below 500',
      new NotFoundException('no such order'),
      { outcome: 'ok', status: 404, error: { type: 'NotFoundException', message: 'no such order' } },
    ],
    [
      'with a status of 500 or more',
      new ServiceUnavailableException('later'),
      { outcome: 'error', status: 503, error: { message: 'later' } },
    ],
    [
      'of any other class',
      new TypeError('broken'),
      { outcome: 'error', status: 500, error: { type: 'TypeError', message: 'broken' } },
    ],
  ])('an error %s', async (_, error, last) => {
    const server = await start(shopOf(() => Promise.reject(error)))
    expect(await server.last('/orders/7')).toMatchObject({ state: 'Responded', ...last })
  })

  test('input that a pipe rejects is answered with a 400', async () => {
    class Shop {
      answer(_id: unknown): string {
        return 'fine'
      }
    }
    method(Shop, 'answer', Get('orders/:id'))
    parameters(Shop, 'answer', Param('id', ParseIntPipe))
    const server = await start(Shop)
    expect(await server.last('/orders/seven')).toMatchObject({
      outcome: 'ok',
      status: 400,
      error: { type: 'BadRequestException' },
    })
  })

  test('an error that a filter answers with 200 is outcome error', async () => {
    class Filter implements ExceptionFilter {
      catch(_: unknown, host: ArgumentsHost): void {
        const res = host.switchToHttp().getResponse<Sending>()
        res.status(200)
        res.send('{"errors":[]}')
      }
    }
    Catch()(Filter)
    const server = await start(
      shopOf(() => Promise.reject(new Error('broken'))),
      { main: (app) => app.useGlobalFilters(new Filter()) },
    )
    expect(await server.last('/orders/7')).toMatchObject({
      outcome: 'error',
      status: 200,
      error: { message: 'broken' },
    })
  })

  test.each<[what: string, canActivate: () => boolean, status: number]>([
    ['returns false', () => false, 403],
    [
      'throws',
      () => {
        throw new UnauthorizedException()
      },
      401,
    ],
  ])('with manual authentication, a caller is denied if a guard %s', async (_, canActivate, status) => {
    const server = await start(
      shopOf(() => expect.unreachable('the handler runs')),
      {
        options: { auth: 'manual' },
        parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] },
      },
    )
    expect(await server.last('/orders/7')).toMatchObject({ state: 'Failed', outcome: 'denied', status })
  })

  test('a request is Received in a guard, and in Processing in its handler', async () => {
    const states: unknown[] = []
    const canActivate = (): boolean => states.push(currentRequest()?.state) > 0
    const server = await start(
      shopOf(() => String(states.push(currentRequest()?.state))),
      { parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] } },
    )
    await server.last('/orders/7')
    expect(states).toEqual(['Received', 'Processing'])
    expect(summarizeTransitions(server.records)).toEqual([
      '0 Received',
      '1 AUTH_OK Authenticated implied',
      '2 PROCESS Processing implied',
      '3 RESPOND Responded ok',
    ])
  })

  test('a caller whom a guard refuses is denied', async () => {
    const server = await start(
      shopOf(() => expect.unreachable('the handler runs')),
      { parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate: () => false } }] } },
    )
    expect(await server.last('/orders/7')).toMatchObject({ state: 'Failed', outcome: 'denied', status: 403 })
  })

  test('a guard that hangs is reported in Received, until its caller leaves', async () => {
    const reached = deferred()
    const canActivate = (): Promise<boolean> => {
      reached.resolve()
      return new Promise(() => undefined)
    }
    const server = await start(
      shopOf(() => expect.unreachable('the handler runs')),
      { parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] } },
    )
    await expectHangingPhase(server, `${server.url}/orders/7`, reached.promise)
  })

  test('a guard that authenticates the caller', async () => {
    const canActivate = (): boolean => currentRequest()?.authenticated('anna') === true
    const server = await start(
      shopOf(() => String(currentRequest()?.principal)),
      {
        options: { auth: 'manual' },
        parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] },
      },
    )
    expect((await ask(`${server.url}/orders/7`)).body).toBe('anna')
    await server.ended(1)
    expect(summarizeTransitions(server.records)).toEqual([
      '0 Received',
      '1 AUTH_OK Authenticated',
      '2 PROCESS Processing implied',
      '3 RESPOND Responded ok',
    ])
  })

  test('server-sent events have the current request, until the client disconnects', async () => {
    class Shop {
      events(): Observable<MessageEvent> {
        return timer(0, 1).pipe(map(() => ({ data: currentTraceId() })))
      }
    }
    method(Shop, 'events', Sse('events'))
    const server = await start(Shop)
    const response = await head(`${server.url}/events`)
    let read = ''
    for await (const chunk of response.setEncoding('utf8')) if (/data: .*data: /s.test((read += String(chunk)))) break
    response.destroy()
    await server.ended(1)
    expect(response.headers['x-trace-id']).toBe(server.records[0]?.trace_id)
    expect(read).toContain(`data: ${server.records[0]?.trace_id ?? '-'}\n`)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'aborted', status: 200 })
  })

  test.each<[end: string, source: () => Observable<MessageEvent>, last: object]>([
    ['end', () => from([{ data: 'one' }, { data: 'two' }]), { outcome: 'ok' }],
    [
      'fail',
      () =>
        concat(
          of({ data: 'one' }),
          throwError(() => new Error('broken')),
        ),
      { outcome: 'error', error: { message: 'broken' } },
    ],
  ])('server-sent events that %s', async (_, source, last) => {
    class Shop {
      events(): Observable<MessageEvent> {
        return source()
      }
    }
    method(Shop, 'events', Sse('events'))
    const server = await start(Shop)
    expect(await server.last('/events')).toMatchObject({ state: 'Responded', status: 200, ...last })
  })

  test('a handler that responds through the platform itself', async () => {
    class Shop {
      answer(res: Sending): void {
        setImmediate(() => res.send(currentTraceId()))
      }
    }
    method(Shop, 'answer', Get())
    parameters(Shop, 'answer', Res())
    const server = await start(Shop)
    const { body, headers } = await ask(server.url)
    await server.ended(1)
    expect(body).toBe(headers['x-trace-id'])
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200 })
  })

  test('the raw body is kept if the application asks for it', async () => {
    class Shop {
      answer(req: { readonly rawBody?: Buffer }): string {
        return String(req.rawBody)
      }
    }
    method(Shop, 'answer', Post())
    parameters(Shop, 'answer', Req())
    const server = await start(Shop, { created: { rawBody: true } })
    expect((await ask(server.url, json({ n: 1 }))).body).toBe('{"n":1}')
  })

  test.each<[when: string, made: (hook: Hook, adapter: ExpressAdapter | FastifyAdapter) => Made]>([
    ['before', (hook, adapter) => ({ adapter: withHook(adapter, hook) })],
    ['after', (hook, adapter) => ({ adapter, main: () => withHook(adapter, hook) })],
  ])('a request hook that the application sets %s runs, and requests are tracked', async (_, made) => {
    let calls = 0
    const server = await start(
      shopOf(() => currentTraceId()),
      made((_req, _res, next) => {
        calls += 1
        next()
      }, make()),
    )
    const { body, headers } = await ask(`${server.url}/orders/7`)
    await server.ended(1)
    expect([calls, body]).toEqual([1, headers['x-trace-id']])
    expect(server.byRequest()).toHaveLength(1)
  })

  test('options from a factory, which receives its providers', async () => {
    const server = await start(
      shopOf(() => currentRequest()?.state),
      {
        tracking: (tracker) =>
          TrackRequestModule.forRootAsync({
            imports: [
              { module: moduleOf({}), providers: [{ provide: 'auth', useValue: 'manual' }], exports: ['auth'] },
            ],
            inject: ['auth'],
            useFactory: async (auth: 'manual') => {
              await new Promise(setImmediate)
              return { tracker, auth }
            },
          }),
      },
    )
    expect((await ask(`${server.url}/orders/7`)).body).toBe('Received')
  })

  test('a module that is imported twice tracks once', async () => {
    const second = recordingTracker()
    const server = await start(
      shopOf(() => Promise.reject(new Error('broken'))),
      { parts: { imports: [TrackRequestModule.forRoot({ tracker: second.tracker })] } },
    )
    expect(await server.last('/orders/7')).toMatchObject({ outcome: 'error' })
    expect(second.records).toEqual([])
    expect(second.tracker.stats.faults).toBe(0)
  })

  test('an adapter that is set after the module was created, as in a testing module', async () => {
    const { tracker, ended, records } = recordingTracker()
    const { providers = [] } = TrackRequestModule.forRoot({ tracker })
    const factories = providers.filter((provider): provider is FactoryProvider => 'useFactory' in provider)
    const setUp = factories.find(({ inject }) => inject?.includes(HttpAdapterHost))
    const options: unknown = factories.find((factory) => factory !== setUp)?.useFactory()
    const [host, adapter] = [new HttpAdapterHost(), make()]
    setUp?.useFactory(options, host, new ApplicationConfig())
    host.httpAdapter = adapter
    const app = await create(moduleOf({ controllers: [controller(shopOf(() => currentTraceId()))] }), adapter)
    const serving = await listenNest(app)
    onTestFinished(() => serving.close())
    const { body, headers } = await ask(`${serving.url}/orders/7`)
    await ended(1)
    expect(body).toBe(headers['x-trace-id'])
    expect(records[0]).toMatchObject({ path: '/orders/:id' })
  })

  test('after a middleware that loses the context, the handler has the current request again', async () => {
    const pool = new AsyncResource('pool')
    const server = await start(
      shopOf(() => currentTraceId()),
      {
        configure: (consumer) =>
          consumer
            .apply((_req: unknown, _res: unknown, next: () => void) => pool.runInAsyncScope(next))
            .forRoutes('*path'),
      },
    )
    const { body, headers } = await ask(`${server.url}/orders/7`)
    expect(body).toBe(headers['x-trace-id'])
  })

  describe('the resolvers of GraphQL', () => {
    /** An application that answers `/graphql` with this resolver, as @nestjs/graphql calls it. */
    function serveQuery(
      answer: () => unknown,
      made: Made = {},
      called: (call: () => void) => void = (call) => call(),
      context = (req: IncomingMessage): object => ({ req }),
    ) {
      class Resolver {
        answer(): unknown {
          return answer()
        }
      }
      const resolver = new Resolver()
      const main = (app: INestApplication): void => {
        const resolve = app
          .get(ExternalContextCreator)
          .create(resolver, resolver.answer.bind(resolver), 'answer', ...SKIPPED, 'graphql')
        app.use('/graphql', (req: IncomingMessage, res: ServerResponse) => {
          const query = async (): Promise<void> => {
            // Two fields of one query, whose errors GraphQL answers with 200.
            const fields = await Promise.allSettled(
              [1, 2].map(() => resolve({}, {}, context(req), {}) as Promise<unknown>),
            )
            res.end(fields.map(({ status }) => status).join())
          }
          called(() => void query())
        })
      }
      return start(
        shopOf(() => 'fine'),
        { ...made, main },
      )
    }
    const SKIPPED = [undefined, undefined, undefined, undefined, undefined] as const

    const pool = recordingTracker()
      .tracker.start()
      .run(() => new AsyncResource('pool'))

    type Called = Parameters<typeof serveQuery>[2]
    type Context = Parameters<typeof serveQuery>[3]

    test.each<[string, Called, Context]>([
      ['', undefined, undefined],
      [', also without req in the context of the query', undefined, () => ({})],
      [
        ', also if a middleware went on in the context of another request',
        (call) => pool.runInAsyncScope(call),
        undefined,
      ],
    ])('have it in Processing until its answer%s', async (_, called, context) => {
      const [released, reached] = [deferred(), deferred<string>()]
      const server = await serveQuery(
        () => {
          reached.resolve(currentTraceId())
          return released.promise
        },
        {},
        called,
        context,
      )
      const answer = ask(`${server.url}/graphql`, { method: 'POST' })
      const trace = await reached.promise
      expect(server.tracker.inFlight().map(({ state }) => state)).toEqual(['Processing'])
      released.resolve()
      expect(await answer).toMatchObject({ body: 'fulfilled,fulfilled', headers: { 'x-trace-id': trace } })
      await server.ended(1)
      expect(summarizeTransitions(server.records)).toEqual([
        '0 Received',
        '1 AUTH_OK Authenticated implied',
        '2 PROCESS Processing implied',
        '3 RESPOND Responded ok',
      ])
      expect(server.records[0]).toMatchObject({ method: 'POST', path: '/graphql' })
    })

    test('a guard before them that hangs is reported in Received, until its caller leaves', async () => {
      const reached = deferred()
      const canActivate = (): Promise<boolean> => {
        reached.resolve()
        return new Promise(() => undefined)
      }
      const server = await serveQuery(() => expect.unreachable('the resolver runs'), {
        parts: { providers: [{ provide: APP_GUARD, useValue: { canActivate } }] },
      })
      await expectHangingPhase(server, `${server.url}/graphql`, reached.promise)
    })

    test('an error of one of them is answered by GraphQL, and does not change the outcome', async () => {
      const server = await serveQuery(() => Promise.reject(new Error('no such order')))
      expect(await server.last('/graphql')).toMatchObject({ state: 'Responded', outcome: 'ok', status: 200 })
    })

    test('processing: manual leaves it to them to report that the work has started', async () => {
      const states: unknown[] = []
      const server = await serveQuery(() => states.push(currentRequest()?.state), { options: { processing: 'manual' } })
      await ask(`${server.url}/graphql`)
      await server.ended(1)
      expect(summarizeTransitions(server.records)).toEqual([
        '0 Received',
        '1 AUTH_OK Authenticated implied',
        '2 PROCESS Processing implied',
        '3 RESPOND Responded ok',
      ])
      expect(states).toEqual(['Authenticated', 'Authenticated'])
    })
  })

  test.each(['graphql', 'ws', 'http'] as const)(
    'handlers of %s that are not called through HTTP are not affected',
    async (type) => {
      const recording = recordingTracker()
      class Resolver {
        answer(): string {
          return `fine ${currentTraceId()}`
        }
      }
      const app = await create(
        moduleOf({ imports: [TrackRequestModule.forRoot({ tracker: recording.tracker })] }),
        make(),
      )
      onTestFinished(() => app.close())
      const resolver = new Resolver()
      // As @nestjs/graphql and others call their handlers.
      const handle = app
        .get(ExternalContextCreator)
        .create(
          resolver,
          resolver.answer.bind(resolver),
          'answer',
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          type,
        )
      expect(await handle()).toBe('fine ')
      expect(recording.records).toEqual([])
      expect(recording.tracker.stats.faults).toBe(0)
    },
  )
})

describe('Nest on any platform', () => {
  test('invalid options throw in forRoot, or from a factory in NestFactory', async () => {
    expect(() => TrackRequestModule.forRoot({ service: '' })).toThrow('option "service"')
    const root = moduleOf({ imports: [TrackRequestModule.forRootAsync({ useFactory: () => ({ service: '' }) })] })
    await expect(create(root, new ExpressAdapter())).rejects.toThrow('option "service"')
  })

  test('on an unknown platform an error is printed, and the application works', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => stderr.mockRestore())
    class Other extends ExpressAdapter {
      override getType(): string {
        return 'other'
      }
    }
    class Shop {
      answer(): string {
        return `fine ${currentTraceId()}`
      }
    }
    method(Shop, 'answer', Get())
    const { tracker, records } = recordingTracker()
    const root = moduleOf({ imports: [TrackRequestModule.forRoot({ tracker })], controllers: [controller(Shop)] })
    const serving = await listenNest(await create(root, new Other()))
    onTestFinished(() => serving.close())
    expect((await ask(serving.url)).body).toBe('fine ')
    expect(records).toEqual([])
    expect(String(stderr.mock.calls[0]?.[0])).toContain('not on "other"')
  })

  test('its types are those of Nest and its platforms', () => {
    expectTypeOf<Request>().toExtend<NestRequest>()
    expectTypeOf<FastifyRequest>().toExtend<NestRequest>()
    expectTypeOf<NestOptions<Request>>()
      .toHaveProperty('authenticate')
      .toExtend<((req: Request) => unknown) | undefined>()
    expectTypeOf(
      TrackRequestModule.forRoot({ service: 'api', authenticate: (req: Request) => req.get('authorization') }),
    ).toEqualTypeOf<DynamicModule>()
    expectTypeOf(
      TrackRequestModule.forRoot({ service: 'api', authenticate: (req: FastifyRequest) => req.ip }),
    ).toEqualTypeOf<DynamicModule>()
    expectTypeOf(
      TrackRequestModule.forRootAsync({ inject: ['shop'], useFactory: (service: string) => ({ service }) }),
    ).toEqualTypeOf<DynamicModule>()
    expectTypeOf<IncomingMessage>().not.toExtend<NestRequest>()
    TrackRequestModule.forRoot({
      service: 'api',
      authenticate: (req) => {
        expectTypeOf(req).toEqualTypeOf<NestRequest>()
        return req.headers.authorization
      },
      ignore: (req) => req.url === '/health',
    })
  })
})
