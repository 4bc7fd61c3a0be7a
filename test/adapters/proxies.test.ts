import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import httpProxy from 'http-proxy'
import http, { type RequestListener, type ServerResponse, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { parentOfCall } from '../call-headers.ts'
import { trackRequest } from '../../src/adapters/express.ts'
import { propagate as propagateFetch } from '../../src/adapters/fetch.ts'
import { propagate } from '../../src/adapters/http.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { head } from './http-client.ts'

/** What an outside caller sends: ids of a trace that is not ours. */
const FOREIGN = {
  'x-trace-id': 'foreign-1',
  traceparent: '00-0123456789abcdef0123456789abcdef-5742a6e857a42a6e-01',
  tracestate: 'foreign=1',
  'x-request-id': 'foreign-2',
  'x-lifecycle': '5742a6e857a42a6e;Queued;3;1795398062588',
}
const FOREIGN_IDS = /foreign|0123456789abcdef|5742a6e857a42a6e/

type Proxy = (origin: string, tracker: Tracker) => RequestListener

const sendOn =
  (request: typeof http.request, headersOf: (message: IncomingMessage) => http.OutgoingHttpHeaders | string[]) =>
  (target: string, tracker: Tracker): RequestListener =>
    tracker.trackRequest((req: IncomingMessage, res: ServerResponse) => {
      const onAnswer = (answer: IncomingMessage): void =>
        void answer.pipe(res.writeHead(answer.statusCode ?? 0, headersOf(answer)))
      req.pipe(request(target, { method: req.method ?? '', path: req.url, headers: headersOf(req) }, onAnswer))
    })

const agentOf = (agent: http.Agent): typeof http.request =>
  ((url: string, options: http.RequestOptions, callback: () => void) =>
    http.request(url, { ...options, agent }, callback)) as typeof http.request

const fetch = propagateFetch(globalThis.fetch)

const byHttpProxy: Proxy = (target, tracker) => {
  const proxy = httpProxy.createProxyServer({ target, agent: propagate(new http.Agent()) })
  return tracker.trackRequest((req: IncomingMessage, res: ServerResponse) => proxy.web(req, res))
}

/** Each way in which a gateway passes a request on with all its headers, and passes the answer back. */
const PROXIES: readonly (readonly [name: string, proxy: Proxy])[] = [
  ['http-proxy', byHttpProxy],
  [
    'http-proxy, which keeps the case of names',
    (target, tracker) => {
      const agent = propagate(new http.Agent())
      const proxy = httpProxy.createProxyServer({ target, agent, preserveHeaderKeyCase: true })
      return tracker.trackRequest((req: IncomingMessage, res: ServerResponse) => proxy.web(req, res))
    },
  ],
  [
    'http-proxy-middleware on Express',
    (target, tracker) =>
      express()
        .use(trackRequest({ tracker }))
        .use(createProxyMiddleware({ target, agent: propagate(new http.Agent({ keepAlive: true })) })),
  ],
  ['request() and an agent', sendOn(agentOf(propagate(new http.Agent())), ({ headers }) => headers)],
  ['raw headers and an agent', sendOn(agentOf(propagate(new http.Agent())), ({ rawHeaders }) => rawHeaders)],
  ['request()', sendOn(propagate(http.request), ({ headers }) => headers)],
  ['request() and raw headers', sendOn(propagate(http.request), ({ rawHeaders }) => rawHeaders)],
  [
    'the module',
    sendOn(
      (...args) => propagate(http).request(...(args as Parameters<typeof http.request>)),
      ({ headers }) => headers,
    ),
  ],
  [
    'fetch',
    (target, tracker) =>
      tracker.trackRequest(async (req: IncomingMessage, res: ServerResponse) => {
        const { connection: _, ...headers } = req.headers as Record<string, string>
        const answer = await fetch(target + (req.url ?? ''), {
          method: req.method ?? '',
          headers,
          body: await text(req),
        })
        res.setHeaders(answer.headers).end(await answer.text())
      }),
  ],
  [
    'fetch of a Request made of the incoming one',
    (target, tracker) => {
      const handle = tracker.trackRequest(async (incoming: Request) => {
        const answer = await fetch(new Request(target, incoming))
        return new Response(answer.body, answer)
      })
      const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
        const { connection: _, ...headers } = req.headers as Record<string, string>
        const answer = await handle(new Request(target, { method: 'POST', headers, body: await text(req) }))
        res.setHeaders(answer.headers).end(await answer.text())
      }
      return (req, res) => void serve(req, res)
    },
  ],
]

