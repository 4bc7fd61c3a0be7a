import { createServer as createSecondServer, type Http2Server } from 'node:http2'
import { getRequestListener } from '@hono/node-server'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { streamSSE } from 'hono/streaming'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { authenticated, trackRequest } from '../../src/adapters/hono.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { summarizeTransitions, trackerFixture } from '../tracker-fixture.ts'
import { describeAuthenticated } from './authenticated-contract.ts'
import { ask, head } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { listen, listenFetch } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'
import { responseOf } from './fetch-response.ts'

/** The member of an application that a server needs. */
type Served = Pick<Hono, 'fetch'>

function tracked({ tracker, handle, ...own }: Scenario): Served {
  const header = (c: Context) => (name: string) => c.req.header(name)
  const options = {
    tracker,
    ...optionsFor(own, header),
  }
  const app = new Hono().use(trackRequest(options))
  const answer = async (c: Context): Promise<Response> =>
    responseOf(await handle({ header: header(c), body: () => c.req.text() }))
  for (const path of ['/', '/orders/:id']) app.on(['GET', 'POST'], path, answer)
  // Without an error handler, Hono prints the errors that it answers with a 500.
  return app.onError((_error, c) => c.text('broken', 500))
}

function secondServer({ fetch }: Served): Http2Server {
  const handle = getRequestListener(fetch)
  return createSecondServer((req, res) => void handle(req, res))
}

describeHttpAdapter('hono, on @hono/node-server', (scenario) => listenFetch(tracked(scenario).fetch), {
  routes: { orders: '/orders/:id' },
  http2: (scenario) => listen(secondServer(tracked(scenario))),
})

describeAuthenticated(({ tracker, auth, refusal, onCheck, handle }) => {
  const app = new Hono()
  app.use(trackRequest({ tracker, ...(auth === undefined ? {} : { auth }) }))
  app.use(async (c, next) => {
    onCheck()
    // Hono has statuses as a union of literals.
    if (c.req.header('authorization') === 'nobody') return c.text('who are you', refusal as 401)
    await next()
    return undefined
  })
  app.use(authenticated((c: Context) => c.req.header('authorization')))
  app.get('/', (c) => c.text(handle()))
  return listenFetch(app.fetch)
})

describe('hono beyond the contract', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  async function start(make: (app: Hono) => Served): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const app = new Hono()
    app.use(trackRequest({ tracker: recording.tracker }))
    serving = await listenFetch(make(app).fetch)
    return recording
  }

  async function last(server: RecordingTracker, path = ''): Promise<unknown> {
    await ask(`${serving?.url ?? ''}${path}`)
    await server.ended(1)
    return server.records.at(-1)
  }

  test.each([
    [404, 'ok'],
    [422, 'ok'],
    [503, 'error'],
  ] as const)('an HTTPException with %d is an answer, or an error, by its status', async (status, outcome) => {
    const server = await start((app) =>
      app.get('/', () => {
        throw new HTTPException(status, { message: 'no such order' })
      }),
    )
    expect(await last(server)).toMatchObject({ outcome, status, error: { message: 'no such order' } })
  })

  test("the application's error handler decides the status, and the error is logged", async () => {
    const server = await start((app) =>
      app.get('/', () => Promise.reject(new TypeError('broken'))).onError((_error, c) => c.json({ later: true }, 503)),
    )
    expect(await last(server)).toMatchObject({
      outcome: 'error',
      status: 503,
      error: { type: 'TypeError', message: 'broken' },
    })
  })

  test('headers and cookies of the response are as the handler set them', async () => {
    const server = await start((app) =>
      app.get('/', (c) => {
        c.header('set-cookie', 'a=1', { append: true })
        c.header('set-cookie', 'b=2', { append: true })
        c.header('x-own', 'yes')
        return c.json({ fine: true }, 201)
      }),
    )
    const { status, headers, body } = await ask(serving?.url ?? '')
    await server.ended(1)
    expect([status, headers['set-cookie'], headers['x-own'], headers['content-type'], body]).toEqual([
      201,
      ['a=1', 'b=2'],
      'yes',
      'application/json',
      '{"fine":true}',
    ])
  })

  test('a response that another middleware changes still ends with its body', async () => {
    const recording = recordingTracker()
    const app = new Hono().use(async (c, next) => {
      await next()
      c.res = new Response(`${await c.res.text()}!`, c.res)
    })
    serving = await listenFetch(
      app.use(trackRequest({ tracker: recording.tracker })).get('/', (c) => c.text('fine')).fetch,
    )
    expect((await ask(serving.url)).body).toBe('fine!')
    await recording.ended(1)
    expect(recording.records.at(-1)).toMatchObject({ outcome: 'ok' })
  })

  test('a request with server-sent events ends with their stream', async () => {
    const server = await start((app) =>
      app.get('/', (c) =>
        streamSSE(c, async (stream) => {
          await stream.writeSSE({ data: 'one' })
          await stream.writeSSE({ data: 'two' })
        }),
      ),
    )
    const response = await head(serving?.url ?? '')
    response.resume()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200 })
  })

  test.each<[what: string, make: (app: Hono) => Served, url: string, path: string]>([
    [
      'a base path',
      (app) =>
        app.route(
          '/shops/:shop',
          new Hono().get('/orders/:id', (c) => c.text('fine')),
        ),
      '/shops/7/orders/8',
      '/shops/:shop/orders/:id',
    ],
    [
      'a middleware before the route',
      (app) => app.use('/orders/*', (_c, next) => next()).get('/orders/:id', (c) => c.text('fine')),
      '/orders/7',
      '/orders/:id',
    ],
    ['app.all', (app) => app.all('/orders/:id', (c) => c.text('fine')), '/orders/7', '/orders/7'],
    ['no matching route', (app) => app, '/orders/7', '/orders/7'],
  ])('the logged path with %s', async (_, make, url, path) => {
    const server = await start(make)
    await last(server, `${url}?q=1`)
    expect(server.records[0]).toMatchObject({ path })
  })

  test('requests of app.request() are tracked', async () => {
    const { tracker, records } = trackerFixture()
    const app = new Hono().use(trackRequest({ tracker })).get('/', (c) => c.text(currentRequest(c)?.traceId ?? ''))
    const response = await app.request('/', { headers: { 'x-trace-id': 'plain' } })
    expect([await response.text(), response.headers.get('x-trace-id')]).toEqual(['plain', 'plain'])
    expect(summarizeTransitions(records).at(-1)).toBe('3 RESPOND Responded ok')
  })

  test("its type is that of Hono's middleware", () => {
    expectTypeOf(trackRequest({ service: 'api' })).toExtend<MiddlewareHandler>()
    expectTypeOf(trackRequest<Context>).toBeCallableWith({
      service: 'api',
      authenticate: (c) => c.req.header('authorization'),
    })
  })
})
