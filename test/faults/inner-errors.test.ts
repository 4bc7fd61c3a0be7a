import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { createServer as createSecondServer, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { propagate as propagateFetch } from '../../src/adapters/fetch.ts'
import * as grpc from '../../src/adapters/grpc.ts'
import { propagate as propagateHttp } from '../../src/adapters/http.ts'
import * as lambda from '../../src/adapters/lambda.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import { ask2 } from '../adapters/http2-client.ts'
import { recordingTracker } from '../adapters/http-host.ts'
import { listen } from '../adapters/http-servers.ts'
import { makeFaulty } from '../faulty-tracker.ts'

/** Does the same each time, and returns what a user of the host sees. */
type Run = () => unknown

const ALB_EVENT = { httpMethod: 'GET', path: '/orders/7', headers: {}, requestContext: { elb: {} }, body: null }
const SQS_EVENT = {
  Records: ['1', '2'].map((messageId) => ({
    messageId,
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:1:orders',
    body: messageId,
    attributes: { ApproximateReceiveCount: '1' },
    messageAttributes: {},
  })),
}
const CONTEXT = { functionName: 'orders', getRemainingTimeInMillis: () => 60_000 }

/** An upstream that answers everything. */
async function upstream(): Promise<string> {
  const server = await listen(createServer((_req, res) => void res.end('fine')))
  onTestFinished(() => server.close())
  return server.url
}

const json = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => String(bytes) }

const SCENARIOS: Readonly<Record<string, (tracker: Tracker) => Run | Promise<Run>>> = {
  'a plain function': (tracker) => tracker.trackRequest((a: number, b: number) => a + b).bind(undefined, 1, 2),
  'a function that rejects': (tracker) => {
    const work = tracker.trackRequest((reason: string) => Promise.reject(new Error(reason)))
    return () => work('on purpose').catch((error: unknown) => String(error))
  },
  'a worker': (tracker) => {
    const work = tracker.trackRequest(({ order }: { order: number }) => Promise.resolve(order + 1), {
      carrier: () => ({ 'x-trace-id': 'abc', 'x-lifecycle': 'b7ad6b7169203000;Queued;3;1790000000000' }),
      path: 'orders',
    })
    return () => work({ order: 7 })
  },
  'requests by hand': (tracker) => async () => {
    const request = tracker.start({}, { method: 'cron' })
    const sent = await request.run(() => {
      request.authenticated()
      request.processing()
      request.expect('2h')
      request.note('CACHE_MISS', { key: 1 })
      request.send('UNKNOWN')
      return request.enqueue((headers) => typeof headers)
    })
    request.responded()
    return sent
  },
  'an event of HTTP on Lambda': (tracker) => {
    const handler = lambda.trackRequest(
      async (event: typeof ALB_EVENT, _context: typeof CONTEXT) =>
        Promise.resolve({ statusCode: 200, body: event.path }),
      { tracker },
    )
    return async () => {
      const { statusCode, body } = await handler(ALB_EVENT, CONTEXT)
      return [statusCode, body]
    }
  },
  'records of SQS on Lambda': (tracker) => {
    const handler = lambda.trackRecords(({ body }) => (body === '2' ? Promise.reject(new Error('no')) : body), {
      tracker,
    })
    return () => handler(SQS_EVENT, CONTEXT)
  },
  'an event of SQS on Lambda': (tracker) => {
    const handler = lambda.trackRequest(
      async (event: typeof SQS_EVENT, _context: typeof CONTEXT) => Promise.resolve(event.Records.length),
      { tracker },
    )
    return () => handler(SQS_EVENT, CONTEXT)
  },
  'a call by fetch': async (tracker) => {
    const [url, fetch] = [await upstream(), propagateFetch(globalThis.fetch)]
    return tracker.trackRequest(async (_job: string) => (await fetch(url)).text()).bind(undefined, 'job')
  },
  'a call by node:http': async (tracker) => {
    const [url, client] = [await upstream(), propagateHttp({ get, request: get } as never) as { get: typeof get }]
    const call = tracker.trackRequest(async (_job: string) => {
      const [response] = (await once(client.get(url), 'response')) as [IncomingMessage]
      return text(response)
    })
    return () => call('job')
  },
  'an upgrade': async (tracker) => {
    const wss = new WebSocketServer({ noServer: true })
    const server = createServer()
    server.on(
      'upgrade',
      tracker.trackRequest((req: IncomingMessage, socket: Duplex, head: Buffer) =>
        wss.handleUpgrade(req, socket, head, (client) => client.send('hello')),
      ),
    )
    const running = await listen(server)
    onTestFinished(() => running.close())
    return async () => {
      const client = new WebSocket(running.url.replace('http', 'ws'))
      const [message] = (await once(client, 'message')) as [Buffer]
      client.terminate()
      return String(message)
    }
  },
  'a stream of HTTP/2': async (tracker) => {
    const server = createSecondServer()
    server.on(
      'stream',
      tracker.trackRequest((stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 201 })
        stream.end('fine')
      }),
    )
    const running = await listen(server)
    onTestFinished(() => running.close())
    return async () => {
      const { body, headers } = await ask2(running.url)
      return [headers[':status'], body]
    }
  },
  'a call of gRPC': async (tracker) => {
    const server = new Server({
      interceptors: [grpc.trackRequest({ tracker, authenticate: () => Promise.resolve('anna') })],
    })
    const method = {
      path: '/test.Texts/echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: json.serialize,
      requestDeserialize: json.deserialize,
      responseSerialize: json.serialize,
      responseDeserialize: json.deserialize,
    } as const
    server.addService(
      { echo: method },
      {
        echo: (call: { readonly request: string }, answer: (error: null, text: string) => void) =>
          answer(null, `${call.request} back`),
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure(), {
      interceptors: [grpc.propagate()],
    })
    onTestFinished(() => {
      client.close()
      server.forceShutdown()
    })
    const call = tracker.trackRequest(
      (words: string) =>
        new Promise<string>((resolve, reject) => {
          client.makeUnaryRequest(method.path, json.serialize, json.deserialize, words, (error, answer) =>
            error === null ? resolve(answer ?? '') : reject(error),
          )
        }),
    )
    return () => call('there and')
  },
}

describe('an error of ours, at any place,', () => {
  test.each(Object.entries(SCENARIOS))('changes nothing for %s', async (_, prepare) => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => stderr.mockRestore())
    const { tracker } = recordingTracker()
    const { arm, accesses } = makeFaulty(tracker)
    const run = await prepare(tracker)
    const expected = await run()
    expect(expected).toBeDefined()
    let at = 0
    do {
      at += 1
      arm(at)
      expect({ at, result: await run() }).toEqual({ at, result: expected })
      // The end of a request may be recorded after its result.
      await new Promise((resolve) => setImmediate(resolve))
    } while (accesses() >= at)
    // Fewer than any of them makes: one that tracks nothing would pass otherwise.
    expect(at).toBeGreaterThan(20)
  })
})
