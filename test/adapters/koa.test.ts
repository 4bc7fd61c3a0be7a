import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecondServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { PassThrough, Readable } from 'node:stream'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
// @ts-expect-error -- it has no types under this name
import Koa2Package from 'koa2'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { authenticated, trackRequest, type KoaContext } from '../../src/adapters/koa.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { describeAuthenticated } from './authenticated-contract.ts'
import { deferred } from '../deferred.ts'
import { ask, head } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { bodyOf, headerOf, listen, listenSecurely } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

/** Both majors are used alike here. */
const MAJORS = { 'koa 3': Koa, 'koa 2': Koa2Package as unknown as typeof Koa }

/** Unless it is silent, Koa prints the errors that it answers. */
function quiet(Application = Koa): Koa {
  const app = new Application()
  app.silent = true
  return app
}

function tracked(Application: typeof Koa, { tracker, handle, ...own }: Scenario): Koa {
  const options = {
    tracker,
    ...optionsFor(own, (ctx: Context) => headerOf(ctx.req)),
  }
  const handler: Middleware = async (ctx) => {
    const {
      status = 200,
      type,
      body = '',
    } = await handle({
      header: headerOf(ctx.req),
      body: () => bodyOf((ctx.request as { body?: unknown }).body, ctx.req),
    })
    ctx.status = status
    ctx.body = typeof body === 'string' || body === null ? body : Readable.from(body, { objectMode: false })
    if (type !== undefined) ctx.type = type
  }
  const router = new Router()
  router.all('/', handler).all('/orders/:id', handler)
  const app = quiet(Application)
  app
    .use(trackRequest(options))
    .use(bodyParser({ enableTypes: ['json', 'text'] }))
    .use(router.routes())
  return app
}

for (const [name, Application] of Object.entries(MAJORS))
  describeHttpAdapter(name, (scenario) => listen(createServer(callback(tracked(Application, scenario)))), {
    routes: { orders: '/orders/:id' },
    parsesJson: true,
    http2: (scenario) => listen(createSecondServer(callback(tracked(Application, scenario)))),
    https: (scenario) => listenSecurely(callback(tracked(Application, scenario))),
  })

