import axios from 'axios'
import got from 'got'
import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import * as httpNamespace from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { headersOfCall, parentOfCall } from '../call-headers.ts'
import { propagate, type Target } from '../../src/adapters/http.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, INVALID, STATES, TRACE, VALID } from '../trace/w3c-vectors.ts'

const sink = memorySink()
const tracker = createTracker({ service: 'gateway', logger: false, sinks: [sink] })

interface ReceivedRequest {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  /** The client's port. */
  readonly from: number | undefined
}

const [requests, thirdPartyRequests]: [ReceivedRequest[], ReceivedRequest[]] = [[], []]
let catalog: http.Server
let thirdParty: http.Server
let port: number
let origin: string

beforeAll(async () => {
  thirdParty = http.createServer((req, res) => answer(req, res, thirdPartyRequests))
  const away = `http://127.0.0.1:${String(await listen(thirdParty))}/`
  catalog = http.createServer((req, res) => {
    if (req.url === '/silent') return
    if (req.url === '/away') res.writeHead(302, { location: away })
    if (req.url === '/home') res.writeHead(302, { location: '/there' })
    answer(req, res, requests)
  })
  catalog.on('checkContinue', (req, res) => {
    res.writeContinue()
    answer(req, res, requests)
  })
  port = await listen(catalog)
  origin = `http://127.0.0.1:${String(port)}/`
})

beforeEach(() => {
  requests.length = 0
  thirdPartyRequests.length = 0
})

afterAll(() => {
  for (const server of [catalog, thirdParty]) server.close().closeAllConnections()
})

function answer(req: IncomingMessage, res: http.ServerResponse, log: ReceivedRequest[]): void {
  log.push({ url: req.url, headers: req.headers, from: req.socket.remotePort })
  req.pipe(res)
}

/** Starts a server and returns its port. */
async function listen(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has an address of this type.
  return (server.address() as AddressInfo).port
}

/** Ends a request and reads its response. */
async function responseText(outgoing: ClientRequest, body?: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    outgoing.once('response', resolve).once('error', reject).end(body),
  )
  return text(response)
}

function traceOf({ 'x-trace-id': traceId, traceparent, tracestate }: IncomingHttpHeaders = {}): Record<
  string,
  unknown
> {
  return Object.fromEntries(
    Object.entries({ 'x-trace-id': traceId, traceparent, tracestate }).filter(([, value]) => value !== undefined),
  )
}

/** The trace headers of the last request that the catalog received. */
function arrived(): Record<string, unknown> {
  return traceOf(requests.at(-1)?.headers)
}

function stateful(): TrackedRequest {
  return tracker.start({ traceparent: GOOD, tracestate: 'vendor=1' })
}

type Options = Parameters<typeof propagate>[1]

/** `request` of each kind of client that can be wrapped. */
const SHAPES: readonly (readonly [string, (options?: Options) => typeof http.request])[] = [
  ['the module', (options) => propagate(http, options).request],
  ['request', (options) => propagate(http.request, options)],
  ['an agent', (options) => withAgent(propagate(new http.Agent(), options))],
  [
    'an agent with keep-alive',
    (options) => withAgent(propagate(new http.Agent({ keepAlive: true, maxSockets: 1 }), options)),
  ],
]

function withAgent(agent: http.Agent): typeof http.request {
  return (input: string | URL | RequestOptions, ...rest: unknown[]) => {
    const [options] = rest
    if (typeof input === 'object' && !(input instanceof URL)) return http.request({ ...input, agent })
    return http.request(input, { ...(typeof options === 'object' ? options : {}), agent })
  }
}

const FOREIGN = '00-11111111111111111111111111111111-2222222222222222-00'

