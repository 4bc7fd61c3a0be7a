import { createServer } from 'node:http'
import { connect } from 'node:net'
import { PassThrough, pipeline } from 'node:stream'
import { configure as serverlessExpress } from '@codegenie/serverless-express'
import express4 from 'express4'
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import serverlessHttp from 'serverless-http'
import passportPackage, { Strategy } from 'passport'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { authenticated, trackRequest } from '../../src/adapters/express.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { describeAuthenticated } from './authenticated-contract.ts'
import { summarizeTransitions } from '../tracker-fixture.ts'
import { ask } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { bodyOf, headerOf, listen, listenSecurely, write } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type RunningServer, type Scenario } from './http-host.ts'

/** Both majors are used alike here; each has types of its own. */
const MAJORS = { 'express 5': express, 'express 4': express4 as unknown as typeof express }

/** Outside `env` test, Express prints the errors that it answers with a 500. */
function app(make = express): express.Express {
  return make().set('env', 'test')
}

function trackedBy(make: typeof express): (scenario: Scenario) => express.Express {
  return ({ tracker, handle, ...own }) => {
    const handler: RequestHandler = (req, res, next) => {
      const answer = handle({ header: headerOf(req), body: () => bodyOf(req.body, req) })
      // A synchronous error must be thrown synchronously. Express 5 would await the promise, Express 4 does not.
      if (answer instanceof Promise) void answer.then((settled) => write(res, settled)).catch(next)
      else void write(res, answer)
    }
    const options = {
      tracker,
      ...optionsFor(own, (req: Request) => headerOf(req)),
    }
    const shop = app(make).use(trackRequest(options), make.json(), make.text())
    return shop.all('/', handler).all('/orders/:id', handler)
  }
}

for (const [name, make] of Object.entries(MAJORS))
  describeHttpAdapter(name, (scenario) => listen(createServer(trackedBy(make)(scenario))), {
    routes: { orders: '/orders/:id' },
    parsesJson: true,
    https: (scenario) => listenSecurely(trackedBy(make)(scenario)),
  })

/** Knows everybody by the name that they give, except nobody. */
class ByName extends Strategy {
  override readonly name = 'by-name'

  override authenticate(req: Request): void {
    const { authorization = '' } = req.headers
    if (authorization === 'nobody') this.fail()
    else this.success({ toString: () => authorization })
  }
}

/** A function of AWS Lambda behind an API Gateway. */
type Invoke = (event: object, context: object) => Promise<{ readonly headers: Readonly<Record<string, string>> }>