/** Koa's own callback; it serves both versions of HTTP, but is typed for one. */
function callback(
  app: Koa,
): (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => void {
  const handle = app.callback() as (req: unknown, res: unknown) => Promise<void>
  return (req, res) => void handle(req, res)
}

/** Koa's middleware, or that of its router, which has its own type of context. */
type KoaMiddleware = Middleware | ReturnType<Router['routes']>

describeAuthenticated(({ tracker, auth, refusal, onCheck, handle }) => {
  const app = new Koa()
  app.use(trackRequest({ tracker, ...(auth === undefined ? {} : { auth }) }))
  app.use(async (ctx, next) => {
    onCheck()
    const name = ctx.get('authorization')
    if (name === 'nobody') ctx.status = refusal
    else {
      ctx.state = { user: name }
      await next()
    }
  })
  app.use(authenticated())
  app.use((ctx) => void (ctx.body = handle()))
  return listen(createServer(callback(app)))
})

describe.each(Object.entries(MAJORS))('%s beyond the contract', (_major, Application) => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  async function start(...middleware: readonly KoaMiddleware[]): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const app = quiet(Application)
    app.use(trackRequest({ tracker: recording.tracker }))
    for (const each of middleware) app.use(each as Middleware)
    serving = await listen(createServer(callback(app)))
    return recording
  }

  async function last(server: RecordingTracker, path = ''): Promise<unknown> {
    await ask(`${serving?.url ?? ''}${path}`).catch(() => undefined)
    await server.ended(1)
    return server.records.at(-1)
  }

  test.each([
    [404, 'ok'],
    [422, 'ok'],
    [503, 'error'],
  ])('ctx.throw(%d) is an answer, or an error, by its status', async (status, outcome) => {
    const server = await start((ctx: Context) => ctx.throw(status, 'no such order', { expose: true }))
    expect(await last(server)).toMatchObject({ outcome, error: { message: 'no such order' } })
  })

  test.each<[what: string, middleware: KoaMiddleware, status: number]>([
    ['a handler that throws', () => Promise.reject(new Error('broken')), 500],
    ['ctx.throw(404)', (ctx: Context) => ctx.throw(404), 404],
  ])('the answer to %s has the id', async (_, middleware, status) => {
    const server = await start(middleware)
    const response = await ask(serving?.url ?? '')
    expect(response).toMatchObject({ status, headers: { 'x-trace-id': server.records[0]?.trace_id } })
  })

  test('an application and a part of it that are both tracked make one request', async () => {
    const { tracker, ended, byRequest } = recordingTracker()
    const app = quiet(Application)
    for (let times = 0; times < 2; times += 1) app.use(trackRequest({ tracker }))
    app.use((ctx) => void (ctx.body = currentRequest()?.state))
    serving = await listen(createServer(callback(app)))
    expect(await ask(serving.url)).toMatchObject({ status: 200, body: 'Processing' })
    await ended(1)
    expect(byRequest()).toHaveLength(1)
  })

  test('an error that a middleware catches and answers is not logged', async () => {
    const server = await start(
      async (ctx: Context, next: () => Promise<unknown>) => next().catch(() => (ctx.body = 'sorry')),
      () => Promise.reject(new Error('broken')),
    )
    const record = await last(server)
    expect(record).toMatchObject({ outcome: 'ok', status: 200 })
    expect(record).not.toHaveProperty('error')
  })

  test('with ctx.respond = false, the raw response ends the request', async () => {
    const server = await start((ctx: Context) => {
      ctx.respond = false
      ctx.res.writeHead(200).end('by hand')
    })
    expect(await last(server)).toMatchObject({ outcome: 'ok', status: 200 })
  })

  test('a stream that fails halfway is the error', async () => {
    const torn = deferred()
    const server = await start((ctx: Context) => {
      const body = new PassThrough()
      ctx.body = body
      body.write('half')
      setImmediate(() => body.destroy(new TypeError('torn')).on('close', torn.resolve))
    })
    const response = await head(serving?.url ?? '')
    response.on('error', () => undefined).resume()
    await torn.promise
    // Koa 2 leaves the connection open.
    response.destroy()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 200, error: { message: 'torn' } })
    expect(server.tracker.inFlight()).toEqual([])
  })

  test.each<[what: string, make: () => KoaMiddleware[], url: string, path: string]>([
    [
      'a router with a prefix',
      () => [new Router({ prefix: '/shops/:shop' }).get('/orders/:id', fine).routes()],
      '/shops/7/orders/8',
      '/shops/:shop/orders/:id',
    ],
    [
      'nested routers',
      () => [new Router().use('/a', new Router().get('/b/:b', fine).routes()).routes()],
      '/a/b/1',
      '/a/b/:b',
    ],
    [
      'middleware of the router',
      () => [
        new Router()
          .use((_ctx, next) => next())
          .get('/orders/:id', fine)
          .routes(),
      ],
      '/orders/7',
      '/orders/:id',
    ],
    [
      'a path that only another method has',
      () => [new Router().post('/orders/:id', fine).routes()],
      '/orders/7',
      '/orders/7',
    ],
    ['no router at all', () => [fine], '/orders/7', '/orders/7'],
  ])('the logged path with %s', async (_, make, url, path) => {
    const server = await start(...make())
    await last(server, `${url}?q=1`)
    expect(server.records[0]).toMatchObject({ path })
  })

  test('the request is attached to ctx and to req', async () => {
    const found: unknown[] = []
    const server = await start((ctx: Context) => {
      found.push(currentRequest(ctx) === currentRequest(), currentRequest(ctx.req) === currentRequest())
      ctx.body = 'fine'
    })
    await last(server)
    expect(found).toEqual([true, true])
  })

  test("its type is that of Koa's middleware", () => {
    expectTypeOf(trackRequest({ service: 'api' })).toExtend<Middleware>()
    expectTypeOf<Context>().toExtend<KoaContext>()
    trackRequest({
      service: 'api',
      authenticate: (ctx) => {
        expectTypeOf(ctx).toEqualTypeOf<KoaContext>()
        return ctx.get('authorization')
      },
      ignore: (ctx) => ctx.path === '/health',
      path: (ctx, path) => `${ctx.method} ${path}`,
      fields: (ctx) => ({ tenant: ctx.headers['x-tenant'] }),
    })
    new Koa().use(trackRequest({ service: 'api', authenticate: (ctx) => ctx.cookies.get('session') }))
    // With its own type the context has all members.
    new Koa().use(trackRequest<Context>({ service: 'api', authenticate: (ctx) => ctx.request.get('authorization') }))
  })
})

function fine(ctx: Context): void {
  ctx.body = 'fine'
}
