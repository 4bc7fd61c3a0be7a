import { createServer, type ServerResponse } from 'node:http'
import { createServer as createSecondServer, type Http2Server } from 'node:http2'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import { proxy } from 'hono/proxy'
import { streamSSE } from 'hono/streaming'
import { afterEach, describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { authenticated, trackRequest } from '../../src/adapters/hono.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { summarizeTransitions, trackerFixture } from '../tracker-fixture.ts'
import { describeAuthenticated } from './authenticated-contract.ts'
import { ask, head } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { listen, listenFetch, listenFetchSecurely } from './http-servers.ts'
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
  https: (scenario) => listenFetchSecurely(tracked(scenario).fetch),
})

describeHttpAdapter(
  'hono, on a host that passes no request of Node along',
  (scenario) => {
    const app = tracked(scenario)
    return listenFetch((request) => app.fetch(request, { bindings: 'of the application' }))
  },
  { routes: { orders: '/orders/:id' } },
)

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

  describe.each<[what: string, serve: (app: Served) => Served]>([
    ['on @hono/node-server', (app) => app],
    ["with the application's own bindings", (app) => ({ fetch: (request) => app.fetch(request, { own: true }) })],
  ])('the length and the type of an answer, %s', (_, serve) => {
    test.each<[what: string, length: string | undefined, answer: (c: Context) => Response | Promise<Response>]>([
      ['c.text', '4', (c) => c.text('fine')],
      ['c.text with headers', '4', (c) => c.text('fine', 201, { 'x-own': 'yes' })],
      ['c.json', '13', (c) => c.json({ fine: true })],
      ['c.html', '11', (c) => c.html('<p>fine</p>')],
      ['c.body with bytes', '70000', (c) => c.body(new Uint8Array(70_000))],
      ['c.body without a body', undefined, (c) => c.body(null)],
      ['c.notFound', '13', (c) => c.notFound()],
      ['c.redirect', undefined, (c) => c.redirect('/elsewhere')],
      ['a Response of its own', '5', () => Response.json([1, 2])],
      ['an answered error', '6', () => Promise.reject(new Error('no'))],
    ])('%s', async (_what, length, answer) => {
      const make = (app: Hono): Served =>
        serve(app.get('/', (c) => answer(c)).onError((_error, c) => c.text('broken', 500)))
      const shape = async (): Promise<unknown[]> => {
        const { status, headers, body } = await ask(serving?.url ?? '')
        return [status, ...['content-length', 'transfer-encoding', 'content-type'].map((name) => headers[name]), body]
      }
      serving = await listenFetch(make(new Hono()).fetch)
      const without = await shape()
      expect(without[1]).toBe(length)
      await serving.close()
      await start(make)
      expect(await shape()).toEqual(without)
    })
  })

  describe('an answer that the handler writes to the response of Node itself', () => {
    interface Env {
      Bindings: { outgoing: ServerResponse }
    }

    async function write(parts: (res: ServerResponse) => void | Promise<void>): Promise<RecordingTracker> {
      const recording = recordingTracker()
      const app = new Hono<Env>().use(trackRequest({ tracker: recording.tracker })).get('/', async (c) => {
        await parts(c.env.outgoing)
        return RESPONSE_ALREADY_SENT
      })
      serving = await listenFetch(app.fetch)
      return recording
    }

    test('is sent whole, with the trace id, and the request ends with it', async () => {
      const last = deferred<string>()
      const server = await write((res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
        void last.promise.then((text) => res.end(text))
      })
      const response = await head(serving?.url ?? '')
      const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
      expect((await chunks.next()).value).toBe('data: 1\n\n')
      expect(response.headers['x-trace-id']).toBe(server.records[0]?.trace_id)
      expect(server.tracker.inFlight().map(({ state }) => state)).toEqual(['Processing'])
      last.resolve('data: 2\n\n')
      expect((await chunks.next()).value).toBe('data: 2\n\n')
      expect((await chunks.next()).done).toBe(true)
      await server.ended(1)
      expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200 })
    })

    test('is aborted where its client leaves', async () => {
      const server = await write((res) => void res.writeHead(200).write('first '))
      const response = await head(serving?.url ?? '')
      response.destroy()
      await server.ended(1)
      expect(server.records.at(-1)).toMatchObject({ outcome: 'aborted', status: 200 })
    })

    test('gives each of two requests at the same time its own id', async () => {
      const [both, count] = [deferred(), { arrived: 0 }]
      const server = await write(async (res) => {
        if (++count.arrived === 2) both.resolve()
        await both.promise
        res.end(currentTraceId())
      })
      const answers = await Promise.all(
        ['one', 'two'].map((id) => ask(serving?.url ?? '', { headers: { 'x-trace-id': id } })),
      )
      await server.ended(2)
      expect(answers.map(({ headers, body }) => [headers['x-trace-id'], body])).toEqual([
        ['one', 'one'],
        ['two', 'two'],
      ])
    })
  })

  test('a stream that fails ends the request with its error', async () => {
    const server = await start((app) =>
      app.get('/', (c) => {
        const parts = [new TextEncoder().encode('first ')]
        const pull = (controller: ReadableStreamDefaultController): void => {
          const part = parts.shift()
          if (part === undefined) controller.error(new TypeError('torn'))
          else controller.enqueue(part)
        }
        return c.body(new ReadableStream({ pull }, { highWaterMark: 0 }))
      }),
    )
    await expect(ask(serving?.url ?? '')).rejects.toThrow()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 200, error: { message: 'torn' } })
  })

  test.each<[what: string, pass: (url: string) => Promise<Response>]>([
    ['fetch', (url) => fetch(url)],
    ['proxy of hono', (url) => proxy(url)],
    [
      'fetch, with other headers',
      async (url) => new Response((await fetch(url)).body, { headers: { 'X-Trace-ID': 'theirs' } }),
    ],
  ])('the response of another service, passed on by %s, has the trace id that is logged', async (_, pass) => {
    const other = await listen(createServer((_req, res) => res.setHeader('x-trace-id', 'theirs').end('from there')))
    onTestFinished(() => other.close())
    const server = await start((app) => app.get('/', () => pass(other.url)))
    const { headers, body } = await ask(serving?.url ?? '')
    await server.ended(1)
    expect([headers['x-trace-id'], body]).toEqual([server.records[0]?.trace_id, 'from there'])
  })

  test('a refused caller gets the headers that a middleware before has set', async () => {
    const { tracker, records } = trackerFixture()
    const app = new Hono().use(cors({ origin: 'https://shop.test' }))
    app.use(trackRequest({ tracker, authenticate: () => false })).get('/', (c) => c.text('fine'))
    serving = await listenFetch(app.fetch)
    const { status, headers, body } = await ask(serving.url, { headers: { origin: 'https://shop.test' } })
    expect([status, headers['access-control-allow-origin'], headers['x-trace-id'], body]).toEqual([
      401,
      'https://shop.test',
      'trace-1',
      'Unauthorized\n',
    ])
    expect(summarizeTransitions(records).at(-1)).toBe('1 AUTH_ERROR Failed denied')
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

  test.each(['on @hono/node-server', 'on another host'])(
    'a request that two applications track is tracked once, %s',
    async (host) => {
      const { tracker, records, ended } = recordingTracker()
      const inner = new Hono().use(trackRequest({ tracker })).get('/', (c) => c.text('fine'))
      const app = new Hono().use(trackRequest({ tracker })).route('/', inner)
      serving = await listenFetch(host === 'on another host' ? (request) => app.fetch(request) : app.fetch)
      const { headers, body } = await ask(serving.url)
      expect([headers['x-trace-id'], body]).toEqual([records[0]?.trace_id, 'fine'])
      await ended(1)
      expect(summarizeTransitions(records)).toHaveLength(4)
    },
  )

  test('requests of app.request() are tracked', async () => {
    const { tracker, records } = trackerFixture()
    const app = new Hono().use(trackRequest({ tracker })).get('/', (c) => c.text(currentRequest(c)?.traceId ?? ''))
    const response = await app.request('/', { headers: { 'x-trace-id': 'plain' } })
    expect([await response.text(), response.headers.get('x-trace-id')]).toEqual(['plain', 'plain'])
    expect(summarizeTransitions(records).at(-1)).toBe('3 RESPOND Responded ok')
  })

  test("its type is that of Hono's middleware", () => {
    expectTypeOf(trackRequest({ service: 'api' })).toExtend<MiddlewareHandler>()
    trackRequest({
      service: 'api',
      authenticate: (c) => {
        expectTypeOf(c).toEqualTypeOf<Context>()
        return c.req.header('authorization')
      },
      ignore: (c) => c.req.path === '/health',
      path: (c, path) => `${c.req.method} ${path}`,
      fields: (c) => ({ tenant: c.req.header('x-tenant') }),
    })
    interface Env {
      Variables: { tenant: string }
    }
    const app = new Hono<Env>()
    app.use(trackRequest({ service: 'api', authenticate: (c) => c.req.header('authorization') }))
    app.use(trackRequest<Context<Env>>({ service: 'api', fields: (c) => ({ tenant: c.var.tenant.length }) }))
  })
})