const servers: http.Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function listen(listener: RequestListener): Promise<string> {
  const server = http.createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

function recorder(options: Partial<TrackerOptions>): { tracker: Tracker; records: LifecycleRecord[] } {
  const sink = memorySink()
  const tracker = createTracker({ service: 'any', logger: false, sinks: [sink], ...options })
  return { tracker, records: sink.records }
}

/** Sends a request through a gateway to a catalog, and returns what each of the three saw. */
async function pass(
  proxy: Proxy,
  {
    gateway: gatewayOptions = {},
    catalog: catalogOptions = {},
    headers = FOREIGN,
  }: {
    readonly gateway?: Partial<TrackerOptions>
    readonly catalog?: Partial<TrackerOptions>
    readonly headers?: http.OutgoingHttpHeaders
  },
) {
  const [gateway, catalog] = [recorder(gatewayOptions), recorder(catalogOptions)]
  const arrived: string[][] = []
  const origin = await listen(
    catalog.tracker.trackRequest(async (req: IncomingMessage, res: ServerResponse) => {
      arrived.push(req.rawHeaders)
      res.end(await text(req))
    }),
  )
  const url = await listen(proxy(origin, gateway.tracker))
  const answer = await head(url, { method: 'POST', headers, body: 'tea' })
  expect(await text(answer)).toBe('tea')
  const [forwarded = []] = arrived
  return { gateway: gateway.records[0], catalog: catalog.records[0], forwarded, answered: answer.rawHeaders }
}

function valuesIn(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}

/** No foreign id is anywhere in what was forwarded or answered. */
function expectNothingForeign(...heads: readonly (readonly string[])[]): void {
  for (const rawHeaders of heads) expect(rawHeaders.join('\n')).not.toMatch(FOREIGN_IDS)
}

describe.each(PROXIES)('a gateway that passes requests on with %s', (_, proxy) => {
  test("is the parent of what it calls, and keeps its caller's trace", async () => {
    const { gateway, catalog, forwarded, answered } = await pass(proxy, {})
    expect(gateway).toMatchObject({ trace_id: 'foreign-1' })
    expect(catalog).toMatchObject({ trace_id: 'foreign-1', parent_id: parentOfCall(gateway?.request_id ?? '') })
    expect(valuesIn(forwarded, 'x-trace-id')).toEqual(['foreign-1'])
    expect(valuesIn(answered, 'x-trace-id')).toEqual(['foreign-1'])
  })

  test('passes no foreign id on, and answers with none', async () => {
    const { gateway, catalog, forwarded, answered } = await pass(proxy, {
      gateway: { trustIncoming: false, headers: { read: ['x-trace-id', 'x-request-id'] } },
      catalog: { headers: { read: ['x-request-id', 'x-trace-id'], echo: ['x-request-id', 'x-trace-id'] } },
    })
    const { trace_id = '', request_id = '' } = gateway ?? {}
    expect(catalog).toMatchObject({ trace_id, parent_id: parentOfCall(request_id) })
    expectNothingForeign(forwarded, answered)
    for (const name of ['x-trace-id', 'x-request-id']) expect(valuesIn(forwarded, name)).toEqual([trace_id])
    expect(valuesIn(answered, 'x-trace-id')).toEqual([trace_id])
  })

  test('passes no id on that it has rejected, and no tracestate without its parent', async () => {
    const headers = { 'X-Trace-ID': 'foreign 1', Traceparent: 'foreign-2', TraceState: 'foreign=3' }
    const { gateway, catalog, forwarded, answered } = await pass(proxy, { headers })
    expect(gateway).toMatchObject({ rejected_id: true })
    expect(catalog).toMatchObject({ trace_id: gateway?.trace_id, parent_id: parentOfCall(gateway?.request_id ?? '') })
    expect(catalog).not.toHaveProperty('rejected_id')
    expectNothingForeign(forwarded, answered)
    const alone = await pass(proxy, { headers: { tracestate: 'foreign=1' } })
    expectNothingForeign(alone.forwarded)
  })

  test("answers with its own id where the service that it calls has another one's", async () => {
    const { gateway, catalog, answered } = await pass(proxy, { catalog: { trustIncoming: false } })
    expect(catalog?.trace_id).not.toBe(gateway?.trace_id)
    expect(valuesIn(answered, 'x-trace-id')).toEqual([gateway?.trace_id])
  })
})

test('a gateway that is asked to continue sends no foreign id, with an agent', async () => {
  const { gateway, catalog, forwarded } = await pass(byHttpProxy, {
    gateway: { trustIncoming: false },
    headers: { ...FOREIGN, expect: '100-continue' },
  })
  expect(catalog).toMatchObject({ trace_id: gateway?.trace_id })
  expectNothingForeign(valuesIn(forwarded, 'x-trace-id'), valuesIn(forwarded, 'traceparent'))
})

test('what the application has set stays, also beside copied headers', async () => {
  const own = {
    traceparent: '00-11111111111111111111111111111111-2222222222222222-00',
    tracestate: FOREIGN.tracestate,
  }
  const { catalog, forwarded } = await pass(
    sendOn(agentOf(propagate(new http.Agent())), ({ headers }) => ({ ...headers, ...own })),
    {},
  )
  expect(catalog).toMatchObject({ trace_id: 'foreign-1' })
  expect(valuesIn(forwarded, 'traceparent')).toEqual([own.traceparent])
  expect(valuesIn(forwarded, 'tracestate')).toEqual([own.tracestate])
})
