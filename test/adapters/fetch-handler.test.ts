import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import type { FetchHandler, FetchHandlerOptions } from '../../src/handlers/fetch-handler.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { summarizeTransitions, trackerFixture, summarize } from '../tracker-fixture.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { listenFetch, listenFetchSecurely } from './http-servers.ts'
import { optionsFor, type Scenario } from './http-host.ts'
import { ask } from './http-client.ts'
import { responseOf, streamOf } from './fetch-response.ts'

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield await Promise.resolve(value)
}

function tracked({ tracker, handle, ...own }: Scenario): (request: Request, env?: unknown) => Promise<Response> {
  const header = (request: Request) => (name: string) => request.headers.get(name) ?? undefined
  const options: FetchHandlerOptions = {
    ...optionsFor(own, header),
  }
  return tracker.trackRequest((request: Request, _env?: unknown) => {
    const answer = handle({ header: header(request), body: () => request.text() })
    return answer instanceof Promise ? answer.then(responseOf) : responseOf(answer)
  }, options)
}

describeHttpAdapter('fetch-style, on @hono/node-server', (scenario) => listenFetch(tracked(scenario)), {
  https: (scenario) => listenFetchSecurely(tracked(scenario)),
})

describeHttpAdapter('fetch-style, on a host that passes no request of Node along', (scenario) => {
  const fetch = tracked(scenario)
  return listenFetch((request) => fetch(request))
})

/** A handler that ignores its request. */
function answering(answer: () => Response): FetchHandler<[]> {
  return answer
}

