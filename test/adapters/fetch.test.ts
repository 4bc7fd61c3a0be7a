import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { headersOfCall } from '../call-headers.ts'
import { isPrivateHost } from '../../src/adapters/_private-host.ts'
import { propagate, type Target } from '../../src/adapters/fetch.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import { createTracker } from '../../src/handlers/track-request.ts'

const sink = memorySink()
const tracker = createTracker({ service: 'gateway', logger: false, sinks: [sink] })
const received: IncomingHttpHeaders[] = []
let server: Server
let port: number
let origin: string

beforeAll(async () => {
  server = createServer((req, res) => {
    received.push(req.headers)
    if (req.url === '/away') res.writeHead(302, { location: `http://127.0.0.1:${String(port)}/there` }).end()
    else req.pipe(res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has an address of this type.
  port = (server.address() as AddressInfo).port
  origin = `http://localhost:${String(port)}`
})

beforeEach(() => {
  received.length = 0
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

/** The trace headers of the last request that the server received. */
function arrived(): Record<string, unknown> {
  const { 'x-trace-id': traceId, traceparent, tracestate } = received.at(-1) ?? {}
  return Object.fromEntries(
    Object.entries({ 'x-trace-id': traceId, traceparent, tracestate }).filter(([, value]) => value !== undefined),
  )
}

function stateful() {
  return tracker.start({
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=1',
  })
}

test.each<[string, (fetch: typeof globalThis.fetch) => Promise<Response>]>([
  ['a text', (fetch) => fetch(origin)],
  ['a URL', (fetch) => fetch(new URL(origin))],
  ['a Request', (fetch) => fetch(new Request(origin))],
  [
    'a Request and init',
    (fetch) => fetch(new Request(origin, { headers: { a: 'not sent' } }), { headers: { accept: 'text/plain' } }),
  ],
  ['init alone', (fetch) => fetch(origin, { method: 'POST', body: 'hello', headers: [['accept', 'text/plain']] })],
])('the trace is added to %s', async (_, call) => {
  const request = stateful()
  const response = await request.run(() => call(propagate(globalThis.fetch)))
  expect(response.status).toBe(200)
  expect(arrived()).toEqual(headersOfCall(request))
  expect(Object.keys(headersOfCall(request))).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
  expect(received.at(-1)?.a).toBeUndefined()
})

test('a call whose signal was aborted before is not sent, and takes no number', async () => {
  const request = tracker.start()
  const fetch = propagate(globalThis.fetch)
  await expect(request.run(() => fetch('http://127.0.0.1:1', { signal: AbortSignal.abort() }))).rejects.toThrow(
    'aborted',
  )
  expect(request.calls).toBe(0)
})

test('method, body and headers of the caller are not changed', async () => {
  const fetch = propagate(globalThis.fetch)
  const request = tracker.start()
  const post = new Request(origin, {
    method: 'POST',
    body: 'hello',
    headers: { 'content-type': 'text/x', accept: 'text/y' },
  })
  expect(await (await request.run(() => fetch(post))).text()).toBe('hello')
  expect(received.at(-1)).toMatchObject({ 'content-type': 'text/x', accept: 'text/y', 'x-trace-id': request.traceId })
})

test('trace headers that the caller has set stay, in every form of headers', async () => {
  const fetch = propagate(globalThis.fetch)
  const theirs = { 'X-Trace-ID': 'theirs', Traceparent: '00-11111111111111111111111111111111-2222222222222222-00' }
  const sent = { 'x-trace-id': 'theirs', traceparent: '00-11111111111111111111111111111111-2222222222222222-00' }
  const init = Object.freeze({ headers: Object.freeze({ ...theirs }) })
  await stateful().run(async () => {
    await fetch(origin, init)
    expect(arrived()).toEqual(sent)
    await fetch(origin, { headers: new Headers(theirs) })
    expect(arrived()).toEqual(sent)
    await fetch(new Request(origin, { headers: Object.entries(theirs) }))
    expect(arrived()).toEqual(sent)
  })
  expect(init).toEqual({ headers: theirs })
})

test('missing trace headers are added to those that the caller has set', async () => {
  const request = stateful()
  await request.run(() => propagate(globalThis.fetch)(origin, { headers: { 'x-trace-id': 'theirs' } }))
  expect(arrived()).toEqual({ ...headersOfCall(request), 'x-trace-id': 'theirs' })
})

test('outside a request nothing is added', async () => {
  await propagate(globalThis.fetch)(origin)
  expect(arrived()).toEqual({})
})

test.each<[string, boolean, (port: string) => readonly Target[]]>([
  ['a name', true, () => ['localhost']],
  ['a name in upper case', true, () => ['LOCALHOST']],
  ['a name with its port', true, (at) => [`localhost:${at}`]],
  ['a pattern', true, () => [/^local/g]],
  ['a function', true, (at) => [(url) => url.port === at]],
  ['the second of two', true, () => ['catalog.internal', 'localhost']],
  ['no host at all', false, () => []],
  ['another name', false, () => ['catalog.internal']],
  ['another port', false, () => ['localhost:1']],
  ['the names below it', false, () => ['*.localhost']],
  ['a pattern that only matches the path', false, () => [/catalog/]],
])('to %s: %s', async (_, reaches, to) => {
  const request = tracker.start()
  const fetch = propagate(globalThis.fetch, { to: to(String(port)) })
  await request.run(() => fetch(`${origin}/catalog`))
  await request.run(() => fetch(`${origin}/catalog`))
  expect(received.map((headers) => headers['x-trace-id'])).toEqual(
    reaches ? [request.traceId, request.traceId] : [undefined, undefined],
  )
})

test("'*.' and a name matches the names below it at any depth, and not the name itself", async () => {
  const hosts: string[] = []
  const sent = (input: string, init?: RequestInit): Promise<Response> => {
    if (new Headers(init?.headers).has('x-trace-id')) hosts.push(new URL(input).hostname)
    return Promise.resolve(new Response())
  }
  const fetch = propagate(sent, { to: ['*.svc.local'] })
  await tracker.start().run(async () => {
    for (const host of ['a.svc.local', 'b.a.svc.local', 'svc.local', 'evilsvc.local', 'a.svc.local.evil.com'])
      await fetch(`http://${host}/`)
  })
  expect(hosts).toEqual(['a.svc.local', 'b.a.svc.local'])
})

test('if a target function throws, the trace is not sent and the call is made', async () => {
  const fetch = propagate(globalThis.fetch, {
    to: [
      () => {
        throw new Error('no idea')
      },
    ],
  })
  const request = tracker.start()
  expect((await request.run(() => fetch(origin))).status).toBe(200)
  expect(arrived()).toEqual({})
  expect(sink.records.at(-1)).toMatchObject({
    lifecycle: 'note',
    event: 'PROPAGATE',
    request_id: request.requestId,
    error: { message: 'no idea' },
  })
})

test("errors are fetch's own", async () => {
  const fetch = propagate(globalThis.fetch)
  const calls: ((fetch: typeof globalThis.fetch) => Promise<Response>)[] = [
    (either) => either('http://127.0.0.1:1/'),
    (either) => either('/relative'),
    (either) => either(origin, { headers: { 'bad name': '1' } }),
    (either) => either(origin, { signal: AbortSignal.abort() }),
    (either) => either(origin, { method: 'GET', body: 'no' }),
  ]
  await tracker.start().run(async () => {
    for (const call of calls) {
      const [plain, wrapped] = await Promise.allSettled([call(globalThis.fetch), call(fetch)])
      expect(wrapped).toEqual(plain)
      expect(wrapped.status).toBe('rejected')
    }
  })
})

test('a followed redirect sends the trace headers along, as fetch does with all headers but credentials; redirect: manual does not', async () => {
  const fetch = propagate(globalThis.fetch, { to: ['localhost'] })
  const request = tracker.start()
  const followed = await request.run(() => fetch(`${origin}/away`, { headers: { authorization: 'secret' } }))
  expect(followed.url).toBe(`http://127.0.0.1:${String(port)}/there`)
  expect(received.map((headers) => [headers['x-trace-id'], headers.authorization])).toEqual([
    [request.traceId, 'secret'],
    [request.traceId, undefined],
  ])
  received.length = 0
  await request.run(() => fetch(`${origin}/away`, { redirect: 'manual' }))
  expect(received).toHaveLength(1)
})

test.each([['catalog.internal'], [['']], [['http://catalog.internal/']], [['*']], [['a.*.b']], [[1]]])(
  'to: %j is rejected',
  (to) => {
    // Untyped callers may pass anything.
    expect(() => propagate(globalThis.fetch, { to: to as unknown as Target[] })).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
    )
  },
)

describe('a private host', () => {
  test.each([
    'localhost',
    'catalog',
    '127.0.0.1',
    '127.1.2.3',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.1.1',
    '[::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fe80::1]',
    '[::ffff:10.0.0.1]',
    'catalog.internal',
    'printer.local',
    'app.localhost',
    'catalog.shop.svc',
    'catalog.shop.svc.cluster.local',
    'catalog.shop.svc.cluster.local.',
  ])('%s', (host) => {
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(true)
  })

  test.each([
    'example.com',
    'api.stripe.com',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '11.0.0.1',
    '100.64.0.1',
    '[2001:db8::1]',
    '[::ffff:8.8.8.8]',
    'internal.example.com',
    'local.evil.com',
    'evil-local.com',
    'notinternal.com',
    'com.',
    '10.0.0.1.nip.io',
  ])('not %s', (host) => {
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(false)
  })
})
