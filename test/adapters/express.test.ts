import { createServer } from 'node:http'
import express, { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import passportPackage, { Strategy } from 'passport'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { authenticated, trackRequest } from '../../src/adapters/express.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { describeAuthenticated } from './authenticated-contract.ts'
import { ask } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { bodyOf, headerOf, listen, listenSecurely, write } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

/** Outside `env` test, Express prints the errors that it answers with a 500. */
function app(): express.Express {
  return express().set('env', 'test')
}

function tracked({ tracker, handle, ...own }: Scenario): express.Express {
  const handler: RequestHandler = (req, res) => {
    const answer = handle({ header: headerOf(req), body: () => bodyOf(req.body, req) })
    // Express 5 awaits a handler's promise; a synchronous error must be thrown synchronously.
    return answer instanceof Promise ? answer.then((settled) => write(res, settled)) : write(res, answer)
  }
  const options = {
    tracker,
    ...optionsFor(own, (req: Request) => headerOf(req)),
  }
  const shop = app().use(trackRequest(options), express.json(), express.text())
  return shop.all('/', handler).all('/orders/:id', handler)
}

describeHttpAdapter('express', (scenario) => listen(createServer(tracked(scenario))), {
  routes: { orders: '/orders/:id' },
  parsesJson: true,
  https: (scenario) => listenSecurely(tracked(scenario)),
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

describe('express beyond the contract', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  /** Starts a tracked application with the test's routes; `last` makes a request and returns its last record. */
  async function start(
    make: (shop: express.Express) => unknown,
  ): Promise<RecordingTracker & { last: (path?: string) => Promise<unknown> }> {
    const recording = recordingTracker()
    const shop = app().use(trackRequest({ tracker: recording.tracker }))
    make(shop)
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

  test.each<[what: string, make: (shop: express.Express) => unknown, url: string, path: string]>([
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
    ['several patterns', (shop) => shop.get(['/one/:a', '/two/:b'], answer), '/two/7', '/two/:b'],
    ['a regular expression', (shop) => shop.get(/^\/orders\/(\d+)$/, answer), '/orders/7', String(/^\/orders\/(\d+)$/)],
    [
      'a mounted application, whose routes are not visible',
      (shop) => shop.use('/admin', app().get('/:id', answer)),
      '/admin/7',
      '/admin/7',
    ],
    ['a path that cannot be decoded', (shop) => shop.get('/orders/:id', answer), '/orders/%ff', '/orders/%ff'],
  ])('the logged path of %s', async (_, make, url, path) => {
    const server = await start(make)
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
    const server = await start((shop) => shop.get('/', () => Promise.reject(new Error('broken'))).use(handler))
    expect(await server.last()).toMatchObject({ outcome: 'error', status: 200, error: { message: 'broken' } })
  })

  test('with manual authentication, a middleware that responds with 403 has refused the caller', async () => {
    const recording = recordingTracker()
    const shop = app().use(trackRequest({ tracker: recording.tracker, auth: 'manual' }))
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
