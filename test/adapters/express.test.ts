import { createServer } from 'node:http'
import express, { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { trackRequest } from '../../src/adapters/express.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { ask } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { bodyOf, headerOf, listen, write } from './http-servers.ts'
import { recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

/** Express prints what it answers with a 500, unless it believes to be tested. */
function app(): express.Express {
  return express().set('env', 'test')
}

function serve({ tracker, handle, auth, authenticate }: Scenario): Promise<RunningServer> {
  const handler: RequestHandler = (req, res) => {
    const answer = handle({ header: headerOf(req), body: () => bodyOf(req.body, req) })
    // Express 5 waits for a promise that a handler gives; one that throws at once has to throw out of it.
    return answer instanceof Promise ? answer.then((settled) => write(res, settled)) : write(res, answer)
  }
  const options = {
    tracker,
    ...(auth === undefined ? {} : { auth }),
    ...(authenticate === undefined ? {} : { authenticate: (req: Request) => authenticate(headerOf(req)) }),
  }
  const shop = app().use(trackRequest(options), express.json(), express.text())
  shop.all('/', handler).all('/orders/:id', handler)
  return listen(createServer(shop))
}

describeHttpAdapter('express', serve, { routes: { orders: '/orders/:id' }, parsesJson: true })

describe('express, besides', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  /** An application that is tracked and then made up by the test; its last record is what a request came to. */
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

  test.each<[what: string, make: (shop: express.Express) => unknown, asked: string, path: string]>([
    [
      'a router that is mounted on a path with a parameter',
      (shop) => shop.use('/shops/:shop', Router().get('/orders/:id', answer)),
      '/shops/7/orders/8',
      '/shops/:shop/orders/:id',
    ],
    [
      'routers within routers',
      (shop) => shop.use('/a', Router().use('/b/:b', Router().get('/', answer))),
      '/a/b/1',
      '/a/b/:b',
    ],
    ['a router without a path', (shop) => shop.use(Router().get('/orders/:id', answer)), '/orders/7', '/orders/:id'],
    [
      'the first route that matches',
      (shop) => shop.get('/orders/new', answer).get('/orders/:id', answer),
      '/orders/new',
      '/orders/new',
    ],
    [
      'a route of another verb',
      (shop) => shop.post('/orders/:post', answer).get('/orders/:get', answer),
      '/orders/7',
      '/orders/:get',
    ],
    ['several patterns', (shop) => shop.get(['/one/:a', '/two/:b'], answer), '/two/7', '/two/:b'],
    ['a regular expression', (shop) => shop.get(/^\/orders\/(\d+)$/, answer), '/orders/7', String(/^\/orders\/(\d+)$/)],
    [
      'a mounted application, of which nobody sees the inside',
      (shop) => shop.use('/admin', app().get('/:id', answer)),
      '/admin/7',
      '/admin/7',
    ],
    ['a path that cannot be decoded', (shop) => shop.get('/orders/:id', answer), '/orders/%ff', '/orders/%ff'],
  ])('the path of %s', async (_, make, asked, path) => {
    const server = await start(make)
    await server.last(`${asked}?q=1`)
    expect(server.records[0]).toMatchObject({ path })
    expect(server.tracker.stats.faults).toBe(0)
  })

  test('looking ahead for a route changes no parameter that a handler gets to see', async () => {
    const seen: unknown[] = []
    const see: RequestHandler = (req, res) => {
      seen.push(req.params, req.baseUrl, req.url)
      res.send('fine')
    }
    const server = await start((shop) =>
      shop.use('/shops/:shop', Router({ mergeParams: true }).get('/orders/:id', see)),
    )
    await server.last('/shops/a%20b/orders/8')
    expect(seen).toEqual([{ shop: 'a b', id: '8' }, '/shops/a%20b', '/orders/8'])
  })

  test("an error handler of the user's decides the status, and the error is told", async () => {
    const late: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(503).send('later')
    const server = await start((shop) =>
      shop
        .get('/', () => {
          throw new TypeError('broken')
        })
        .use(late),
    )
    expect(await server.last()).toMatchObject({
      outcome: 'error',
      status: 503,
      error: { type: 'TypeError', message: 'broken' },
    })
  })

  test.each([404, 302])('an error that is answered with %d was an answer', async (status) => {
    const handler: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(status).send()
    const server = await start((shop) =>
      shop.get('/', (_req, _res, next) => next(new Error('no such order'))).use(handler),
    )
    expect(await server.last()).toMatchObject({ outcome: 'ok', status, error: { message: 'no such order' } })
  })

  test('an error handler that answers as if nothing was wrong: still an error', async () => {
    const handler: ErrorRequestHandler = (_error, _req, res, _next) => void res.send('{"errors":[]}')
    const server = await start((shop) => shop.get('/', () => Promise.reject(new Error('broken'))).use(handler))
    expect(await server.last()).toMatchObject({ outcome: 'error', status: 200, error: { message: 'broken' } })
  })

  test("a caller whom a middleware of the user's refuses is denied where the tracker was told to wait for that", async () => {
    const recording = recordingTracker()
    const shop = app().use(trackRequest({ tracker: recording.tracker, auth: 'manual' }))
    serving = await listen(createServer(shop.use((_req, res) => void res.status(403).send())))
    await ask(serving.url)
    await recording.ended(1)
    expect(recording.records.at(-1)).toMatchObject({ state: 'Failed', outcome: 'denied', status: 403 })
  })

  test('a request that is sent on to a second router is still one', async () => {
    const server = await start((shop) =>
      shop
        .get('/', (_req, _res, next) => next('route'))
        .get('/', (req, res) => void res.send(currentRequest(req)?.state)),
    )
    expect(await server.last()).toMatchObject({ outcome: 'ok' })
    expect(server.byRequest()).toHaveLength(1)
  })

  test('what it is given and gives has the types of Express', () => {
    expectTypeOf(trackRequest({ service: 'api' })).toExtend<RequestHandler>()
    expectTypeOf(trackRequest<Request>)
      .parameter(0)
      .toHaveProperty('authenticate')
      .toExtend<((req: Request) => unknown) | undefined>()
    expectTypeOf<Response>().toExtend<Parameters<ReturnType<typeof trackRequest>>[1]>()
  })
})
