import { Readable } from 'node:stream'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { WebSocket } from 'ws'
import { trackRequest, type FastifyOptions } from '../../src/adapters/fastify.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { deferred } from '../deferred.ts'
import { summarizeTransitions } from '../tracker-fixture.ts'
import { expectHangingPhase } from './hanging-phase.ts'
import { ask } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { headerOf, TLS } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

async function listenFastify(app: FastifyInstance): Promise<RunningServer> {
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, close: () => app.close() }
}

async function register<App extends FastifyInstance>(app: App, { tracker, handle, ...own }: Scenario): Promise<App> {
  await app.register(trackRequest, {
    tracker,
    ...optionsFor(own, (req: FastifyRequest) => headerOf(req)),
  })
  const answer = async (req: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const {
      status = 200,
      type,
      body = '',
    } = await handle({
      header: headerOf(req),
      body: () => Promise.resolve(typeof req.body === 'string' ? req.body : ''),
    })
    if (type !== undefined) reply.type(type)
    return reply
      .code(status)
      .send(typeof body === 'string' ? body : body === null ? undefined : Readable.from(body, { objectMode: false }))
  }
  // The contract sends bodies without a content type.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_req, body, done) => done(null, body))
  app.all('/', answer)
  app.all('/orders/:id', answer)
  return app
}

describeHttpAdapter(
  'fastify',
  async (scenario) => listenFastify(await register(fastify({ forceCloseConnections: true }), scenario)),
  {
    routes: { orders: '/orders/:id' },
    parsesJson: true,
    https: async (scenario) => {
      const app = fastify({ https: TLS, forceCloseConnections: true })
      // Routes and hooks are the same over HTTPS and HTTP/2; only the types differ.
      return listenFastify(await register(app as unknown as FastifyInstance, scenario))
    },
    http2: async (scenario) => {
      const app = fastify({ http2: true })
      // As above.
      return listenFastify(await register(app as unknown as FastifyInstance, scenario))
    },
  },
)