describe.each(SHAPES)('%s', (_, wrapped) => {
  test.each<[string, (request: typeof http.request) => ClientRequest]>([
    ['a text', (request) => request(origin)],
    ['a URL', (request) => request(new URL(origin))],
    ['options', (request) => request({ host: '127.0.0.1', port, path: '/options' })],
    [
      'options of the legacy url.parse',
      (request) =>
        request({
          protocol: 'http:',
          hostname: '127.0.0.1',
          port: String(port),
          href: origin,
          path: '/',
        } as RequestOptions),
    ],
    ['a URL and options', (request) => request(origin, { method: 'POST', headers: { accept: 'text/plain' } })],
    [
      'a URL and options that are a class instance',
      (request) =>
        request(
          origin,
          new (class {
            readonly method = 'PUT'
          })(),
        ),
    ],
    ['an empty list of headers', (request) => request(origin, { headers: {} })],
  ])('the trace is added to %s', async (_, call) => {
    const request = stateful()
    expect(await request.run(() => responseText(call(wrapped())))).toBe('')
    expect(arrived()).toEqual(headersOfCall(request))
    expect(Object.keys(headersOfCall(request))).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
  })

  test('method, path, body and headers of the caller are not changed', async () => {
    const sent = { method: 'POST', headers: { 'content-type': 'text/x', accept: ['text/y', 'text/z'] } }
    expect(await stateful().run(() => responseText(wrapped()(`${origin}cups?of=tea`, sent), 'hello'))).toBe('hello')
    const [traced] = requests
    expect(traceOf(traced?.headers)).not.toEqual({})
    expect(await responseText(http.request(`${origin}cups?of=tea`, sent), 'hello')).toBe('hello')
    const without = { ...traced?.headers }
    for (const name of ['x-trace-id', 'traceparent', 'tracestate']) Reflect.deleteProperty(without, name)
    const plain = requests.at(-1)
    expect({ url: traced?.url, ...without }).toEqual({
      url: plain?.url,
      ...plain?.headers,
      connection: without.connection,
    })
  })

  test.each<[string, (names: readonly [string, string]) => RequestOptions]>([
    ['an object', ([id, parent]) => ({ headers: { [id]: 'theirs', [parent]: FOREIGN } })],
    [
      'an object, in upper case',
      ([id, parent]) => ({ headers: { [id.toUpperCase()]: 'theirs', [parent.toUpperCase()]: FOREIGN } }),
    ],
    [
      'a list',
      ([id, parent]) => ({
        headers: [id, 'theirs', parent.toUpperCase(), FOREIGN, 'Host', `127.0.0.1:${String(port)}`],
      }),
    ],
    [
      'a list of pairs',
      ([id, parent]) => ({
        headers: [
          [id, 'theirs'],
          [parent, FOREIGN],
          ['Host', `127.0.0.1:${String(port)}`],
        ] as unknown as string[],
      }),
    ],
  ])(
    "headers that the caller has set stay, in %s, and no tracestate is added to the caller's traceparent",
    async (_, options) => {
      await stateful().run(() => responseText(wrapped()(origin, options(['x-trace-id', 'traceparent']))))
      expect(arrived()).toEqual({ 'x-trace-id': 'theirs', traceparent: FOREIGN })
    },
  )

  test('missing trace headers are added to those that the caller has set', async () => {
    const request = stateful()
    await request.run(() => responseText(wrapped()(origin, { headers: { 'X-Trace-Id': 'theirs' } })))
    expect(arrived()).toEqual({ ...headersOfCall(request), 'x-trace-id': 'theirs' })
  })

  test.each<[string, RequestOptions, string]>([
    ['headers in a list', { headers: ['a', '1', 'A', '2', 'Host', 'localhost'] }, '1, 2'],
    [
      'headers in a list of pairs',
      {
        headers: [
          ['a', '1'],
          ['a', '2'],
          ['Host', 'localhost'],
        ] as unknown as string[],
      },
      '1, 2',
    ],
    ['Expect', { method: 'POST', headers: { a: '1', Expect: '100-continue' } }, '1'],
  ])('with %s too, which Node renders before it asks the agent', async (_, options, a) => {
    const request = stateful()
    expect(await request.run(() => responseText(wrapped()(origin, options), 'hello'))).toBe(
      options.method === 'POST' ? 'hello' : '',
    )
    expect(requests.at(-1)?.headers.a).toBe(a)
    expect(arrived()).toEqual(headersOfCall(request))
  })

  test('outside a request nothing is added', async () => {
    await responseText(wrapped()(origin))
    expect(arrived()).toEqual({})
  })

  test.each<[string, boolean, (at: string) => readonly Target[] | undefined]>([
    ['private hosts, by default', true, () => undefined],
    ['a name', true, () => ['127.0.0.1']],
    ['a name with its port', true, (at) => [`127.0.0.1:${at}`]],
    ['a pattern', true, () => [/^127\./g]],
    [
      'a function, which receives the whole URL',
      true,
      (at) => [(url) => url.href === `http://127.0.0.1:${at}/cups?of=tea`],
    ],
    ['no host at all', false, () => []],
    ['another name', false, () => ['catalog.internal']],
    ['another port', false, () => ['127.0.0.1:1']],
    ['a pattern that only matches the path', false, () => [/cups/]],
  ])('to %s: %s', async (_, reaches, to) => {
    const list = to(String(port))
    const call = wrapped(list === undefined ? {} : { to: list })
    const request = tracker.start()
    await request.run(() => responseText(call(`${origin}cups?of=tea`)))
    await request.run(() => responseText(call({ host: '127.0.0.1', port, path: '/cups?of=tea' })))
    expect(requests.map(({ headers }) => headers['x-trace-id'])).toEqual(
      reaches ? [request.traceId, request.traceId] : [undefined, undefined],
    )
  })

  describe('a request that names one host and is sent to another', () => {
    /** Resolves every name to the catalog's address. */
    const lookup: RequestOptions['lookup'] = (_name, { all }, done) => {
      if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }])
      else done(null, '127.0.0.1', 4)
    }

    test.each<[string, boolean, RequestOptions, (readonly Target[])?]>([
      ['a third party', false, { host: 'third-party.example' }],
      ['a third party that is a target', true, { host: 'third-party.example' }, ['third-party.example']],
      ['a third party through a private sidecar', false, { headers: { Host: 'third-party.example' } }],
      ['a private host through a private sidecar', true, { headers: { host: 'catalog.internal' } }],
      ['a target through a private sidecar', true, { headers: { host: 'catalog.example' } }, ['catalog.example']],
      [
        'a third party, with a forwarded Host header of a private host',
        false,
        { host: 'third-party.example', headers: { host: 'catalog.internal' } },
      ],
      [
        'a third party, with a forwarded Host header of a target',
        false,
        { host: 'third-party.example', headers: { host: 'catalog.internal' } },
        ['catalog.internal'],
      ],
      [
        'a target through another target',
        true,
        { host: 'proxy.example', headers: { host: 'a.example' } },
        ['a.example', 'proxy.example'],
      ],
      ['a third party through a private proxy', false, { path: 'http://third-party.example/' }],
      ['a target through a private proxy', true, { path: 'http://catalog.example/' }, ['catalog.example']],
      ['an unreadable Host header', true, { headers: { host: 'a b' } }],
    ])('to %s: %s', async (_, reaches, options, to) => {
      const request = tracker.start()
      await request.run(() =>
        responseText(wrapped(to === undefined ? {} : { to })({ host: '127.0.0.1', port, lookup, ...options })),
      )
      expect(arrived()).toEqual(reaches ? headersOfCall(request) : {})
    })
  })

  test('if a target function throws, the trace is not sent and the call is made', async () => {
    const call = wrapped({
      to: [
        () => {
          throw new Error('no idea')
        },
      ],
    })
    const request = tracker.start()
    await request.run(() => responseText(call(origin)))
    expect(arrived()).toEqual({})
    expect(sink.records.at(-1)).toMatchObject({
      lifecycle: 'note',
      event: 'PROPAGATE',
      request_id: request.requestId,
      error: { message: 'no idea' },
    })
  })

  test("errors are Node's own", async () => {
    const calls: ((request: typeof http.request) => ClientRequest)[] = [
      (request) => request('http://127.0.0.1:1/'),
      (request) => request('/relative'),
      (request) => request('https://127.0.0.1/'),
      (request) => request(origin, { method: 'not a method' }),
      (request) => request(origin, { path: '/a b' }),
      (request) => request(origin, { headers: { 'not a name': '' } }),
      (request) => request(origin, { headers: { a: 'not\na value' } }),
      (request) => request(origin, { headers: ['odd'] }),
      (request) => request(origin, { headers: [['a', '1'], 2] as unknown as string[] }),
      (request) => request(origin, { hostname: 7 } as unknown as RequestOptions),
      (request) =>
        request(
          origin,
          Object.defineProperty({}, 'headers', {
            enumerable: true,
            get: () => {
              throw new Error('no headers')
            },
          }),
        ),
    ]
    const failed = async (call: () => ClientRequest): Promise<unknown> => {
      try {
        return await responseText(call())
      } catch (error) {
        return error
      }
    }
    const client = wrapped()
    for (const call of calls) {
      const bare = await failed(() => call(http.request))
      expect(bare).toBeInstanceOf(Error)
      expect(await tracker.start().run(() => failed(() => call(client)))).toEqual(bare)
    }
    expect(requests).toEqual([])
  })

  describe('the vectors of W3C Trace Context', () => {
    async function sent(
      carrier: Record<string, string>,
    ): Promise<{ request: TrackedRequest; headers: Record<string, unknown> }> {
      const request = tracker.start(carrier)
      await request.run(() => responseText(wrapped()(origin)))
      return { request, headers: arrived() }
    }

    test('a valid traceparent is sent on with its trace and flags, and with this request as the parent', async () => {
      for (const [what, traceparent, flags] of VALID) {
        const { request, headers } = await sent({ traceparent, tracestate: 'foo=1' })
        expect(headers, what).toEqual({
          'x-trace-id': DASHED,
          traceparent: `00-${TRACE}-${parentOfCall(request.requestId)}-0${String(flags & 3)}`,
          tracestate: 'foo=1',
        })
      }
    })

    test('an invalid traceparent is not sent on, nor is its tracestate', async () => {
      for (const [what, traceparent] of INVALID) {
        const { request, headers } = await sent({ traceparent, tracestate: 'foo=1' })
        expect(headers, what).toEqual({
          'x-trace-id': request.traceId,
          traceparent: `00-${request.traceId.replaceAll('-', '')}-${parentOfCall(request.requestId)}-03`,
        })
      }
    })

    test('tracestates are sent on as the standard says', async () => {
      for (const [what, tracestate, passed] of STATES) {
        const { headers } = await sent({ traceparent: GOOD, tracestate })
        expect(headers.tracestate, what).toBe(passed)
      }
    })
  })
})

