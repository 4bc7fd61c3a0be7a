import { randomUUID } from 'node:crypto'
import http, { createServer, type ClientRequest, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { status } from '@grpc/grpc-js'
import axios from 'axios'
import got from 'got'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { propagate as propagateFetch } from '../../src/adapters/fetch.ts'
import { propagate as propagateHttp } from '../../src/adapters/http.ts'
import { propagate as propagateKafka } from '../../src/adapters/kafka.ts'
import type { CallRecord, TrackedRequest } from '../../src/index.ts'
import { parentOfCall } from '../call-headers.ts'
import { SOON } from '../timeouts.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { TRACE } from '../trace/w3c-vectors.ts'
import { Texts, pathOf, startServer, type Method } from './grpc-rig.ts'
import { startKafkaBroker } from './kafka-broker.ts'

const ID = 'b7ad6b7169203000'
const RECEIVED = `00-${TRACE}-00f067aa0ba902b7-01`

/** A request whose calls are collected. */
function observed(): { readonly request: TrackedRequest; readonly calls: CallRecord[] } {
  const calls: CallRecord[] = []
  const sink = { write: () => undefined, call: (record: CallRecord) => void calls.push(record) }
  const { tracker } = trackerFixture({ newRequestId: () => ID, sinks: [sink] })
  return { request: tracker.start({ traceparent: RECEIVED, tracestate: 'foo=1,bar=2' }), calls }
}

let server: Server
let rude: TcpServer
let origin: string
let port: number
let rudePort: number
/** A port that nobody listens on. */
let closedPort: number
const headers: IncomingMessage['headers'][] = []

beforeAll(async () => {
  server = createServer((req, res) => {
    headers.push(req.headers)
    if (req.url === '/away') res.writeHead(302, { location: '/there' }).end()
    else if (req.url !== '/never') res.writeHead(Number(req.url?.slice(1, 4)) || 200).end('{"cups":1}')
  })
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: cups\r\n\r\n'))
  // Closes each connection without an answer.
  rude = createTcpServer((socket) => socket.once('data', () => socket.end()))
  for (const each of [server, rude]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))
  // Servers that listen on TCP have an address of this type.
  port = (server.address() as AddressInfo).port
  rudePort = (rude.address() as AddressInfo).port
  origin = `http://127.0.0.1:${String(port)}`
  const gone = createTcpServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  closedPort = (gone.address() as AddressInfo).port
  await new Promise((resolve) => gone.close(resolve))
})

afterAll(() => {
  server.close().closeAllConnections()
  rude.close()
})