const HTTP_EVENT = {
  version: '2.0',
  routeKey: '$default',
  rawPath: '/orders/7',
  rawQueryString: '',
  headers: { host: 'api.example' },
  requestContext: {
    http: { method: 'GET', path: '/orders/7', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
    stage: '$default',
  },
  isBase64Encoded: false,
}

describeAuthenticated(({ tracker, auth, refusal, onCheck, handle }) => {
  const passport = new passportPackage.Passport().use(new ByName())
  const shop = express()
    .use(trackRequest({ tracker, ...(auth === undefined ? {} : { auth }) }))
    .use((_req, _res, next) => {
      onCheck()
      next()
    })
    .use((req, res, next) => {
      const decide = (_error: unknown, user: unknown): void => {
        if (user === false) res.status(refusal).send('who are you')
        else {
          Object.assign(req, { user })
          next()
        }
      }
      const check = passport.authenticate('by-name', { session: false }, decide) as RequestHandler
      void check(req, res, next)
    })
    .use(authenticated())
    .get('/', (_req, res) => void res.send(handle()))
  return listen(createServer(shop))
})

describe.each(Object.entries(MAJORS))('%s beyond the contract', (major, make) => {
  const { Router } = make
  const anyPath = (prefix: string): string => `${prefix}/${major === 'express 4' ? '*' : '*splat'}`
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  /** Starts a tracked application with the test's routes; `last` makes a request and returns its last record. */
  async function start(
    routes: (shop: express.Express) => unknown,
  ): Promise<RecordingTracker & { last: (path?: string) => Promise<unknown> }> {
    const recording = recordingTracker()
    const shop = app(make).use(trackRequest({ tracker: recording.tracker }))
    routes(shop)
    serving = await listen(createServer(shop))
    const { url } = serving
    const last = async (path = ''): Promise<unknown> => {
      const ends = recording.records.filter(
        (record) => record.lifecycle === 'transition' && record.outcome !== undefined,
      ).length
      await ask(`${url}${path}`)
      await recording.ended(ends + 1)
      return recording.records.at(-1)
    }
    return { ...recording, last }
  }

  const answer: RequestHandler = (_req, res) => void res.send('fine')

  test.each<[what: string, routes: (shop: express.Express) => unknown, url: string, path: string]>([
    [
      'a router mounted on a path with a parameter',
      (shop) => shop.use('/shops/:shop', Router().get('/orders/:id', answer)),
      '/shops/7/orders/8',
      '/shops/:shop/orders/:id',
    ],
    ['nested routers', (shop) => shop.use('/a', Router().use('/b/:b', Router().get('/', answer))), '/a/b/1', '/a/b/:b'],
    ['a router without a path', (shop) => shop.use(Router().get('/orders/:id', answer)), '/orders/7', '/orders/:id'],
    [
      'the first route that matches',
      (shop) => shop.get('/orders/new', answer).get('/orders/:id', answer),
      '/orders/new',
      '/orders/new',
    ],
    [
      'a route for another method',
      (shop) => shop.post('/orders/:post', answer).get('/orders/:get', answer),
      '/orders/7',
      '/orders/:get',
    ],
    [
      'several patterns',
      (shop) => shop.get(['/one/:a', '/two/:b'], answer),
      '/two/7',
      // Express 4 compiles them to one.
      major === 'express 4' ? '/one/:a,/two/:b' : '/two/:b',
    ],
    [
      'a check of all paths before the routes',
      (shop) => shop.all(anyPath('/api'), (_req, _res, next) => next()).get('/api/orders/:id', answer),
      '/api/orders/7',
      '/api/orders/:id',
    ],
    [
      'a check of one path for all methods',
      (shop) => shop.all('/orders/:any', (_req, _res, next) => next()).get('/orders/:id', answer),
      '/orders/7',
      '/orders/:id',
    ],
    [
      'a route for all methods before a fallback',
      (shop) => shop.all('/orders/:id', answer).get(anyPath(''), answer),
      '/orders/7',
      '/orders/:id',
    ],
    ['a fallback alone', (shop) => shop.get(anyPath(''), answer), '/orders/7', anyPath('')],
    ['a regular expression', (shop) => shop.get(/^\/orders\/(\d+)$/, answer), '/orders/7', String(/^\/orders\/(\d+)$/)],
    [
      'a mounted application, whose routes are not visible',
      (shop) => shop.use('/admin', app().get('/:id', answer)),
      '/admin/7',
      '/admin/7',
    ],
    ['a path that cannot be decoded', (shop) => shop.get('/orders/:id', answer), '/orders/%ff', '/orders/%ff'],
  ])('the logged path of %s', async (_, routes, url, path) => {
    const server = await start(routes)
    await server.last(`${url}?q=1`)
    expect(server.records[0]).toMatchObject({ path })
    expect(server.tracker.stats.faults).toBe(0)
  })

  test('finding the route in advance does not change the parameters that a handler receives', async () => {
    const received: unknown[] = []
    const receive: RequestHandler = (req, res) => {
      received.push(req.params, req.baseUrl, req.url)
      res.send('fine')
    }
    const server = await start((shop) =>
      shop.use('/shops/:shop', Router({ mergeParams: true }).get('/orders/:id', receive)),
    )
    await server.last('/shops/a%20b/orders/8')
    expect(received).toEqual([{ shop: 'a b', id: '8' }, '/shops/a%20b', '/orders/8'])
  })

  test("the application's error handler decides the status, and the error is logged", async () => {
    const handler: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(503).send('later')
    const server = await start((shop) =>
      shop
        .get('/', () => {
          throw new TypeError('broken')
        })
        .use(handler),
    )
    expect(await server.last()).toMatchObject({
      outcome: 'error',
      status: 503,
      error: { type: 'TypeError', message: 'broken' },
    })
  })

  test.each([404, 302])('an error that is answered with %d is outcome ok', async (status) => {
    const handler: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(status).send()
    const server = await start((shop) =>
      shop.get('/', (_req, _res, next) => next(new Error('no such order'))).use(handler),
    )
    expect(await server.last()).toMatchObject({ outcome: 'ok', status, error: { message: 'no such order' } })
  })

  test('an error that is answered with 200 is outcome error', async () => {
    const handler: ErrorRequestHandler = (_error, _req, res, _next) => void res.send('{"errors":[]}')
    const server = await start((shop) =>
      shop.get('/', (_req, _res, next) => void Promise.reject(new Error('broken')).catch(next)).use(handler),
    )
    expect(await server.last()).toMatchObject({ outcome: 'error', status: 200, error: { message: 'broken' } })
  })

  test('with manual authentication, a middleware that responds with 403 has refused the caller', async () => {
    const recording = recordingTracker()
    const shop = app(make).use(trackRequest({ tracker: recording.tracker, auth: 'manual' }))
    serving = await listen(createServer(shop.use((_req, res) => void res.status(403).send())))
    await ask(serving.url)
    await recording.ended(1)
    expect(recording.records.at(-1)).toMatchObject({ state: 'Failed', outcome: 'denied', status: 403 })
  })

  test('a request that is passed on to a second route is tracked once', async () => {
    const server = await start((shop) =>
      shop
        .get('/', (_req, _res, next) => next('route'))
        .get('/', (req, res) => void res.send(currentRequest(req)?.state)),
    )
    expect(await server.last()).toMatchObject({ outcome: 'ok' })
    expect(server.byRequest()).toHaveLength(1)
  })

  test('an application and a router that are both tracked make one request, and both check the caller', async () => {
    const { tracker, records, ended, byRequest } = recordingTracker()
    const checked: string[] = []
    const check = (name: string) => (req: { headers: Record<string, unknown> }) => {
      checked.push(name)
      return req.headers.authorization !== name
    }
    const router = Router()
      .use(trackRequest({ tracker, authenticate: check('inner') }))
      .get('/', (_req, res) => void res.send(currentRequest()?.state))
    const shop = app(make).use(trackRequest({ tracker, authenticate: check('outer') }), router)
    serving = await listen(createServer(shop))
    expect(await ask(serving.url)).toMatchObject({ status: 200, body: 'Processing' })
    expect(await ask(serving.url, { headers: { authorization: 'inner' } })).toMatchObject({ status: 401 })
    await ended(2)
    expect(checked).toEqual(['outer', 'inner', 'outer', 'inner'])
    expect(byRequest().map(summarizeTransitions)).toEqual([
      ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
      ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
    ])
    expect(records.filter(({ lifecycle }) => lifecycle === 'transition')).toHaveLength(8)
  })

  test('a client that leaves while its body is parsed has aborted the request', async () => {
    const server = await start((shop) => shop.use(make.json()).post('/', answer))
    const { port } = new URL(serving?.url ?? '')
    const socket = connect(Number(port), '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":')
    await server.started()
    socket.destroy()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'aborted' })
    expect(server.records.at(-1)).not.toHaveProperty('status')
    expect(server.records.at(-1)).not.toHaveProperty('error')
  })

  test('a response whose source fails halfway ends with the cause', async () => {
    const server = await start((shop) =>
      shop.get('/', (_req, res) => {
        const source = new PassThrough()
        pipeline(source, res, () => undefined)
        source.write('half')
        setImmediate(() => source.destroy(new TypeError('torn')))
      }),
    )
    expect(await server.last().catch(() => server.records.at(-1))).toMatchObject({
      outcome: 'error',
      status: 200,
      error: { type: 'TypeError', message: 'torn' },
    })
  })

  test.each([
    ['serverless-http', (shop: express.Express): Invoke => serverlessHttp(shop) as unknown as Invoke],
    ['serverless-express', (shop: express.Express): Invoke => serverlessExpress({ app: shop }) as unknown as Invoke],
  ])('behind %s a request ends with its answer', async (_, wrap) => {
    const { tracker, records } = recordingTracker()
    const shop = app(make)
      .use(trackRequest({ tracker }))
      .get('/orders/:id', (req, res) => void res.status(201).send(req.params.id))
    const response = await wrap(shop)(HTTP_EVENT, {})
    expect(response).toMatchObject({ statusCode: 201, body: '7' })
    expect(records.at(-1)).toMatchObject({ outcome: 'ok', status: 201 })
    const { headers } = response
    expect(headers['x-trace-id']).toBe(records[0]?.trace_id)
  })

  test('its types are those of Express', () => {
    expectTypeOf(trackRequest({ service: 'api' })).toExtend<RequestHandler>()
    expectTypeOf(trackRequest<Request>)
      .parameter(0)
      .toHaveProperty('authenticate')
      .toExtend<((req: Request) => unknown) | undefined>()
    expectTypeOf<Response>().toExtend<Parameters<ReturnType<typeof trackRequest>>[1]>()
    trackRequest({
      service: 'api',
      authenticate: (req) => {
        expectTypeOf(req).toEqualTypeOf<Request>()
        return req.get('authorization')
      },
      ignore: (req) => req.path === '/health',
      path: (req, path) => `${req.baseUrl}${path}`,
      fields: (req) => ({ tenant: req.hostname }),
    })
    app().use(trackRequest({ service: 'api', authenticate: (req) => req.get('authorization') }))
  })
})