describe('fetch-style handlers beyond the contract', () => {
  const url = 'http://example.test/orders?token=hush'

  test('the parts of a body are passed on unchanged, and the request ends with the body', async () => {
    const { tracker, records } = trackerFixture()
    const chunks = [new Uint8Array([1, 2]), new Uint8Array([]), new Uint8Array([3])]
    const fetch = tracker.trackRequest(
      answering(
        () => new Response(streamOf(each(chunks)), { status: 201, statusText: 'Made', headers: { 'x-own': 'yes' } }),
      ),
    )
    const answer = await fetch(new Request(url))
    expect([answer.status, answer.statusText, answer.headers.get('x-own'), answer.headers.get('x-trace-id')]).toEqual([
      201,
      'Made',
      'yes',
      'trace-1',
    ])
    expect(records.at(-1)).toMatchObject({ state: 'Processing' })
    const read: unknown[] = []
    for await (const chunk of answer.body ?? []) read.push(chunk)
    expect(read).toEqual(chunks)
    expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'ok', status: 201 })
    expect(records[0]).toMatchObject({ method: 'GET', path: '/orders' })
    expect(JSON.stringify(records)).not.toContain('hush')
  })

  test.each([
    ['is cancelled', 'aborted', async (body: ReadableStream<Uint8Array>) => body.cancel('enough')],
    [
      'fails',
      'error',
      async (body: ReadableStream<Uint8Array>) => expect(new Response(body).text()).rejects.toThrow('torn'),
    ],
  ])('a body that %s ends the request with its outcome', async (_, outcome, read) => {
    const { tracker, records } = trackerFixture()
    const cancelled: unknown[] = []
    const body = (): ReadableStream =>
      new ReadableStream(
        {
          pull: (controller) => (outcome === 'error' ? controller.error(new Error('torn')) : deferred().promise),
          cancel: (reason) => void cancelled.push(reason),
        },
        { highWaterMark: 0 },
      )
    const answer = await tracker.trackRequest(answering(() => new Response(body())))(new Request(url))
    if (answer.body !== null) await read(answer.body)
    expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome, status: 200 })
    expect(cancelled).toEqual(outcome === 'aborted' ? ['enough'] : [])
  })

  test.each<[what: string, body: BodyInit | null]>([
    ['a text', 'one kettle'],
    ['no text', ''],
    ['bytes', new Uint8Array(300_000).fill(7)],
    ['nothing', null],
  ])('a host is given %s as a whole, and the request has ended', async (_, body) => {
    const { tracker, records } = trackerFixture()
    const fetch = tracker.trackRequest(answering(() => new Response(body)))
    const answer = await fetch(new Request(url))
    expect(summarizeTransitions(records).at(-1)).toBe('3 RESPOND Responded ok')
    expect(answer.headers.get('x-trace-id')).toBe('trace-1')
    expect(answer.headers.get('content-type')).toBe(new Response(body).headers.get('content-type'))
    expect(await answer.text()).toBe(await new Response(body).text())
  })

  test('a response that several requests are answered with does not get the id of one of them', async () => {
    const { tracker } = trackerFixture()
    const none = new Response(null, { status: 204 })
    const fetch = tracker.trackRequest(answering(() => none))
    const ids = [await fetch(new Request(url)), await fetch(new Request(url))].map(({ headers }) =>
      headers.get('x-trace-id'),
    )
    expect([...ids, none.headers.get('x-trace-id')]).toEqual(['trace-1', 'trace-2', null])
  })

  test('a response whose headers cannot be changed', async () => {
    const { tracker, records } = trackerFixture()
    const fetch = tracker.trackRequest(answering(() => Response.redirect('http://example.test/elsewhere')))
    const { status, headers } = await fetch(new Request(url))
    expect([status, headers.get('location'), headers.get('x-trace-id')]).toEqual([
      302,
      'http://example.test/elsewhere',
      'trace-1',
    ])
    expect(records.at(-1)).toMatchObject({ outcome: 'ok', status: 302 })
  })

  test('a response whose body was read already is left to the host, and is an error', async () => {
    const { tracker, records } = trackerFixture()
    const used = new Response('once')
    await used.text()
    expect(await tracker.trackRequest(answering(() => used))(new Request(url))).toBe(used)
    expect(records.at(-1)).toMatchObject({ outcome: 'error', error: { type: 'TypeError' } })
    expect(tracker.stats.faults).toBe(0)
  })

  test.each([
    ['a WebSocket', { upgrade: 'websocket' }, { outcome: 'ok', status: 101 }],
    ['nothing else', {}, { outcome: 'error', error: { type: 'TypeError' } }],
  ])('a handler of Bun that returns nothing, for a request that asks for %s', async (_, headers: HeadersInit, end) => {
    const { tracker, records } = trackerFixture()
    const fetch = tracker.trackRequest((request: Request) => (request.url === url ? undefined : new Response('fine')))
    expectTypeOf(fetch).returns.toEqualTypeOf<Promise<Response | undefined>>()
    expect(await fetch(new Request(url, { headers }))).toBeUndefined()
    expect(records.at(-1)).toMatchObject({ state: 'Responded', ...end })
    expect(tracker.inFlight()).toEqual([])
  })

  describe('a fault of ours', () => {
    /** Parts of a tracker that a request calls, in this order. */
    const parts = ['onStarted', 'emit', 'onTransition', 'beforeHandler'] as const

    function failing(part: (typeof parts)[number]): { readonly tracker: Tracker; readonly failures: () => number } {
      const { tracker } = trackerFixture()
      let failures = 0
      const value = (): never => {
        failures += 1
        throw new Error('ours')
      }
      Object.defineProperty(tracker.core, part, { value })
      return { tracker, failures: () => failures }
    }

    test.each(parts)('in %s does not change the answer, and is counted', async (part) => {
      const { tracker, failures } = failing(part)
      const answer = await tracker.trackRequest(answering(() => new Response('fine')))(new Request(url))
      expect([answer.status, await answer.text()]).toEqual([200, 'fine'])
      expect(failures()).toBeGreaterThan(0)
      expect(tracker.stats.faults).toBeGreaterThan(0)
    })

    test.each(parts)('in %s leaves it to the check of the application who is served', async (part) => {
      const { tracker, failures } = failing(part)
      const authenticate = ({ headers }: Request): unknown => {
        const name = headers.get('authorization') ?? 'nobody'
        if (name === 'throws') throw new Error(name)
        if (name === 'rejects') return Promise.reject(new Error(name))
        return name === 'later' ? Promise.resolve('anna') : name === 'anna' && name
      }
      const fetch = tracker.trackRequest(
        answering(() => new Response('fine')),
        { authenticate },
      )
      const statusFor = async (authorization: string): Promise<number> =>
        (await fetch(new Request(url, { headers: { authorization } }))).status
      const callers = ['anna', 'later', 'nobody', 'throws', 'rejects']
      expect(await Promise.all(callers.map(statusFor))).toEqual([200, 200, 401, 401, 401])
      expect(failures()).toBeGreaterThan(0)
    })

    test.each(['onStarted', 'beforeHandler'] as const)(
      'in %s does not change the answer on node:http',
      async (part) => {
        const { tracker, failures } = failing(part)
        const server = await listenFetch(
          tracker.trackRequest((_request: Request, _env: unknown) => new Response('fine')),
        )
        onTestFinished(() => server.close())
        expect(await ask(server.url)).toMatchObject({ status: 200, body: 'fine' })
        expect(failures()).toBeGreaterThan(0)
      },
    )
  })

  test('a signal that fires before the start or after the end has no effect', async () => {
    const { tracker, records } = trackerFixture()
    const leaving = new AbortController()
    const fetch = tracker.trackRequest(answering(() => new Response(null, { status: 204 })))
    await fetch(new Request(url, { signal: leaving.signal }))
    leaving.abort()
    expect(summarize(records).slice(2)).toEqual(['2 PROCESS Processing implied', '3 RESPOND Responded ok'])
    await fetch(new Request(url, { signal: AbortSignal.abort() }))
    expect(records.at(-1)).toMatchObject({ outcome: 'aborted' })
  })

  test('an error is thrown to the host, and further arguments are passed on', async () => {
    const { tracker, records } = trackerFixture()
    const broken = new Error('broken')
    const fails = tracker.trackRequest(
      answering(() => {
        throw broken
      }),
    )
    await expect(fails(new Request(url))).rejects.toBe(broken)
    expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'error', status: 500 })
    const passes = tracker.trackRequest(
      (request: Request, env: string, n: number) => new Response(`${request.method} ${env} ${String(n)}`),
    )
    expect(await (await passes(new Request(url), 'env', 7)).text()).toBe('GET env 7')
  })

  test('a handler that responds before its message is sent', async () => {
    const { tracker, records } = trackerFixture()
    const broker = deferred()
    const sent: Promise<unknown>[] = []
    const fetch = tracker.trackRequest(
      answering(() => {
        const request = currentRequest()
        if (request !== undefined) sent.push(request.enqueue(() => broker.promise))
        return new Response(null, { status: 202 })
      }),
    )
    await fetch(new Request(url))
    expect(records.at(-1)).toMatchObject({ state: 'Processing' })
    broker.resolve()
    await Promise.all(sent)
    expect(summarizeTransitions(records).at(-1)).toBe('3 ENQUEUE Queued')
    expect(summarize(records).at(-1)).toBe('note RESPOND in Queued')
  })
})