describe('the current request', () => {
  /** Makes a request, and returns the current request in each of its listeners. */
  async function currentInListeners(
    call: typeof http.request,
    options: RequestOptions,
  ): Promise<{ request: TrackedRequest; current: Record<string, unknown> }> {
    const request = tracker.start()
    const current: Record<string, unknown> = {}
    const note = (event: string) => () => {
      current[event] = currentRequest()
    }
    await request.run(async () => {
      await new Promise<void>((resolve) => {
        const outgoing = call({ host: '127.0.0.1', port, method: 'POST', ...options }, (response) => {
          note('callback')()
          for (const event of ['data', 'end']) response.on(event, note(event))
        })
        for (const event of ['socket', 'response', 'timeout', 'error']) outgoing.on(event, note(event))
        // On any other path, a timeout means a slow machine: the response is still to come.
        outgoing.on('timeout', () => options.path === '/silent' && outgoing.destroy(new Error('no response')))
        outgoing.on('close', () => resolve())
        outgoing.end('hello')
      })
    })
    return { request, current }
  }

  const CLIENTS: readonly (readonly [
    string,
    (agent: http.Agent) => { agent: http.Agent; request: typeof http.request },
  ])[] = [
    ['an agent', (agent) => ({ agent: propagate(agent), request: http.request })],
    ['request', (agent) => ({ agent, request: propagate(http.request) })],
    ['the module', (agent) => ({ agent, request: propagate(http).request })],
  ]

  test.each(CLIENTS)('%s: listeners on a pooled socket run in the context of their own request', async (_, of) => {
    const { agent, request } = of(new http.Agent({ keepAlive: true, maxSockets: 1 }))
    const both = [await currentInListeners(request, { agent }), await currentInListeners(request, { agent })]
    const waiting = await Promise.all([1, 2, 3].map(() => currentInListeners(request, { agent })))
    for (const { request: own, current } of [...both, ...waiting]) {
      expect(Object.keys(current).sort()).toEqual(['callback', 'data', 'end', 'response', 'socket'])
      for (const found of Object.values(current)) expect(found).toBe(own)
    }
    expect(new Set(requests.map(({ from }) => from)).size).toBe(1)
    expect(requests.map(({ headers }) => headers['x-trace-id'])).toEqual(
      [...both, ...waiting].map(({ request: own }) => own.traceId),
    )
    await responseText(request({ host: '127.0.0.1', port, agent }))
    expect(arrived()).toEqual({})
    expect(requests.at(-1)?.from).toBe(requests[0]?.from)
    agent.destroy()
  })

  test.each(CLIENTS)("%s: so do listeners of the agent's timeout, and of the error that follows", async (_, of) => {
    const { agent, request } = of(new http.Agent({ keepAlive: true, maxSockets: 1, timeout: 200 }))
    await currentInListeners(request, { agent })
    const { request: own, current } = await currentInListeners(request, { path: '/silent', agent })
    expect(Object.keys(current).sort()).toEqual(['error', 'socket', 'timeout'])
    for (const found of Object.values(current)) expect(found).toBe(own)
    agent.destroy()
  })
})

