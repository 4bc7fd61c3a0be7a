import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { createAdaptorServer, upgradeWebSocket, type HttpBindings, type WebSocketServerLike } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { authenticated, trackRequest, type HonoOptions } from '../../src/adapters/hono.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { expectValidRun, summarizeTransitions } from '../tracker-fixture.ts'
import { recordingTracker, type RecordingTracker, type RunningServer } from './http-host.ts'
import { listen } from './http-servers.ts'

const IMPLIED = ['0 Received', '1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied']

describe('WebSockets on hono, with @hono/node-server', () => {
  let serving: RunningServer | undefined
  let wss: WebSocketServer | undefined
  afterEach(async () => {
    for (const client of wss?.clients ?? []) client.terminate()
    // Closes the WebSocket server, too.
    await serving?.close()
  })

  type Options = Omit<HonoOptions, 'tracker' | 'service'>

  async function start(add: (app: Hono) => unknown, options: Options = {}): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const app = new Hono()
    app.use(trackRequest({ ...options, tracker: recording.tracker }))
    add(app)
    const live = upgradeWebSocket((c) => {
      const id = currentRequest(c)?.traceId ?? ''
      return { onOpen: (_event, socket) => socket.send(id) }
    })
    app.get('/live/:id', live).onError((_error, c) => c.text('broken', 500))
    wss = new WebSocketServer({ noServer: true })
    // The types of both packages disagree on optional members.
    const websocket = { server: wss as unknown as WebSocketServerLike }
    serving = await listen(createAdaptorServer({ fetch: app.fetch, websocket }))
    return recording
  }

  const url = (path: string): string => `${(serving?.url ?? '').replace('http', 'ws')}${path}`

  async function refused(path: string): Promise<IncomingMessage> {
    const [, response] = (await once(new WebSocket(url(path)), 'unexpected-response')) as [unknown, IncomingMessage]
    response.destroy()
    return response
  }

  function expectRun({ tracker, records }: RecordingTracker, ...expected: readonly string[]): void {
    expectValidRun(tracker.core.settings.table, records)
    expect(summarizeTransitions(records)).toEqual(expected)
    expect(tracker.inFlight()).toEqual([])
    expect(tracker.stats.faults).toBe(0)
  }

  test('one that is accepted ends its request with 101, and stays open', async () => {
    const server = await start(() => undefined)
    const client = new WebSocket(url('/live/7'), { headers: { 'x-trace-id': 'live' } })
    const handshake = once(client, 'upgrade') as Promise<[IncomingMessage]>
    expect(String((await once(client, 'message'))[0])).toBe('live')
    expect((await handshake)[0].headers['x-trace-id']).toBe('live')
    await server.ended(1)
    expect(client.readyState).toBe(WebSocket.OPEN)
    expect(server.records.at(-1)).toMatchObject({ status: 101 })
    client.close()
    await once(client, 'close')
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
    expect(server.records[0]).toMatchObject({ method: 'GET', path: '/live/:id', trace_id: 'live' })
  })

  const guard = (app: Hono): unknown => app.use('/live/*', (c) => Promise.resolve(c.text('who are you', 401)))

  test('one that a route refuses with 401 ends its request with 401, which is not ok', async () => {
    const server = await start(guard)
    const { statusCode, headers } = await refused('/live/7')
    await server.ended(1)
    expect([statusCode, headers['x-trace-id']]).toEqual([401, server.records[0]?.trace_id])
    expectRun(server, ...IMPLIED, '3 RESPOND Responded error')
    expect(server.records.at(-1)).toMatchObject({ status: 401 })
  })

  test('one that a route refuses in Received is denied', async () => {
    const server = await start(guard, { auth: 'manual' })
    expect((await refused('/live/7')).statusCode).toBe(401)
    await server.ended(1)
    expectRun(server, '0 Received', '1 AUTH_ERROR Failed denied')
    expect(server.records.at(-1)).toMatchObject({ status: 401 })
  })

  test('one whose caller is known by authenticated()', async () => {
    const server = await start((app) => app.use(authenticated(() => 'anna')), { auth: 'manual' })
    await once(new WebSocket(url('/live/7')), 'message')
    await server.ended(1)
    expectRun(server, '0 Received', '1 AUTH_OK Authenticated', IMPLIED[2] ?? '', '3 RESPOND Responded ok')
  })

  test('one that authenticate refuses is answered with 401', async () => {
    const server = await start(() => undefined, { authenticate: () => false })
    expect((await refused('/live/7')).statusCode).toBe(401)
    await server.ended(1)
    expectRun(server, '0 Received', '1 AUTH_ERROR Failed denied')
  })

  test.each<[what: string, path: string, add: (app: Hono) => unknown, status: number, outcome: string]>([
    ['matches no route', '/elsewhere', () => undefined, 404, 'ok'],
    ['a route answers with a text', '/text', (app) => app.get('/text', (c) => c.text('fine')), 200, 'ok'],
    ['a handler throws for', '/live/7', (app) => app.use(() => Promise.reject(new Error('broken'))), 500, 'error'],
  ])('one that %s', async (_, path, add, status, outcome) => {
    const server = await start(add)
    expect((await refused(path)).statusCode).toBe(status)
    await server.ended(1)
    expectRun(server, ...IMPLIED, `3 RESPOND Responded ${outcome}`)
    expect(server.records.at(-1)).toMatchObject({ status })
  })

  test('one whose client does its part of the handshake wrong ends with what it was answered', async () => {
    const server = await start(() => undefined)
    const { port } = new URL(serving?.url ?? '')
    const socket = connectSocket(Number(port), '127.0.0.1')
    socket.write('GET /live/7 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1.1 400 /)
    socket.destroy()
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded ok')
    expect(server.records.at(-1)).toMatchObject({ status: 400 })
  })

  test('one whose client leaves before it is answered is aborted', async () => {
    const [entered, never] = [deferred(), deferred()]
    const wait = async (c: Context): Promise<void> => {
      // The connection as Node has it; unread, it does not see that its client has gone.
      const { incoming } = c.env as HttpBindings
      incoming.socket.resume()
      entered.resolve()
      await never.promise
    }
    const server = await start((app) => app.use((c) => wait(c)))
    const client = new WebSocket(url('/live/7'))
    client.on('error', () => undefined)
    await entered.promise
    client.terminate()
    await server.ended(1)
    expectRun(server, ...IMPLIED, '3 RESPOND Responded aborted')
    never.resolve()
  })
})
