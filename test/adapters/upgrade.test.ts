import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import httpProxy from 'http-proxy'
import { WebSocket, WebSocketServer } from 'ws'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import type { UpgradeHandler } from '../../src/handlers/upgrade-handler.ts'
import { deferred } from '../deferred.ts'
import { expectValidRun, summarizeTransitions } from '../tracker-fixture.ts'
import { listen } from './http-servers.ts'
import type { HandlerOptions } from '../../src/handlers/handler-options.ts'
import { recordingTracker, type RecordingTracker, type RunningServer } from './http-host.ts'

const IMPLIED = ['0 Received', '1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied']

describe('upgrade requests, on node:http with ws', () => {
  let serving: RunningServer | undefined
  const wss = new WebSocketServer({ noServer: true })
  afterEach(async () => {
    for (const client of wss.clients) client.terminate()
    await serving?.close()
  })

  async function start(
    handler: UpgradeHandler,
    options: HandlerOptions<IncomingMessage> = {},
  ): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const server = createServer((_req, res) => void res.end('no upgrade'))
    server.on('upgrade', recording.tracker.trackRequest(handler, options))
    serving = await listen(server)
    return recording
  }

  const accept: UpgradeHandler = (req, socket, head) =>
    wss.handleUpgrade(req, socket, head, (client) => client.send(currentTraceId()))

  function connect(headers: Readonly<Record<string, string>> = {}): WebSocket {
    return new WebSocket(`${(serving?.url ?? '').replace('http', 'ws')}/live/7?token=hush`, { headers })
  }

  /** The status that a refused client receives. */
  async function refused(): Promise<number | undefined> {
    const [, response] = (await once(connect(), 'unexpected-response')) as [unknown, IncomingMessage]
    response.destroy()
    return response.statusCode
  }

  function expectRun({ tracker, records }: RecordingTracker, ...expected: readonly string[]): void {
    expectValidRun(tracker.core.settings.table, records)
    expect(summarizeTransitions(records)).toEqual(expected)
    expect(tracker.inFlight()).toEqual([])
  }

  test('an accepted upgrade ends its request with status 101, and the connection stays open', async () => {
    const server = await start(accept)
    const client = connect({ 'x-trace-id': 'live' })
    expect(String((await once(client, 'message'))[0])).toBe('live')
    await server.ended(1)
    expect(client.readyState).toBe(WebSocket.OPEN)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
    expect(server.records[0]).toMatchObject({ method: 'GET', path: '/live/7', trace_id: 'live' })
    expect(server.records.at(-1)).toMatchObject({ status: 101 })
    client.close()
    await once(client, 'close')
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
  })

  test('an ignored upgrade leaves no line, and its trace id still travels', async () => {
    const server = await start(accept, { ignore: (req) => req.url?.startsWith('/live/') === true })
    const client = connect({ 'x-trace-id': 'probe-1' })
    expect(String((await once(client, 'message'))[0])).toBe('probe-1')
    expect(server.records).toEqual([])
    expect(server.tracker.stats).toMatchObject({ requests: 0, inFlight: 0, faults: 0 })
  })

  test('path and fields of an upgrade', async () => {
    const server = await start(accept, { path: () => '/live/:id', fields: (req) => ({ agent: req.method }) })
    await once(connect(), 'message')
    await server.ended(1)
    expect(server.records[0]).toMatchObject({ path: '/live/:id', data: { agent: 'GET' } })
  })

  test('a refused caller gets a 401, and the handler does not run', async () => {
    const server = await start(() => expect.unreachable(), { authenticate: () => Promise.reject(new Error('who')) })
    expect(await refused()).toBe(401)
    expectRun(server, '0 Received', '1 AUTH_ERROR Failed denied')
  })

  test('a handler that rejects the upgrade itself', async () => {
    const server = await start((_req, socket) => void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
    expect(await refused()).toBe(404)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
    expect(server.records.at(-1)).toMatchObject({ status: 404 })
  })

  test('a client that the handler refuses later was not let in', async () => {
    const refusing = new WebSocketServer({
      noServer: true,
      verifyClient: (_info, verify: (allowed: boolean) => void) => setImmediate(() => verify(false)),
    })
    const server = await start((req, socket, head) => refusing.handleUpgrade(req, socket, head, () => undefined))
    expect(await refused()).toBe(401)
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded error')
    expect(server.records.at(-1)).toMatchObject({ status: 401 })
  })

  test('with manual authentication, a client that is refused later was denied', async () => {
    const server = await start(
      (_req, socket) => void setImmediate(() => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')),
      { auth: 'manual' },
    )
    expect(await refused()).toBe(403)
    await server.ended(1)
    expectRun(server, '0 Received', '1 AUTH_ERROR Failed denied')
  })

  test('an upgrade whose upstream is dead has failed', async () => {
    const closed = createServer()
    const dead = await listen(closed)
    await dead.close()
    const proxy = httpProxy.createProxyServer({ target: dead.url, ws: true })
    proxy.on('error', () => undefined)
    const server = await start((req, socket, head) => proxy.ws(req, socket, head))
    await once(connect(), 'error')
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded error')
    expect(server.records.at(-1)).toMatchObject({ error: { type: 'UpgradeRefused' } })
  })

  test('an upgrade through a proxy ends with the handshake of its upstream', async () => {
    const upstream = createServer()
    upstream.on('upgrade', accept)
    const running = await listen(upstream)
    const proxy = httpProxy.createProxyServer({ target: running.url, ws: true })
    const server = await start((req, socket, head) => proxy.ws(req, socket, head))
    const client = connect()
    await once(client, 'open')
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
    expect(server.records.at(-1)).toMatchObject({ status: 101 })
    client.terminate()
    proxy.close()
    await running.close()
  })

  test('what is exchanged after the handshake passes through unchanged', async () => {
    await start((req, socket, head) =>
      wss.handleUpgrade(req, socket, head, (client) => {
        expect(Object.keys(socket)).not.toContain('write')
        client.on('message', (data) => client.send(data))
      }),
    )
    const client = connect()
    await once(client, 'open')
    client.send('HTTP/1.1 500 is only a text here')
    expect(String((await once(client, 'message'))[0])).toBe('HTTP/1.1 500 is only a text here')
  })

  test('with manual authentication, a handler that closes an unauthenticated upgrade has refused the caller', async () => {
    const server = await start(
      (_req, socket) => void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'),
      { auth: 'manual' },
    )
    expect(await refused()).toBe(403)
    expectRun(server, '0 Received', '1 AUTH_ERROR Failed denied')
  })

  test.each<[string, UpgradeHandler]>([
    [
      'throws',
      () => {
        throw new TypeError('broken')
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('broken'))],
  ])('a handler that %s does not end the process: 500', async (_, handler) => {
    const server = await start(handler)
    expect(await refused()).toBe(500)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded error')
    expect(server.records.at(-1)).toMatchObject({ error: { type: 'TypeError', message: 'broken' } })
  })

  test('a client that disconnects before the handler has finished', async () => {
    const [entered, never, sockets] = [deferred(), deferred(), new Set<Duplex>()]
    const server = await start((_req, socket) => {
      // An unread connection does not see that its client has gone, and stays half open.
      socket.resume()
      sockets.add(socket)
      entered.resolve()
      return never.promise
    })
    const asking = request(`${serving?.url ?? ''}/`, { headers: { connection: 'upgrade', upgrade: 'websocket' } })
    asking.on('error', () => undefined).end()
    await entered.promise
    asking.destroy()
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded aborted')
    never.resolve()
    for (const each of sockets) each.destroy()
  })

  test('the request is attached to req', async () => {
    const server = await start((req, socket, head) => {
      expect(currentRequest(req)).toBe(currentRequest())
      return accept(req, socket, head)
    })
    await once(connect(), 'message')
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'ok' })
  })
})