describe('fetch', () => {
  const fetch = propagateFetch(globalThis.fetch)

  // What the conformance suite of https://www.w3.org/TR/trace-context-2/ checks of a service that makes several calls.
  test('calls of one request have different parent ids, none is the one received, and the rest is the same', async () => {
    const { request } = observed()
    headers.length = 0
    await request.run(() => Promise.all(Array.from({ length: 20 }, () => fetch(origin))))
    const sent = headers.map(({ traceparent }) => String(traceparent).split('-'))
    expect(new Set(sent.map(([, , parent]) => parent)).size).toBe(20)
    for (const [version, trace, parent, flags] of sent) {
      expect([version, trace, flags]).toEqual(['00', TRACE, '01'])
      expect(parent).not.toBe('00f067aa0ba902b7')
    }
    for (const { tracestate } of headers) expect(tracestate).toBe('foo=1,bar=2')
  })

  test('an answered call has its target, method, path and status', async () => {
    const { request, calls } = observed()
    const response = await request.run(() => fetch(`${origin}/200?token=hush`, { method: 'post', body: 'x' }))
    expect(await response.json()).toEqual({ cups: 1 })
    await request.run(() => fetch(new Request(`${origin}/404`, { method: 'PUT' })))
    await request.run(() => fetch(`${origin}/503`))
    const target = `127.0.0.1:${String(port)}`
    expect(calls).toMatchObject([
      { call: 1, id: parentOfCall(ID, 1), target, method: 'POST', path: '/200', status: 200, outcome: 'ok' },
      { call: 2, id: parentOfCall(ID, 2), target, method: 'PUT', path: '/404', status: 404, outcome: 'ok' },
      { call: 3, id: parentOfCall(ID, 3), target, method: 'GET', path: '/503', status: 503, outcome: 'error' },
    ])
  })

  test('a call without an answer is an error with its cause, and one that the caller gave up is aborted', async () => {
    const { request, calls } = observed()
    const controller = new AbortController()
    await expect(request.run(() => fetch(`http://127.0.0.1:${String(closedPort)}/`))).rejects.toThrow('fetch failed')
    const hanging = request.run(() => fetch(`${origin}/never`, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    expect(calls).toMatchObject([
      { call: 1, outcome: 'error', error: { message: expect.stringContaining('ECONNREFUSED') as string } },
      { call: 2, outcome: 'aborted', error: { message: 'enough' } },
    ])
    for (const call of calls) expect(call).not.toHaveProperty('status')
  })

  test('a call with a traceparent of its own takes no number, and has no record', async () => {
    const { request, calls } = observed()
    await request.run(() => fetch(origin, { headers: { traceparent: RECEIVED.replace('-0', '-1') } }))
    expect([request.calls, calls]).toEqual([0, []])
  })

  test('a promise with methods of its own is returned as it is', async () => {
    class Answer extends Promise<string> {
      json(): string {
        return 'own'
      }
    }
    const { request, calls } = observed()
    const answer = request.run(() => propagateFetch(() => new Answer((resolve) => resolve('text')))())
    expect(answer).toBeInstanceOf(Promise)
    const typed = request.run(() => propagateFetch((_url: string) => new Answer((resolve) => resolve('x')))(origin))
    expect(typed.json()).toBe('own')
    await typed
    expect(calls).toMatchObject([{ call: 1, outcome: 'ok' }])
  })
})

describe("Node's client", () => {
  const client = propagateHttp(http)

  /** Resolves once a request is closed. */
  const closed = (request: ClientRequest): Promise<void> =>
    new Promise((resolve) => void request.on('error', () => undefined).on('close', resolve))

  test('a call ends with the head of its response, also if nobody listens for it', async () => {
    const { request, calls } = observed()
    await request.run(() => closed(client.get(`${origin}/404?token=hush`)))
    expect(calls).toMatchObject([
      { call: 1, target: `127.0.0.1:${String(port)}`, method: 'GET', path: '/404', status: 404, outcome: 'ok' },
    ])
  })

  test('the body of a response is still for its listener, who may come late', async () => {
    const { request, calls } = observed()
    const body = await request.run(
      () =>
        new Promise((resolve) => {
          client.get(origin, (response) => {
            setImmediate(() => response.on('data', (chunk: Buffer) => resolve(chunk.toString())))
          })
        }),
    )
    expect(body).toBe('{"cups":1}')
    expect(calls).toHaveLength(1)
  })

  test('a refused connection and one without an answer are errors, and a destroyed request is aborted', async () => {
    const { request, calls } = observed()
    await request.run(() => closed(client.get(`http://127.0.0.1:${String(closedPort)}/`)))
    await request.run(() => closed(client.get(`http://127.0.0.1:${String(rudePort)}/`)))
    await request.run(async () => {
      const outgoing = client.get(`${origin}/never`)
      outgoing.on('socket', () => setImmediate(() => outgoing.destroy()))
      await closed(outgoing)
    })
    const controller = new AbortController()
    await request.run(() => {
      const outgoing = client.get(`${origin}/never`, { signal: controller.signal })
      controller.abort()
      return closed(outgoing)
    })
    expect(calls.map(({ outcome, error }) => [outcome, error?.message])).toEqual([
      ['error', expect.stringContaining('ECONNREFUSED')],
      ['error', 'socket hang up'],
      ['aborted', 'socket hang up'],
      ['aborted', 'The operation was aborted'],
    ])
  })

  test('an error that nobody handles is thrown as before', async () => {
    const { request, calls } = observed()
    const outgoing = request.run(() => client.get(`http://127.0.0.1:${String(closedPort)}/`))
    expect(outgoing.listenerCount('error')).toBe(0)
    await closed(outgoing)
    expect(calls).toHaveLength(1)
  })

  test('an upgrade ends with its status', async () => {
    const { request, calls } = observed()
    await request.run(async () => {
      const outgoing = client.get(origin, { headers: { connection: 'upgrade', upgrade: 'cups' } })
      outgoing.on('upgrade', (_, socket) => socket.destroy())
      await closed(outgoing)
    })
    expect(calls).toMatchObject([{ status: 101, outcome: 'ok' }])
  })

  test('each hop of a redirect is a call, through an agent', async () => {
    const { request, calls } = observed()
    const http1 = propagateHttp(new http.Agent())
    await request.run(() => got(`${origin}/away`, { agent: { http: http1 } }).text())
    await request.run(() => axios.get(`${origin}/away`, { httpAgent: http1, proxy: false }))
    expect(calls.map(({ call, path, status: code }) => [call, path, code])).toEqual([
      [1, '/away', 302],
      [2, '/there', 200],
      [3, '/away', 302],
      [4, '/there', 200],
    ])
  })
})

describe('gRPC', () => {
  const METHODS: readonly Method[] = ['unary', 'collect', 'list', 'chat']

  test.each(METHODS)('a call ends with its status: %s', async (method) => {
    const { request, calls } = observed()
    const { client } = await startServer({
      unary: (call, callback) => callback(null, call.request),
      collect: (call, callback) => call.on('data', () => undefined).on('end', () => callback(null, { text: 'all' })),
      list: (call) => call.end(),
      chat: (call) => call.on('data', () => undefined).on('end', () => call.end()),
    })
    await request.run(() => client.call(method))
    expect(calls).toMatchObject([
      {
        call: 1,
        id: parentOfCall(ID, 1),
        target: 'test.Texts',
        method: 'grpc',
        path: pathOf(method),
        status: status.OK,
        outcome: 'ok',
      },
    ])
  })

  test('an error of the server, an answer that is no error, a cancelled call, and one whose deadline has passed', async () => {
    const { request, calls } = observed()
    const { client } = await startServer({
      unary: ({ request: { text } }, callback) => {
        if (text !== 'hang')
          callback({ code: text === 'INTERNAL' ? status.INTERNAL : status.NOT_FOUND, details: 'no luck' })
      },
    })
    await request.run(() => client.call('unary', { text: 'INTERNAL' }))
    await request.run(() => client.call('unary', { text: 'NOT_FOUND' }))
    const hanging = request.run(() => client.start('unary', { text: 'hang' }))
    hanging.cancel()
    await hanging.answer
    await request.run(() => client.call('unary', { text: 'hang', deadline: Date.now() - 1 }))
    expect(calls).toMatchObject([
      { status: status.INTERNAL, outcome: 'error', error: { type: 'INTERNAL', message: 'no luck' } },
      { status: status.NOT_FOUND, outcome: 'ok' },
      { status: status.CANCELLED, outcome: 'aborted' },
      { status: status.DEADLINE_EXCEEDED, outcome: 'aborted' },
    ])
  })

  test('a server that cannot be reached is an error', async () => {
    const { request, calls } = observed()
    await request.run(() => new Texts(`127.0.0.1:${String(closedPort)}`).call('unary'))
    expect(calls).toMatchObject([{ status: status.UNAVAILABLE, outcome: 'error' }])
  })
})

describe('messages', () => {
  test('each child message is a call to its queue, and the message of a hand-off is none', async () => {
    const broker = await startKafkaBroker()
    onTestFinished(() => broker.stop())
    const topic = randomUUID()
    const kafka = new Kafka({ brokers: [broker.address], retry: { retries: 0 }, logLevel: logLevel.NOTHING })
    const producer = propagateKafka(kafka.producer(), { as: 'hand-off' })
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    const { request, calls } = observed()
    await request.run(() => producer.send({ topic, messages: [{ value: '1' }, { value: '2' }] }))
    expect(calls).toMatchObject([
      { call: 1, id: parentOfCall(ID, 1), target: topic, outcome: 'ok' },
      { call: 2, id: parentOfCall(ID, 2), target: topic, outcome: 'ok' },
    ])
    for (const call of calls) expect(call).not.toHaveProperty('method')
    await request.run(() => producer.send({ topic, messages: [{ value: '3' }] }))
    expect([request.state, calls.length, request.calls]).toEqual(['Queued', 2, 2])
    broker.refuse()
    await expect(request.run(() => producer.send({ topic, messages: [{ value: '4' }] }))).rejects.toThrow()
    await vi.waitFor(() => expect(calls).toHaveLength(3), SOON)
    expect(calls[2]).toMatchObject({ call: 3, outcome: 'error', error: { type: 'KafkaJSProtocolError' } })
  })
})