describe('redirects', () => {
  /** The trace ids that the catalog received, and then those that the third party received. */
  const traces = (): unknown[] => [
    requests.map(({ url, headers }) => [url, headers['x-trace-id']]),
    thirdPartyRequests.map(({ headers }) => traceOf(headers)),
  ]
  const to = (): { to: Target[] } => ({ to: [`127.0.0.1:${String(port)}`] })

  test.each<[string, (url: string) => Promise<string>]>([
    [
      'axios with an agent',
      async (url) =>
        (
          await axios
            .create({ httpAgent: propagate(new http.Agent({ keepAlive: true }), to()), proxy: false })
            .get<string>(url)
        ).statusText,
    ],
    [
      'axios with both agents',
      async (url) =>
        (
          await axios.get<string>(url, {
            httpAgent: propagate(new http.Agent(), to()),
            httpsAgent: propagate(new https.Agent(), to()),
            proxy: false,
          })
        ).statusText,
    ],
    [
      'got with an agent',
      (url) =>
        got
          .extend({ agent: { http: propagate(new http.Agent({ keepAlive: true }), to()) } })(url)
          .text(),
    ],
    [
      'got with request',
      (url) =>
        got
          .extend({ request: propagate(http.request, to()) })(url)
          .text(),
    ],
  ])('%s: a private host receives the trace at each hop, a third party does not', async (_, get) => {
    const request = tracker.start()
    await request.run(() => get(`${origin}home`))
    await request.run(() => get(`${origin}away`))
    expect(traces()).toEqual([
      [
        ['/home', request.traceId],
        ['/there', request.traceId],
        ['/away', request.traceId],
      ],
      [{}],
    ])
  })
})

