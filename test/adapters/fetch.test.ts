import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isPrivateHost } from '../../src/adapters/_private-host.ts'
import { propagate, type Target } from '../../src/adapters/fetch.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import { createTracker } from '../../src/handlers/track-request.ts'

const sink = memorySink()
const tracker = createTracker({ service: 'gateway', logger: false, sinks: [sink] })
const seen: IncomingHttpHeaders[] = []
let server: Server
let port: number
let origin: string

beforeAll(async () => {
  server = createServer((req, res) => {
    seen.push(req.headers)
    if (req.url === '/away') res.writeHead(302, { location: `http://127.0.0.1:${String(port)}/there` }).end()
    else req.pipe(res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server on a TCP port has an address of this form.
  port = (server.address() as AddressInfo).port
  origin = `http://localhost:${String(port)}`
})

beforeEach(() => {
  seen.length = 0
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

/** The trace headers of what the server saw last. */
function arrived(): Record<string, unknown> {
  const { 'x-trace-id': traceId, traceparent, tracestate } = seen.at(-1) ?? {}
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
    'a Request, and init beside it',
    (fetch) => fetch(new Request(origin, { headers: { a: 'not sent' } }), { headers: { accept: 'text/plain' } }),
  ],
  ['init alone', (fetch) => fetch(origin, { method: 'POST', body: 'hello', headers: [['accept', 'text/plain']] })],
])('the trace goes along with %s', async (_, call) => {
  const request = stateful()
  const response = await request.run(() => call(propagate(globalThis.fetch)))
  expect(response.status).toBe(200)
  expect(arrived()).toEqual(request.headers())
  expect(Object.keys(request.headers())).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
  expect(seen.at(-1)?.a).toBeUndefined()
})

test('what the caller sends arrives as it would without: method, body, headers', async () => {
  const fetch = propagate(globalThis.fetch)
  const request = tracker.start()
  const post = new Request(origin, {
    method: 'POST',
    body: 'hello',
    headers: { 'content-type': 'text/x', accept: 'text/y' },
  })
  expect(await (await request.run(() => fetch(post))).text()).toBe('hello')
  expect(seen.at(-1)).toMatchObject({ 'content-type': 'text/x', accept: 'text/y', 'x-trace-id': request.traceId })
})

test('headers that the caller set stay, in whatever form they came', async () => {
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

test('a header that the caller did not set is added to those that it did', async () => {
  const request = stateful()
  await request.run(() => propagate(globalThis.fetch)(origin, { headers: { 'x-trace-id': 'theirs' } }))
  expect(arrived()).toEqual({ ...request.headers(), 'x-trace-id': 'theirs' })
})

test('outside of a request nothing is added', async () => {
  await propagate(globalThis.fetch)(origin)
  expect(arrived()).toEqual({})
})

test.each<[string, boolean, (port: string) => readonly Target[]]>([
  ['a name', true, () => ['localhost']],
  ['a name in capitals', true, () => ['LOCALHOST']],
  ['a name with its port', true, (at) => [`localhost:${at}`]],
  ['a pattern', true, () => [/^local/g]],
  ['a function', true, (at) => [(url) => url.port === at]],
  ['the second of two', true, () => ['catalog.internal', 'localhost']],
  ['no host at all', false, () => []],
  ['another name', false, () => ['catalog.internal']],
  ['another port', false, () => ['localhost:1']],
  ['names below it', false, () => ['*.localhost']],
  ['a pattern that only the path fits', false, () => [/catalog/]],
])('to %s: %s', async (_, told, to) => {
  const request = tracker.start()
  const fetch = propagate(globalThis.fetch, { to: to(String(port)) })
  await request.run(() => fetch(`${origin}/catalog`))
  await request.run(() => fetch(`${origin}/catalog`))
  expect(seen.map((headers) => headers['x-trace-id'])).toEqual(
    told ? [request.traceId, request.traceId] : [undefined, undefined],
  )
})

test('names below one are told, whatever their depth, and the name itself is not', async () => {
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

test('a function that throws has not said yes, and the call goes on', async () => {
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

test('errors are those of fetch itself', async () => {
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
      const [bare, ours] = await Promise.allSettled([call(globalThis.fetch), call(fetch)])
      expect(ours).toEqual(bare)
      expect(ours.status).toBe('rejected')
    }
  })
})

test('a redirect takes the headers along, as fetch does with all but credentials; with redirect: manual it does not', async () => {
  const fetch = propagate(globalThis.fetch, { to: ['localhost'] })
  const request = tracker.start()
  const followed = await request.run(() => fetch(`${origin}/away`, { headers: { authorization: 'secret' } }))
  expect(followed.url).toBe(`http://127.0.0.1:${String(port)}/there`)
  expect(seen.map((headers) => [headers['x-trace-id'], headers.authorization])).toEqual([
    [request.traceId, 'secret'],
    [request.traceId, undefined],
  ])
  seen.length = 0
  await request.run(() => fetch(`${origin}/away`, { redirect: 'manual' }))
  expect(seen).toHaveLength(1)
})

test.each([['catalog.internal'], [['']], [['http://catalog.internal/']], [['*']], [['a.*.b']], [[1]]])(
  'to: %j cannot be used',
  (to) => {
    // What a user without types may give.
    expect(() => propagate(globalThis.fetch, { to: to as unknown as Target[] })).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
    )
  },
)

describe('a host that cannot be a third party', () => {
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
