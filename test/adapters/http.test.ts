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
import { propagate, type Target } from '../../src/adapters/http.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { DASHED, GOOD, INVALID, STATES, TRACE, VALID } from '../trace/w3c-vectors.ts'

const sink = memorySink()
const tracker = createTracker({ service: 'gateway', logger: false, sinks: [sink] })

interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  /** The client's end of the connection. */
  readonly from: number | undefined
}

const [seen, seenByStranger]: [Seen[], Seen[]] = [[], []]
let catalog: http.Server
let stranger: http.Server
let port: number
let origin: string

beforeAll(async () => {
  stranger = http.createServer((req, res) => answer(req, res, seenByStranger))
  const away = `http://127.0.0.1:${String(await listen(stranger))}/`
  catalog = http.createServer((req, res) => {
    if (req.url === '/silent') return
    if (req.url === '/away') res.writeHead(302, { location: away })
    if (req.url === '/home') res.writeHead(302, { location: '/there' })
    answer(req, res, seen)
  })
  catalog.on('checkContinue', (req, res) => {
    res.writeContinue()
    answer(req, res, seen)
  })
  port = await listen(catalog)
  origin = `http://127.0.0.1:${String(port)}/`
})

beforeEach(() => {
  seen.length = 0
  seenByStranger.length = 0
})

afterAll(() => {
  for (const server of [catalog, stranger]) server.close().closeAllConnections()
})

function answer(req: IncomingMessage, res: http.ServerResponse, told: Seen[]): void {
  told.push({ url: req.url, headers: req.headers, from: req.socket.remotePort })
  req.pipe(res)
}

/** The port that a server then listens on. */
async function listen(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server on a TCP port has an address of this form.
  return (server.address() as AddressInfo).port
}