describe('fastify beyond the contract', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  async function start(
    make: (app: FastifyInstance) => unknown,
    options: Partial<FastifyOptions> = {},
  ): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const app = fastify({ forceCloseConnections: true })
    await app.register(trackRequest, { ...options, tracker: recording.tracker })
    await make(app)
    serving = await listenFastify(app)
    return recording
  }

  async function last(server: RecordingTracker, path = ''): Promise<unknown> {
    await ask(`${serving?.url ?? ''}${path}`).catch(() => undefined)
    await server.ended(1)
    return server.records.at(-1)
  }

  const LAST = ['1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied', '3 RESPOND Responded ok']

  test.each(['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const)(
    'until its handler starts, a request is Received: in the hook %s',
    async (name) => {
      const states: unknown[] = []
      const server = await start((app) => {
        const note = (): Promise<void> => {
          states.push(currentRequest()?.state)
          return Promise.resolve()
        }
        app.addHook(name as 'onRequest', note)
        app.get('/', () => String(states.push(currentRequest()?.state)))
      })
      await last(server)
      expect(states).toEqual(['Received', 'Processing'])
      expect(summarizeTransitions(server.records)).toEqual(['0 Received', ...LAST])
    },
  )

  test('a hook that hangs is reported in Received, until its caller leaves', async () => {
    const reached = deferred()
    const server = await start((app) => {
      app.addHook('preHandler', () => {
        reached.resolve()
        return new Promise(() => undefined)
      })
      app.get('/', () => 'never')
    })
    await expectHangingPhase(server, serving?.url ?? '', reached.promise)
  })

  test.each([401, 403])('a caller who is refused by a hook is denied: %d', async (status) => {
    const server = await start((app) => {
      app.addHook('preValidation', async (_req, reply) => reply.code(status).send('no'))
      app.get('/', () => 'never')
    })
    expect(await last(server)).toMatchObject({ state: 'Failed', event: 'AUTH_ERROR', outcome: 'denied', status })
  })

  test('a caller who is refused by the handler was authenticated', async () => {
    const server = await start((app) => app.get('/', (_req, reply) => reply.code(403).send('not yours')))
    expect(await last(server)).toMatchObject({ state: 'Responded', outcome: 'ok', status: 403 })
  })

  test('with authenticate, hooks after it run in Authenticated', async () => {
    const states: unknown[] = []
    const server = await start(
      (app) => {
        app.addHook('preHandler', (_req, _reply, next) => {
          states.push(currentRequest()?.state)
          next()
        })
        app.get('/', () => String(states.push(currentRequest()?.state)))
      },
      { authenticate: () => 'anna' },
    )
    await last(server)
    expect(states).toEqual(['Authenticated', 'Processing'])
  })

  test('routes that were added before the plugin was loaded are in Processing too', async () => {
    const recording = recordingTracker()
    const app = fastify({ forceCloseConnections: true })
    void app.register(trackRequest, { tracker: recording.tracker })
    app.get('/', () => String(currentRequest()?.state))
    serving = await listenFastify(app)
    expect((await ask(serving.url)).body).toBe('Processing')
  })

  test('a hijacked reply is ended by the raw response, and has the trace id', async () => {
    const server = await start((app) =>
      app.get('/', (_req, reply) => {
        reply.hijack()
        reply.raw.writeHead(202).end('by hand')
      }),
    )
    const { headers } = await ask(serving?.url ?? '')
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok', status: 202 })
    expect(headers['x-trace-id']).toBe(server.records[0]?.trace_id)
  })

  test('a hijacked reply that the server destroys is an error', async () => {
    const server = await start((app) =>
      app.get('/', (_req, reply) => {
        reply.hijack()
        reply.raw.destroy()
      }),
    )
    expect(await last(server)).toMatchObject({ outcome: 'error', error: { type: 'ResponseDestroyed' } })
  })

  test.each([
    [404, 'ok'],
    [422, 'ok'],
    [503, 'error'],
  ])('the status of an error decides its outcome: %d is %s', async (statusCode, outcome) => {
    const server = await start((app) =>
      app.get('/', () => Promise.reject(Object.assign(new Error('no such order'), { statusCode }))),
    )
    expect(await last(server)).toMatchObject({ outcome, status: statusCode, error: { message: 'no such order' } })
  })

  test("the application's error handler decides the status, and the error is logged", async () => {
    const server = await start((app) =>
      app
        .setErrorHandler((_error, _req, reply) => reply.code(503).send('later'))
        .get('/', () => Promise.reject(new TypeError('broken'))),
    )
    expect(await last(server)).toMatchObject({
      outcome: 'error',
      status: 503,
      error: { type: 'TypeError', message: 'broken' },
    })
  })

  test('input that does not match the schema is answered with a 400', async () => {
    const schema = { querystring: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } } }
    const server = await start((app) => app.get('/', { schema }, () => 'fine'))
    expect(await last(server)).toMatchObject({ outcome: 'ok', status: 400 })
  })

  test('all hooks and the handler have a current request, also after the body was read', async () => {
    const found: unknown[] = []
    const check = (req: FastifyRequest): void =>
      void found.push(
        currentRequest() === req.tracked && currentRequest(req) === req.tracked && req.tracked !== undefined,
      )
    const server = await start((app) => {
      for (const hook of ['preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend'] as const)
        app.addHook(hook, (req: FastifyRequest) => {
          check(req)
          return Promise.resolve()
        })
      app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_req, body, done) =>
        setImmediate(() => done(null, body)),
      )
      app.post('/', async (req) => {
        await new Promise(setImmediate)
        check(req)
        return { fine: true }
      })
    })
    await ask(serving?.url ?? '', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x'.repeat(200_000),
    })
    await server.ended(1)
    expect(found).toEqual(Array(6).fill(true))
  })

  test('the routes of plugins are tracked, with their prefix in the pattern', async () => {
    const server = await start((app) =>
      app.register(
        (inner, _options, done) => {
          inner.get('/orders/:id', () => 'fine')
          done()
        },
        { prefix: '/shops/:shop' },
      ),
    )
    expect(await last(server, '/shops/7/orders/8?q=1')).toMatchObject({ outcome: 'ok' })
    expect(server.records[0]).toMatchObject({ path: '/shops/:shop/orders/:id' })
  })

  test('requests of app.inject() are tracked', async () => {
    const recording = recordingTracker()
    const app = fastify()
    await app.register(trackRequest, { tracker: recording.tracker })
    app.get('/', (req) => req.tracked?.traceId)
    const { headers, body } = await app.inject('/')
    await recording.ended(1)
    expect(headers['x-trace-id']).toBe(body)
    expect(recording.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200 })
  })

  test('a WebSocket ends its request with status 101 when it is accepted', async () => {
    const server = await start(async (app) => {
      await app.register(websocket)
      app.get('/', { websocket: true }, (socket) => socket.send('hello'))
    })
    const socket = new WebSocket((serving?.url ?? '').replace('http', 'ws'))
    await new Promise((resolve) => socket.once('message', resolve))
    socket.close()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'ok', status: 101 })
  })

  test('an application and a part of it that both register the plugin make one request', async () => {
    const { tracker, ended, byRequest } = recordingTracker()
    const app = fastify()
    await app.register(trackRequest, { tracker })
    await app.register(async (part) => {
      await part.register(trackRequest, { tracker, authenticate: ({ headers }) => headers.authorization === 'anna' })
      part.get('/', (req) => req.tracked?.state)
    })
    app.get('/open', (req) => req.tracked?.state)
    expect(await app.inject('/open')).toMatchObject({ statusCode: 200, body: 'Processing' })
    expect(await app.inject('/')).toMatchObject({ statusCode: 401 })
    expect(await app.inject({ url: '/', headers: { authorization: 'anna' } })).toMatchObject({ body: 'Processing' })
    await ended(3)
    expect(byRequest()).toHaveLength(3)
  })

  describe("Fastify's own lines, with traceMixin", () => {
    type Line = Readonly<Record<string, unknown>>

    /** Answers requests on an app whose logger stamps its lines, and returns these. */
    async function linesOf(
      mixin: typeof traceMixin,
      options: Parameters<typeof recordingTracker>[0],
      ask: (app: FastifyInstance) => Promise<unknown>,
    ): Promise<RecordingTracker & { readonly lines: Line[] }> {
      const lines: Line[] = []
      const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Line) }
      const recording = recordingTracker(options)
      const app = fastify({ logger: { stream, mixin } })
      await app.register(trackRequest, { tracker: recording.tracker, ignore: ({ url }) => url === '/ignored' })
      app.get('/', (req) => {
        req.log.info('handled')
        return 'fine'
      })
      app.get('/ignored', () => 'fine')
      await ask(app)
      await app.close()
      return { ...recording, lines: lines.filter(({ reqId }) => reqId !== undefined) }
    }

    const idsIn = (lines: readonly Line[]): unknown[] =>
      lines.map(({ msg, trace_id, request_id }) => [msg, trace_id, request_id])

    test.each<[string, typeof traceMixin]>([
      ['alone', traceMixin],
      ['within another mixin', (...line) => ({ ...traceMixin(...line), tenant: 'cave' })],
    ])('have the ids of their request, also the one before the first hook: the mixin %s', async (_, mixin) => {
      const { lines, records } = await linesOf(mixin, {}, (app) =>
        app.inject({ url: '/', headers: { 'x-trace-id': 'a-1' } }),
      )
      const { trace_id, request_id } = records[0] ?? {}
      expect(trace_id).toBe('a-1')
      expect(idsIn(lines)).toEqual(
        ['incoming request', 'handled', 'request completed'].map((msg) => [msg, trace_id, request_id]),
      )
    })

    test('functions of the tracker get the request of Fastify once', async () => {
      const sources: unknown[] = []
      const { lines, records } = await linesOf(
        traceMixin,
        {
          trustIncoming: (source) => sources.push(source) === 0,
          newTraceId: (source) => `made-${String(sources.push(source))}`,
        },
        (app) => app.inject({ url: '/', headers: { 'x-trace-id': 'a-1' } }),
      )
      expect(records[0]?.trace_id).toBe('made-2')
      expect(idsIn(lines)[0]).toEqual(['incoming request', 'made-2', records[0]?.request_id])
      expect(sources).toMatchObject([{ url: '/' }, { url: '/' }])
    })

    test('of another request than the current one have their own ids, and so have those that nothing matches', async () => {
      const { tracker } = recordingTracker()
      const outer = tracker.start()
      const { lines, records } = await linesOf(traceMixin, {}, (app) => outer.run(() => app.inject('/nowhere')))
      expect(records[0]?.trace_id).not.toBe(outer.traceId)
      expect(idsIn(lines)).toEqual(
        ['incoming request', 'Route GET:/nowhere not found', 'request completed'].map((msg) => [
          msg,
          records[0]?.trace_id,
          records[0]?.request_id,
        ]),
      )
    })

    test('of an ignored request have ids too, which its answer has', async () => {
      let answered: unknown
      const { lines, records } = await linesOf(traceMixin, {}, async (app) => {
        answered = (await app.inject('/ignored')).headers['x-trace-id']
      })
      expect(records).toEqual([])
      expect(lines.map(({ trace_id }) => trace_id)).toEqual([answered, answered])
    })
  })

  test('ready() rejects for an option that cannot be used', async () => {
    await expect(fastify().register(trackRequest, { service: '' }).ready()).rejects.toThrow('option "service"')
  })

  test('it is a Fastify plugin, and `tracked` has its type', () => {
    expectTypeOf(trackRequest).toExtend<FastifyPluginAsync<FastifyOptions>>()
    expectTypeOf<FastifyRequest['tracked']>().toEqualTypeOf<TrackedRequest | undefined>()
  })
})
