import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecondServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { text } from 'node:stream/consumers'
import createApp, { type ErrorHandleFunction } from 'connect'
import { afterEach, describe, expect, test } from 'vitest'
import { currentRequest } from '../../src/tracking/current-request.ts'
import type { NodeHandler, NodeHandlerOptions } from '../../src/handlers/node-handler.ts'
import { summarize } from '../tracker-fixture.ts'
import { ask } from './http-client.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { headerOf, listen, listenSecurely, write } from './http-servers.ts'
import { optionsFor, recordingTracker, type RecordingTracker, type Scenario, type RunningServer } from './http-host.ts'

type Req = IncomingMessage | Http2ServerRequest
type Res = ServerResponse | Http2ServerResponse

/** One handler for both versions of HTTP. */
function tracked({ tracker, handle, ...own }: Scenario): (req: Req, res: Res) => void {
  // Not async: a synchronous error must be thrown to the listener's caller.
  const listener: NodeHandler<Req, Res> = (req, res) => {
    const answer = handle({ header: headerOf(req), body: () => text(req) })
    return answer instanceof Promise ? answer.then((settled) => write(res, settled)) : write(res, answer)
  }
  return tracker.trackRequest(listener, {
    ...optionsFor(own, (req: Req) => headerOf(req)),
  })
}

describeHttpAdapter('node:http', (scenario) => listen(createServer(tracked(scenario))), {
  http2: (scenario) => listen(createSecondServer(tracked(scenario))),
  https: (scenario) => listenSecurely(tracked(scenario)),
})

describe('node:http beyond the contract', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  async function start(
    handler: NodeHandler,
    { onInvalid = 'log', ...options }: Parameters<typeof recordingTracker>[0] & NodeHandlerOptions = {},
  ): Promise<RecordingTracker> {
    const recording = recordingTracker({ onInvalid })
    serving = await listen(createServer(recording.tracker.trackRequest(handler, options)))
    return recording
  }

  const url = (): string => serving?.url ?? ''

  test('a handler that throws during the response breaks the connection and ends with outcome error', async () => {
    const server = await start((_req, res) => {
      res.writeHead(200)
      res.write('half')
      throw new Error('broken')
    })
    await expect(ask(url())).rejects.toThrow()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({
      state: 'Responded',
      outcome: 'error',
      status: 200,
      error: { message: 'broken' },
    })
  })

  test('an error after the response is logged, and the client has the response', async () => {
    const server = await start((_req, res) => {
      res.end('whole')
      throw new Error('afterwards')
    })
    expect(await ask(url())).toMatchObject({ status: 200, body: 'whole' })
    await server.ended(1)
    expect(server.records.some(({ error }) => error?.message === 'afterwards')).toBe(true)
  })

  test('the headers of a failed response do not describe a body that was not sent', async () => {
    const server = await start((_req, res) => {
      res.setHeader('content-length', 5_000)
      res.setHeader('content-encoding', 'gzip')
      res.setHeader('x-kept', 'yes')
      throw new Error('broken')
    })
    const { status, headers, body } = await ask(url())
    expect({ status, body, kept: headers['x-kept'], encoding: headers['content-encoding'] }).toEqual({
      status: 500,
      body: 'Internal Server Error\n',
      kept: 'yes',
      encoding: undefined,
    })
    await server.ended(1)
  })

  test('the request is attached to req, also if the context is lost', async () => {
    const server = await start((req, res) => {
      req.on('data', () => undefined).on('end', () => res.end(currentRequest(req)?.traceId))
    })
    const { headers, body } = await ask(url(), { method: 'POST', body: 'x'.repeat(100_000) })
    expect(body).toBe(headers['x-trace-id'])
    await server.ended(1)
  })

  test("an authenticate that has already sent AUTH_OK does not cause a 500 with onInvalid: 'throw'", async () => {
    const server = await start((_req, res) => res.end('fine'), {
      onInvalid: 'throw',
      authenticate: () => currentRequest()?.authenticated(),
    })
    expect(await ask(url())).toMatchObject({ status: 200, body: 'fine' })
    await server.ended(1)
    expect(summarize(server.records)).toEqual([
      '0 Received',
      '1 AUTH_OK Authenticated',
      'note AUTH_OK in Authenticated',
      '2 PROCESS Processing implied',
      '3 RESPOND Responded ok',
    ])
  })

  test("an error thrown by onInvalid: 'throw' in a handler is treated as the handler's error", async () => {
    const server = await start(() => currentRequest()?.completed(), { onInvalid: 'throw' })
    expect(await ask(url())).toMatchObject({ status: 500 })
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', error: { type: 'ThroughlineError' } })
  })

  test('a middleware of Connect gets next, and its errors are passed there', async () => {
    const { tracker, records, ended } = recordingTracker()
    const app = createApp()
    app.use(
      tracker.trackRequest((req: IncomingMessage, _res: ServerResponse, next: (error?: unknown) => void) => {
        if (req.url === '/throws') throw new TypeError('broken')
        next()
      }),
    )
    app.use((_req, res) => void res.end(currentRequest()?.traceId))
    const answer: ErrorHandleFunction = (_error, _req, res, _next) => void res.writeHead(503).end('later')
    app.use(answer)
    serving = await listen(createServer(app))
    const { headers, body } = await ask(url())
    expect(body).toBe(headers['x-trace-id'])
    expect(await ask(`${url()}/throws`)).toMatchObject({ status: 503, body: 'later' })
    await ended(2)
    expect(records.at(-1)).toMatchObject({ outcome: 'error', status: 503, error: { message: 'broken' } })
  })

  test('a wrapper around a wrapper tracks a request once', async () => {
    const { tracker, ended, byRequest } = recordingTracker()
    const inner = tracker.trackRequest((_req, res) => void res.end(currentRequest()?.state))
    serving = await listen(createServer(tracker.trackRequest(inner)))
    expect(await ask(url())).toMatchObject({ body: 'Processing' })
    await ended(1)
    expect(byRequest()).toHaveLength(1)
  })

  test('a response that the server destroys is an error, since the client was there', async () => {
    const server = await start((_req, res) => {
      res.write('half')
      setImmediate(() => res.destroy())
    })
    await expect(ask(url())).rejects.toThrow()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 200, error: { type: 'ResponseDestroyed' } })
  })
})