/** Ends a request and reads its answer. */
async function answered(outgoing: ClientRequest, body?: string): Promise<string> {
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

/** The trace headers of what the catalog saw last. */
function arrived(): Record<string, unknown> {
  return traceOf(seen.at(-1)?.headers)
}

function stateful(): TrackedRequest {
  return tracker.start({ traceparent: GOOD, tracestate: 'vendor=1' })
}

type Options = Parameters<typeof propagate>[1]

/** `request` in each of the shapes that are wrapped. */
const SHAPES: readonly (readonly [string, (options?: Options) => typeof http.request])[] = [
  ['the module', (options) => propagate(http, options).request],
  ['request', (options) => propagate(http.request, options)],
  ['an agent', (options) => withAgent(propagate(new http.Agent(), options))],
  [
    'an agent that keeps its sockets',
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

describe.each(SHAPES)('%s', (shape, wrapped) => {
  const early = !shape.startsWith('an agent')

  test.each<[string, (request: typeof http.request) => ClientRequest]>([
    ['a text', (request) => request(origin)],
    ['a URL', (request) => request(new URL(origin))],
    ['options', (request) => request({ host: '127.0.0.1', port, path: '/options' })],
    [
      'options of the old url.parse',
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
      'a URL and options of a class',
      (request) =>
        request(
          origin,
          new (class {
            readonly method = 'PUT'
          })(),
        ),
    ],
    ['an empty list of headers', (request) => request(origin, { headers: {} })],
  ])('the trace goes along with %s', async (_, call) => {
    const request = stateful()
    expect(await request.run(() => answered(call(wrapped())))).toBe('')
    expect(arrived()).toEqual(request.headers())
    expect(Object.keys(request.headers())).toEqual(['x-trace-id', 'traceparent', 'tracestate'])
  })

  test('what the caller sends arrives as it would without: method, path, body, headers', async () => {
    const sent = { method: 'POST', headers: { 'content-type': 'text/x', accept: ['text/y', 'text/z'] } }
    expect(await stateful().run(() => answered(wrapped()(`${origin}cups?of=tea`, sent), 'hello'))).toBe('hello')
    const [ours] = seen
    expect(traceOf(ours?.headers)).not.toEqual({})
    expect(await answered(http.request(`${origin}cups?of=tea`, sent), 'hello')).toBe('hello')
    const without = { ...ours?.headers }
    for (const name of ['x-trace-id', 'traceparent', 'tracestate']) Reflect.deleteProperty(without, name)
    const bare = seen.at(-1)
    expect({ url: ours?.url, ...without }).toEqual({ url: bare?.url, ...bare?.headers, connection: without.connection })
  })

  test.each<[string, (names: readonly [string, string]) => RequestOptions]>([
    ['an object', ([id, parent]) => ({ headers: { [id]: 'theirs', [parent]: FOREIGN } })],
    [
      'an object, in capitals',
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
    'headers that the caller set stay, in %s, and no tracestate of ours goes with a traceparent of theirs',
    async (_, options) => {
      await stateful().run(() => answered(wrapped()(origin, options(['x-trace-id', 'traceparent']))))
      expect(arrived()).toEqual({ 'x-trace-id': 'theirs', traceparent: FOREIGN })
    },
  )

  test('a header that the caller did not set is added to those that it did', async () => {
    const request = stateful()
    await request.run(() => answered(wrapped()(origin, { headers: { 'X-Trace-Id': 'theirs' } })))
    expect(arrived()).toEqual({ ...request.headers(), 'x-trace-id': 'theirs' })
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
  ])(
    `with %s ${early ? 'too' : 'the head is rendered before an agent is asked: it goes as it is'}`,
    async (_, options, a) => {
      const request = stateful()
      expect(await request.run(() => answered(wrapped()(origin, options), 'hello'))).toBe(
        options.method === 'POST' ? 'hello' : '',
      )
      expect(seen.at(-1)?.headers.a).toBe(a)
      expect(arrived()).toEqual(early ? request.headers() : {})
    },
  )

  test('outside of a request nothing is added', async () => {
    await answered(wrapped()(origin))
    expect(arrived()).toEqual({})
  })

  test.each<[string, boolean, (at: string) => readonly Target[] | undefined]>([
    ['hosts that are no third party, by default', true, () => undefined],
    ['a name', true, () => ['127.0.0.1']],
    ['a name with its port', true, (at) => [`127.0.0.1:${at}`]],
    ['a pattern', true, () => [/^127\./g]],
    [
      'a function, which sees the whole URL',
      true,
      (at) => [(url) => url.href === `http://127.0.0.1:${at}/cups?of=tea`],
    ],
    ['no host at all', false, () => []],
    ['another name', false, () => ['catalog.internal']],
    ['another port', false, () => ['127.0.0.1:1']],
    ['a pattern that only the path fits', false, () => [/cups/]],
  ])('to %s: %s', async (_, told, to) => {
    const list = to(String(port))
    const call = wrapped(list === undefined ? {} : { to: list })
    const request = tracker.start()
    await request.run(() => answered(call(`${origin}cups?of=tea`)))
    await request.run(() => answered(call({ host: '127.0.0.1', port, path: '/cups?of=tea' })))
    expect(seen.map(({ headers }) => headers['x-trace-id'])).toEqual(
      told ? [request.traceId, request.traceId] : [undefined, undefined],
    )
  })

  describe('a request that is for one and goes to another', () => {
    /** Any name is at the catalog's address. */
    const lookup: RequestOptions['lookup'] = (_name, { all }, found) => {
      if (all === true) found(null, [{ address: '127.0.0.1', family: 4 }])
      else found(null, '127.0.0.1', 4)
    }

    test.each<[string, boolean, RequestOptions, (readonly Target[])?]>([
      ['a stranger', false, { host: 'stranger.example' }],
      ['a stranger who is named', true, { host: 'stranger.example' }, ['stranger.example']],
      ['a stranger by way of a sidecar of ours', false, { headers: { Host: 'stranger.example' } }],
      ['a host of ours by way of a sidecar', true, { headers: { host: 'catalog.internal' } }],
      [
        'a host that is named, by way of a sidecar',
        true,
        { headers: { host: 'catalog.example' } },
        ['catalog.example'],
      ],
      [
        'a host of ours, so says a header that went on to a stranger',
        false,
        { host: 'stranger.example', headers: { host: 'catalog.internal' } },
      ],
      [
        'a host that is named, so says a header that went on to a stranger',
        false,
        { host: 'stranger.example', headers: { host: 'catalog.internal' } },
        ['catalog.internal'],
      ],
      [
        'a host that is named, by way of another that is',
        true,
        { host: 'proxy.example', headers: { host: 'a.example' } },
        ['a.example', 'proxy.example'],
      ],
      ['a stranger by way of a proxy of ours', false, { path: 'http://stranger.example/' }],
      [
        'a host that is named, by way of a proxy of ours',
        true,
        { path: 'http://catalog.example/' },
        ['catalog.example'],
      ],
      ['nobody that can be read', true, { headers: { host: 'a b' } }],
    ])('to %s: %s', async (_, told, options, to) => {
      const request = tracker.start()
      await request.run(() =>
        answered(wrapped(to === undefined ? {} : { to })({ host: '127.0.0.1', port, lookup, ...options })),
      )
      expect(arrived()).toEqual(told ? request.headers() : {})
    })
  })

  test('a function that throws has not said yes, and the call goes on', async () => {
    const call = wrapped({
      to: [
        () => {
          throw new Error('no idea')
        },
      ],
    })
    const request = tracker.start()
    await request.run(() => answered(call(origin)))
    expect(arrived()).toEqual({})
    expect(sink.records.at(-1)).toMatchObject({
      lifecycle: 'note',
      event: 'PROPAGATE',
      request_id: request.requestId,
      error: { message: 'no idea' },
    })
  })

  test('errors are those of node itself', async () => {
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
        return await answered(call())
      } catch (error) {
        return error
      }
    }
    const ours = wrapped()
    for (const call of calls) {
      const bare = await failed(() => call(http.request))
      expect(bare).toBeInstanceOf(Error)
      expect(await tracker.start().run(() => failed(() => call(ours)))).toEqual(bare)
    }
    expect(seen).toEqual([])
  })

  describe('the vectors of W3C Trace Context', () => {
    async function sent(
      carrier: Record<string, string>,
    ): Promise<{ request: TrackedRequest; headers: Record<string, unknown> }> {
      const request = tracker.start(carrier)
      await request.run(() => answered(wrapped()(origin)))
      return { request, headers: arrived() }
    }

    test('a traceparent that was read goes on with its trace and flags, and this request as the parent', async () => {
      for (const [what, traceparent, flags] of VALID) {
        const { request, headers } = await sent({ traceparent, tracestate: 'foo=1' })
        expect(headers, what).toEqual({
          'x-trace-id': DASHED,
          traceparent: `00-${TRACE}-${request.requestId}-0${String(flags & 3)}`,
          tracestate: 'foo=1',
        })
      }
    })

    test('one that was refused does not, nor does its tracestate', async () => {
      for (const [what, traceparent] of INVALID) {
        const { request, headers } = await sent({ traceparent, tracestate: 'foo=1' })
        expect(headers, what).toEqual({
          'x-trace-id': request.traceId,
          traceparent: `00-${request.traceId.replaceAll('-', '')}-${request.requestId}-03`,
        })
      }
    })

    test('a tracestate', async () => {
      for (const [what, tracestate, passed] of STATES) {
        const { headers } = await sent({ traceparent: GOOD, tracestate })
        expect(headers.tracestate, what).toBe(passed)
      }
    })
  })
})

describe('the request in hand', () => {
  /** A request to a path by a client, and all who are in hand while its listeners are called. */
  async function heard(
    call: typeof http.request,
    options: RequestOptions,
  ): Promise<{ request: TrackedRequest; inHand: Record<string, unknown> }> {
    const request = tracker.start()
    const inHand: Record<string, unknown> = {}
    const note = (event: string) => () => {
      inHand[event] = currentRequest()
    }
    await request.run(async () => {
      await new Promise<void>((resolve) => {
        const outgoing = call({ host: '127.0.0.1', port, method: 'POST', ...options }, (response) => {
          note('callback')()
          for (const event of ['data', 'end']) response.on(event, note(event))
        })
        for (const event of ['socket', 'response', 'timeout', 'error']) outgoing.on(event, note(event))
        // Else the machine is slow, and an answer is still to come.
        outgoing.on('timeout', () => options.path === '/silent' && outgoing.destroy(new Error('nobody answers')))
        outgoing.on('close', () => resolve())
        outgoing.end('hello')
      })
    })
    return { request, inHand }
  }

  const CLIENTS: readonly (readonly [
    string,
    (agent: http.Agent) => { agent: http.Agent; request: typeof http.request },
  ])[] = [
    ['an agent', (agent) => ({ agent: propagate(agent), request: http.request })],
    ['request', (agent) => ({ agent, request: propagate(http.request) })],
    ['the module', (agent) => ({ agent, request: propagate(http).request })],
  ]

  test.each(CLIENTS)(
    '%s: listeners on a pooled socket find the request that asked, not the one before',
    async (_, of) => {
      const { agent, request } = of(new http.Agent({ keepAlive: true, maxSockets: 1 }))
      const both = [await heard(request, { agent }), await heard(request, { agent })]
      const waiting = await Promise.all([1, 2, 3].map(() => heard(request, { agent })))
      for (const { request: asked, inHand } of [...both, ...waiting]) {
        expect(Object.keys(inHand).sort()).toEqual(['callback', 'data', 'end', 'response', 'socket'])
        for (const found of Object.values(inHand)) expect(found).toBe(asked)
      }
      expect(new Set(seen.map(({ from }) => from)).size).toBe(1)
      expect(seen.map(({ headers }) => headers['x-trace-id'])).toEqual(
        [...both, ...waiting].map(({ request: asked }) => asked.traceId),
      )
      await answered(request({ host: '127.0.0.1', port, agent }))
      expect(arrived()).toEqual({})
      expect(seen.at(-1)?.from).toBe(seen[0]?.from)
      agent.destroy()
    },
  )

  test.each(CLIENTS)("%s: so does a listener of the agent's timeout, and of the error that follows", async (_, of) => {
    const { agent, request } = of(new http.Agent({ keepAlive: true, maxSockets: 1, timeout: 200 }))
    await heard(request, { agent })
    const { request: asked, inHand } = await heard(request, { path: '/silent', agent })
    expect(Object.keys(inHand).sort()).toEqual(['error', 'socket', 'timeout'])
    for (const found of Object.values(inHand)) expect(found).toBe(asked)
    agent.destroy()
  })
})

describe('what a redirect takes along', () => {
  /** Who was told of which trace: by the catalog's requests, then by the stranger's. */
  const told = (): unknown[] => [
    seen.map(({ url, headers }) => [url, headers['x-trace-id']]),
    seenByStranger.map(({ headers }) => traceOf(headers)),
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
  ])('%s: a host of ours is told at each hop, a stranger is not', async (_, get) => {
    const request = tracker.start()
    await request.run(() => get(`${origin}home`))
    await request.run(() => get(`${origin}away`))
    expect(told()).toEqual([
      [
        ['/home', request.traceId],
        ['/there', request.traceId],
        ['/away', request.traceId],
      ],
      [{}],
    ])
  })
})

describe('axios and got as they are used', () => {
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
    expect(arrived()).toEqual(request.headers())
    expect(seen.at(-1)?.headers['x-own']).toBe('yes')
    await request.run(() => client.get('/', { headers: { traceparent: FOREIGN } }))
    expect(arrived()).toEqual({ 'x-trace-id': request.traceId, traceparent: FOREIGN })
    await expect(request.run(() => client.get('http://127.0.0.1:1/'))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const both = [tracker.start(), tracker.start()]
    await Promise.all(both.map((each) => each.run(() => client.get(`/${each.traceId}`))))
    expect(seen.slice(-2).map(({ url, headers }) => `/${String(headers['x-trace-id'])}` === url)).toEqual([true, true])
  })

  test('axios with the module as its transport', async () => {
    const request = stateful()
    await request.run(() => axios.get(origin, { transport: propagate(http), maxRedirects: 0, proxy: false }))
    expect(arrived()).toEqual(request.headers())
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
    expect(arrived()).toEqual(request.headers())
    expect(seen.at(-1)?.headers['x-own']).toBe('yes')
    await request.run(() => client()(origin, { headers: { traceparent: FOREIGN } }))
    expect(arrived()).toEqual({ 'x-trace-id': request.traceId, traceparent: FOREIGN })
    await expect(request.run(() => client()('http://127.0.0.1:1/', { retry: { limit: 0 } }))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('https, by a key that both sides have', () => {
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
      answer(req, res, seen),
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
      'an agent that request of node:http is given',
      (url) => propagate(http.request, { to: [url] })({ ...at, protocol: 'https:', agent: new https.Agent(trusting) }),
    ],
  ])('%s', async (_, call) => {
    const request = stateful()
    const urls: string[] = []
    await request.run(() => answered(call((url) => urls.push(url.href) > 0)))
    expect(arrived()).toEqual(request.headers())
    expect(urls).toEqual([`https://127.0.0.1:${String(at.port)}/`])
  })
})

describe('it stands for what it wraps', () => {
  test('outside of a request node is called with what was given, and what it gives is given back', () => {
    const calls: unknown[][] = []
    const outgoing = new http.OutgoingMessage()
    const request = propagate((...args: unknown[]) => {
      calls.push(args)
      return outgoing
    })
    const args = [new URL(origin), { headers: {} }, () => undefined]
    expect(request(...args)).toBe(outgoing)
    expect(calls[0]).toEqual(args)
    expect(calls[0]?.every((arg, index) => arg === args[index])).toBe(true)
    expect(outgoing.eventNames()).toEqual([])
  })

  test('what the caller gave stays as it was, frozen and all; the callback is called', async () => {
    const options = Object.freeze({ headers: Object.freeze({ a: '1' }), method: 'POST' })
    const list = Object.freeze({ headers: Object.freeze(['a', '1', 'host', 'localhost']) as string[] })
    const request = stateful()
    await request.run(async () => {
      await new Promise((resolve) => propagate(http).request(origin, options, resolve).end())
      expect(arrived()).toEqual(request.headers())
      await answered(propagate(http.request)(new URL(origin), list))
      expect(arrived()).toEqual(request.headers())
      await new Promise((resolve) => propagate(http).get(origin, resolve))
      await new Promise((resolve) => propagate(httpNamespace).get(new URL(origin), {}, resolve))
    })
    expect(seen.map(({ headers }) => headers['x-trace-id'])).toEqual(Array(4).fill(request.traceId))
    expect([options, list]).toEqual([
      { headers: { a: '1' }, method: 'POST' },
      { headers: ['a', '1', 'host', 'localhost'] },
    ])
  })

  test('a module has all that it had, and each call to propagate has hosts of its own', async () => {
    const [ours, others] = [propagate(http), propagate(http, { to: ['catalog.internal'] })]
    expect([ours.Agent, ours.globalAgent, ours.METHODS]).toEqual([http.Agent, http.globalAgent, http.METHODS])
    expect(ours.request).not.toBe(http.request)
    const request = tracker.start()
    await request.run(() => answered(ours.request(origin)))
    await request.run(() => answered(others.request(origin)))
    await request.run(() => answered(http.request(origin)))
    expect(seen.map(({ headers }) => headers['x-trace-id'])).toEqual([request.traceId, undefined, undefined])
  })

  test('an agent is one, may be of a class with secrets, and is wrapped once', async () => {
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
    await request.run(() => answered(http.request(origin, { agent })))
    await request.run(() => answered(http.request(origin, { agent })))
    expect(agent.made).toBe(1)
    expect(arrived()).toEqual(request.headers())
    await request.run(() => answered(http.request(origin, { agent: plain })))
    expect(arrived()).toEqual({})
    agent.destroy()
  })

  test.each([['catalog.internal'], [['']], [['http://catalog.internal/']], [['*']], [['a.*.b']], [[1]]])(
    'to: %j cannot be used',
    (to) => {
      for (const client of [http, http.request, new http.Agent()]) {
        // What a user without types may give.
        expect(() => propagate(client, { to: to as unknown as Target[] })).toThrow(
          expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
        )
      }
    },
  )

  test('what is no client cannot be wrapped', () => {
    // What a user without types may give.
    expect(() => propagate({} as unknown as http.Agent)).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
    )
  })

  test('by their types they are what they were', () => {
    expectTypeOf(propagate(http)).toEqualTypeOf<typeof http>()
    expectTypeOf(propagate(https)).toEqualTypeOf<typeof https>()
    expectTypeOf(propagate(http.request)).toEqualTypeOf<typeof http.request>()
    expectTypeOf(propagate(https.request)).toEqualTypeOf<typeof https.request>()
    expectTypeOf(propagate(http.globalAgent)).toEqualTypeOf<http.Agent>()
    expectTypeOf(propagate(new https.Agent())).toEqualTypeOf<https.Agent>()
    // @ts-expect-error: fetch has a propagate of its own
    expectTypeOf(() => propagate(globalThis.fetch)).toBeFunction()
  })
})