describe('axios and got', () => {
  test('axios: bodies, headers, errors', async () => {
    const client = axios.create({
      baseURL: origin,
      httpAgent: propagate(new http.Agent({ keepAlive: true, maxSockets: 1 })),
      headers: { 'x-own': 'yes' },
      proxy: false,
    })
    const request = stateful()
    const { data } = await request.run(() => client.post<{ cups: number }>('/orders', { cups: 2 }))
    expect(data).toEqual({ cups: 2 })
    expect(arrived()).toEqual(headersOfCall(request))
    expect(requests.at(-1)?.headers['x-own']).toBe('yes')
    await request.run(() => client.get('/', { headers: { traceparent: FOREIGN } }))
    expect(arrived()).toEqual({ 'x-trace-id': request.traceId, traceparent: FOREIGN })
    await expect(request.run(() => client.get('http://127.0.0.1:1/'))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const both = [tracker.start(), tracker.start()]
    await Promise.all(both.map((each) => each.run(() => client.get(`/${each.traceId}`))))
    expect(requests.slice(-2).map(({ url, headers }) => `/${String(headers['x-trace-id'])}` === url)).toEqual([
      true,
      true,
    ])
  })

  test('axios with the module as its transport', async () => {
    const request = stateful()
    await request.run(() => axios.get(origin, { transport: propagate(http), maxRedirects: 0, proxy: false }))
    expect(arrived()).toEqual(headersOfCall(request))
  })

  test.each<[string, () => typeof got]>([
    ['request', () => got.extend({ request: propagate(http.request) })],
    ['agent', () => got.extend({ agent: { http: propagate(new http.Agent({ keepAlive: true })) } })],
  ])('got with %s: bodies, headers, retries, errors', async (_, client) => {
    const request = stateful()
    expect(
      await request.run(() =>
        client()
          .post(`${origin}orders`, { json: { cups: 2 }, headers: { 'x-own': 'yes' } })
          .json(),
      ),
    ).toEqual({ cups: 2 })
    expect(arrived()).toEqual(headersOfCall(request))
    expect(requests.at(-1)?.headers['x-own']).toBe('yes')
    await request.run(() => client()(origin, { headers: { traceparent: FOREIGN } }))
    expect(arrived()).toEqual({ 'x-trace-id': request.traceId, traceparent: FOREIGN })
    await expect(request.run(() => client()('http://127.0.0.1:1/', { retry: { limit: 0 } }))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('https, with a pre-shared key', () => {
  const secret = { psk: Buffer.from('d731ef57be09e5204f0b205b60627028', 'hex'), identity: 'gateway' }
  const trusting = {
    ciphers: 'PSK',
    maxVersion: 'TLSv1.2',
    pskCallback: () => secret,
    checkServerIdentity: () => undefined,
  } as const
  let server: https.Server
  let at: RequestOptions

  beforeAll(async () => {
    server = https.createServer({ ciphers: 'PSK', maxVersion: 'TLSv1.2', pskCallback: () => secret.psk }, (req, res) =>
      answer(req, res, requests),
    )
    at = { host: '127.0.0.1', port: await listen(server) }
  })

  afterAll(() => {
    server.close().closeAllConnections()
  })

  test.each<[string, (seenUrl: (url: URL) => boolean) => ClientRequest]>([
    ['the module', (url) => propagate(https, { to: [url] }).request({ ...at, ...trusting })],
    ['get of the module', (url) => propagate(https, { to: [url] }).get({ ...at, ...trusting })],
    ['request', (url) => propagate(https.request, { to: [url] })({ ...at, ...trusting })],
    ['a URL', (url) => propagate(https.request, { to: [url] })(`https://127.0.0.1:${String(at.port)}/`, trusting)],
    ['an agent', (url) => https.request({ ...at, agent: propagate(new https.Agent(trusting), { to: [url] }) })],
    [
      'an agent passed to request of node:http',
      (url) => propagate(http.request, { to: [url] })({ ...at, protocol: 'https:', agent: new https.Agent(trusting) }),
    ],
  ])('%s', async (_, call) => {
    const request = stateful()
    const urls: string[] = []
    await request.run(() => responseText(call((url) => urls.push(url.href) > 0)))
    expect(arrived()).toEqual(headersOfCall(request))
    expect(urls).toEqual([`https://127.0.0.1:${String(at.port)}/`])
  })
})

describe('the wrapped client', () => {
  test('outside a request passes arguments and result through unchanged', () => {
    const calls: unknown[][] = []
    const outgoing = new http.OutgoingMessage()
    const request = propagate((...args: unknown[]) => {
      calls.push(args)
      return outgoing
    })
    const args = [new URL(origin), { headers: {} }, () => undefined]
    expect(request(...args)).toBe(outgoing)
    expect(calls[0]).toHaveLength(args.length)
    for (const [index, arg] of args.entries()) expect(calls[0]?.[index]).toBe(arg)
    expect(outgoing.eventNames()).toEqual([])
  })

  test("does not change the caller's objects, even frozen ones, and calls the callback", async () => {
    const options = Object.freeze({ headers: Object.freeze({ a: '1' }), method: 'POST' })
    const list = Object.freeze({ headers: Object.freeze(['a', '1', 'host', 'localhost']) as string[] })
    const request = stateful()
    await request.run(async () => {
      await new Promise((resolve) => propagate(http).request(origin, options, resolve).end())
      expect(arrived()).toEqual(headersOfCall(request))
      await responseText(propagate(http.request)(new URL(origin), list))
      expect(arrived()).toEqual(headersOfCall(request, 2))
      await new Promise((resolve) => propagate(http).get(origin, resolve))
      await new Promise((resolve) => propagate(httpNamespace).get(new URL(origin), {}, resolve))
    })
    expect(requests.map(({ headers }) => headers['x-trace-id'])).toEqual(Array(4).fill(request.traceId))
    expect([options, list]).toEqual([
      { headers: { a: '1' }, method: 'POST' },
      { headers: ['a', '1', 'host', 'localhost'] },
    ])
  })

  test('a module keeps its members, and each call to propagate has its own hosts', async () => {
    const [wrapped, other] = [propagate(http), propagate(http, { to: ['catalog.internal'] })]
    expect([wrapped.Agent, wrapped.globalAgent, wrapped.METHODS]).toEqual([http.Agent, http.globalAgent, http.METHODS])
    expect(wrapped.request).not.toBe(http.request)
    const request = tracker.start()
    await request.run(() => responseText(wrapped.request(origin)))
    await request.run(() => responseText(other.request(origin)))
    await request.run(() => responseText(http.request(origin)))
    expect(requests.map(({ headers }) => headers['x-trace-id'])).toEqual([request.traceId, undefined, undefined])
  })

  test('an agent may be of a class with private fields, and is wrapped once', async () => {
    class Counting extends http.Agent {
      #made = 0
      override createConnection(...args: Parameters<http.Agent['createConnection']>) {
        this.#made += 1
        return super.createConnection(...args)
      }
      get made(): number {
        return this.#made
      }
    }
    const plain = new Counting({ keepAlive: true })
    const agent = propagate(plain)
    expect(agent).toBeInstanceOf(http.Agent)
    expect([propagate(agent), propagate(plain), propagate(plain, { to: [] })]).toEqual([agent, agent, agent])
    const request = tracker.start()
    await request.run(() => responseText(http.request(origin, { agent })))
    await request.run(() => responseText(http.request(origin, { agent })))
    expect(agent.made).toBe(1)
    expect(arrived()).toEqual(headersOfCall(request, 2))
    await request.run(() => responseText(http.request(origin, { agent: plain })))
    expect(arrived()).toEqual({})
    agent.destroy()
  })

  test.each([['catalog.internal'], [['']], [['http://catalog.internal/']], [['*']], [['a.*.b']], [[1]]])(
    'to: %j is rejected',
    (to) => {
      for (const client of [http, http.request, new http.Agent()]) {
        // Untyped callers may pass anything.
        expect(() => propagate(client, { to: to as unknown as Target[] })).toThrow(
          expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
        )
      }
    },
  )

  test('anything that is not a client is rejected', () => {
    // Untyped callers may pass anything.
    expect(() => propagate({} as unknown as http.Agent)).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
    )
  })

  test('has the type of the original', () => {
    expectTypeOf(propagate(http)).toEqualTypeOf<typeof http>()
    expectTypeOf(propagate(https)).toEqualTypeOf<typeof https>()
    expectTypeOf(propagate(http.request)).toEqualTypeOf<typeof http.request>()
    expectTypeOf(propagate(https.request)).toEqualTypeOf<typeof https.request>()
    expectTypeOf(propagate(http.globalAgent)).toEqualTypeOf<http.Agent>()
    expectTypeOf(propagate(new https.Agent())).toEqualTypeOf<https.Agent>()
    // @ts-expect-error fetch has its own propagate
    expectTypeOf(() => propagate(globalThis.fetch)).toBeFunction()
  })
})
