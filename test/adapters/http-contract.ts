import { afterEach, describe, expect, test } from 'vitest'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { expectValidRun, summarizeTransitions } from '../tracker-fixture.ts'
import { ask, head, keepAliveAgent } from './http-client.ts'
import { describeFaults } from './http-contract-faults.ts'
import { describeIds } from './http-contract-ids.ts'
import { describeOptions } from './http-contract-options.ts'
import { ask2, cancel2 } from './http2-client.ts'
import {
  recordingTracker,
  type Answer,
  type Handle,
  type RecordingTracker,
  type HostTraits,
  type OwnOptions,
  type Scenario,
  type Serve,
  type RunningServer,
} from './http-host.ts'

const IMPLIED = ['0 Received', '1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied'] as const

/** The contract of all HTTP adapters, run for each with a real server and a real client, over HTTPS too where it can. */
export function describeHttpAdapter(name: string, serve: Serve, { https, ...traits }: HostTraits = {}): void {
  describeOneServer(name, serve, traits)
  if (https === undefined) return
  // What differs over HTTP/2 is the same without TLS.
  const { http2: _, ...others } = traits
  describeOneServer(`${name}, over HTTPS`, https, others)
}

function describeOneServer(
  name: string,
  serve: Serve,
  { routes, parsesJson = false, http2 }: Omit<HostTraits, 'https'>,
): void {
  const open: RunningServer[] = []
  afterEach(async () => {
    for (const serving of open.splice(0)) await serving.close()
  })

  async function start(
    handle: Handle,
    own: OwnOptions = {},
    serving = serve,
    options: Parameters<typeof recordingTracker>[0] = {},
  ): Promise<RecordingTracker & { url: string }> {
    const recording = recordingTracker(options)
    const server = await serving({ tracker: recording.tracker, handle, ...own })
    open.push(server)
    return { ...recording, url: server.url }
  }

  /** Expects that every request is a run of the machine with these steps, and that none is in flight. */
  function expectRuns({ tracker, byRequest }: RecordingTracker, ...expected: (readonly string[])[]): void {
    const runs = byRequest()
    for (const run of runs) expectValidRun(tracker.core.settings.table, run)
    expect(runs.map(summarizeTransitions)).toEqual(expected)
    expect(tracker.inFlight()).toEqual([])
    expect(tracker.stats.faults).toBe(0)
  }

  describe(name, () => {
    test.each([
      [200, 'hello', 'ok'],
      [404, 'not here', 'ok'],
      [204, null, 'ok'],
      [401, 'who are you', 'ok'],
      [503, 'later', 'error'],
    ])('a response with status %d', async (status, body, outcome) => {
      const server = await start(() => ({ status, body }))
      expect(await ask(`${server.url}/orders/7?token=hush#part`)).toMatchObject({ status, body: body ?? '' })
      await server.ended(1)
      expectRuns(server, [...IMPLIED, `3 RESPOND Responded ${outcome}`])
      expect(server.records[0]).toMatchObject({ service: 'api', method: 'GET', path: routes?.orders ?? '/orders/7' })
      expect(server.records.at(-1)).toMatchObject({ status })
      expect(JSON.stringify(server.records)).not.toContain('hush')
    })

    test('a response to HEAD, whose body is not sent', async () => {
      const server = await start(() => ({ body: 'hello' }))
      expect(await ask(server.url, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
      await server.ended(1)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
    })

    test.each<[what: string, handle: Handle]>([
      [
        'throws',
        () => {
          throw new TypeError('broken')
        },
      ],
      [
        'rejects',
        async () => {
          await Promise.resolve()
          throw new TypeError('broken')
        },
      ],
    ])('a handler that %s ends its request with outcome error', async (_, handle) => {
      const server = await start(handle)
      expect(await ask(server.url)).toMatchObject({ status: 500 })
      await server.ended(1)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded error'])
      expect(server.records.at(-1)).toMatchObject({ status: 500, error: { type: 'TypeError', message: 'broken' } })
    })

    test.each<[what: string, authenticate: NonNullable<Scenario['authenticate']>]>([
      ['rejects', (header) => Promise.reject(new Error(`no ${header('authorization') ?? ''}`))],
      [
        'throws',
        (header) => {
          throw new Error(`no ${header('authorization') ?? ''}`)
        },
      ],
    ])('if authenticate %s, the caller gets a 401 and the handler does not run', async (_, authenticate) => {
      let handled = 0
      const server = await start(() => ({ body: String(++handled) }), { authenticate })
      expect(await ask(server.url, { headers: { authorization: 'anna' } })).toMatchObject({ status: 401 })
      await server.ended(1)
      expectRuns(server, ['0 Received', '1 AUTH_ERROR Failed denied'])
      expect(server.records.at(-1)).toMatchObject({ status: 401, error: { message: 'no anna' } })
      expect(handled).toBe(0)
    })

    test('if authenticate returns false, the caller gets a 401', async () => {
      const server = await start(() => ({}), { authenticate: () => false })
      expect(await ask(server.url)).toMatchObject({ status: 401 })
      await server.ended(1)
      expectRuns(server, ['0 Received', '1 AUTH_ERROR Failed denied'])
    })

    test('an authenticated caller is the principal of the current request', async () => {
      const server = await start(() => ({ body: String(currentRequest()?.principal) }), {
        authenticate: (header) => Promise.resolve(header('authorization')),
      })
      expect(await ask(server.url, { headers: { authorization: 'anna' } })).toMatchObject({ status: 200, body: 'anna' })
      await server.ended(1)
      expectRuns(server, ['0 Received', '1 AUTH_OK Authenticated', IMPLIED[2], '3 RESPOND Responded ok'])
    })

    test.each([401, 403])(
      'with manual authentication, a handler that responds with %d has refused the caller',
      async (status) => {
        const server = await start(() => ({ status }), { auth: 'manual' })
        expect(await ask(server.url)).toMatchObject({ status })
        await server.ended(1)
        expectRuns(server, ['0 Received', '1 AUTH_ERROR Failed denied'])
      },
    )

    test('a handler that sends its own signals', async () => {
      const server = await start(
        () => {
          currentRequest()?.authenticated('anna')
          currentRequest()?.processing()
          return { body: currentRequest()?.state ?? '' }
        },
        { auth: 'manual' },
      )
      expect(await ask(server.url)).toMatchObject({ body: 'Processing' })
      await server.ended(1)
      expectRuns(server, ['0 Received', '1 AUTH_OK Authenticated', IMPLIED[2], '3 RESPOND Responded ok'])
    })

    test('a handler that reports its work itself', async () => {
      const states: unknown[] = []
      const handle = (): Answer => {
        states.push(currentRequest()?.state)
        currentRequest()?.processing()
        return { body: currentRequest()?.state ?? '' }
      }
      const server = await start(handle, { processing: 'manual' })
      expect(await ask(server.url)).toMatchObject({ body: 'Processing' })
      await server.ended(1)
      expect(states).toEqual(['Authenticated'])
      expectRuns(server, [...IMPLIED.slice(0, 2), '2 PROCESS Processing', '3 RESPOND Responded ok'])
    })

    test('a handler that reports its authentication and its work itself', async () => {
      const states: unknown[] = []
      const handle = (): Answer => {
        states.push(currentRequest()?.state)
        currentRequest()?.authenticated('anna')
        states.push(currentRequest()?.state)
        currentRequest()?.processing()
        return { body: currentRequest()?.state ?? '' }
      }
      const server = await start(handle, { auth: 'manual', processing: 'manual' })
      expect(await ask(server.url)).toMatchObject({ body: 'Processing' })
      await server.ended(1)
      expect(states).toEqual(['Received', 'Authenticated'])
      expectRuns(server, ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing', '3 RESPOND Responded ok'])
    })

    test('a request is in flight in Processing, and its first records are written, until its handler responds', async () => {
      const [entered, answer] = [deferred(), deferred<Answer>()]
      const server = await start(() => {
        entered.resolve()
        return answer.promise
      })
      const response = ask(server.url)
      await entered.promise
      expect(summarizeTransitions(server.records)).toEqual(IMPLIED)
      expect(server.tracker.inFlight().map(({ state }) => state)).toEqual(['Processing'])
      answer.resolve({ body: 'at last' })
      expect(await response).toMatchObject({ body: 'at last' })
      await server.ended(1)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
    })

    test('a streamed response ends with its last part', async () => {
      const last = deferred<string>()
      const server = await start(() => ({ body: parts('first ', last.promise) }))
      const response = await head(server.url)
      const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
      expect((await chunks.next()).value).toBe('first ')
      expect(summarizeTransitions(server.records)).toEqual(IMPLIED)
      last.resolve('last')
      expect((await chunks.next()).value).toBe('last')
      expect((await chunks.next()).done).toBe(true)
      await server.ended(1)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
    })

    test('a client that disconnects before the response, and the next request', async () => {
      const [entered, answer, leaving] = [deferred(), deferred<Answer>(), new AbortController()]
      let served = 0
      const server = await start(() => {
        entered.resolve()
        return ++served === 1 ? answer.promise : { body: currentTraceId() }
      })
      const agent = keepAliveAgent(server.url)
      const aborted = ask(server.url, { signal: leaving.signal, agent })
      await entered.promise
      leaving.abort()
      await expect(aborted).rejects.toThrow()
      await server.ended(1)
      expect(server.records.at(-1)).toMatchObject({ state: 'Responded', outcome: 'aborted' })
      // What the handler does after that changes nothing.
      answer.resolve({ body: 'too late' })
      const next = await ask(server.url, { agent })
      await server.ended(2)
      agent.destroy()
      expect(next.body).toBe(next.headers['x-trace-id'])
      expect(new Set(server.records.map(({ trace_id }) => trace_id)).size).toBe(2)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded aborted'], [...IMPLIED, '3 RESPOND Responded ok'])
    })

    test('a client that disconnects during authentication', async () => {
      const [entered, checked, leaving] = [deferred(), deferred(), new AbortController()]
      const server = await start(() => ({}), {
        authenticate: () => {
          entered.resolve()
          return checked.promise
        },
      })
      const aborted = ask(server.url, { signal: leaving.signal })
      await entered.promise
      leaving.abort()
      await expect(aborted).rejects.toThrow()
      await server.ended(1)
      checked.resolve()
      expectRuns(server, ['0 Received', '1 AUTH_ERROR Failed implied aborted'])
    })

    test('a client that disconnects during the response', async () => {
      const never = deferred<string>()
      const server = await start(() => ({ body: parts('first ', never.promise) }))
      const response = await head(server.url)
      await response[Symbol.asyncIterator]().next()
      response.destroy()
      await server.ended(1)
      never.resolve('')
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded aborted'])
      expect(server.records.at(-1)).toMatchObject({ status: 200 })
    })

    test('requests on one connection do not share ids or context', async () => {
      const server = await start(() => ({ body: currentTraceId() }))
      const agent = keepAliveAgent(server.url)
      const answers = [
        await ask(server.url, { agent, headers: { 'x-trace-id': 'first' } }),
        await ask(server.url, { agent }),
        await ask(server.url, { agent }),
      ]
      await server.ended(3)
      agent.destroy()
      expect(new Set(answers.map(({ port }) => port)).size).toBe(1)
      expect(answers.map(({ body, headers }) => body === headers['x-trace-id'])).toEqual([true, true, true])
      expect(answers[0]?.body).toBe('first')
      expect(new Set(answers.map(({ body }) => body)).size).toBe(3)
      expectRuns(server, ...Array<string[]>(3).fill([...IMPLIED, '3 RESPOND Responded ok']))
    })

    test('a hundred concurrent handlers each have their own current request, also after reading the body', async () => {
      const [all, count] = [deferred(), 100]
      let arrived = 0
      const server = await start(async ({ body }) => {
        const [before, sent] = [currentTraceId(), await body()]
        if (++arrived === count) all.resolve()
        await all.promise
        return { body: JSON.stringify([before, sent, currentTraceId()]) }
      })
      const sent = [...Array(count).keys()].map((n) =>
        ask(server.url, {
          method: 'POST',
          body: `order ${String(n)}`.repeat(500),
          headers: { 'x-trace-id': `t-${String(n)}` },
        }),
      )
      const answers = await Promise.all(sent)
      await server.ended(count)
      expect(answers.map(({ body }) => JSON.parse(body) as unknown)).toEqual(
        answers.map((_, n) => [`t-${String(n)}`, `order ${String(n)}`.repeat(500), `t-${String(n)}`]),
      )
      expect(answers.map(({ headers }) => headers['x-trace-id'])).toEqual(answers.map((_, n) => `t-${String(n)}`))
      expectRuns(server, ...Array<string[]>(count).fill([...IMPLIED, '3 RESPOND Responded ok']))
      expect(new Set(server.records.map(({ request_id }) => request_id)).size).toBe(count)
    })

    test.runIf(routes)(
      'a request that matches no route is answered by the host with 404, and its path is logged',
      async () => {
        const server = await start(() => ({}))
        expect(await ask(`${server.url}/nowhere/7?token=hush`)).toMatchObject({ status: 404 })
        await server.ended(1)
        expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
        expect(server.records[0]).toMatchObject({ path: '/nowhere/7' })
        expect(server.records.at(-1)).toMatchObject({ status: 404 })
      },
    )

    test.runIf(parsesJson)('a request whose body cannot be parsed is answered by the host with 400', async () => {
      const server = await start(() => expect.unreachable('the handler runs'))
      expect(
        await ask(server.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"order":' }),
      ).toMatchObject({ status: 400 })
      await server.ended(1)
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
      expect(server.records.at(-1)).toMatchObject({ status: 400 })
      // The error's message, which may quote the body, differs between hosts.
      expect(server.records.at(-1)?.error?.type).toMatch(/SyntaxError|FastifyError|BadRequest/)
    })

    test('a stream of events whose client disconnects', async () => {
      const never = deferred<string>()
      const server = await start(() => ({
        type: 'text/event-stream',
        body: parts('data: 1\n\n', 'data: 2\n\n', never.promise),
      }))
      const response = await head(server.url)
      expect(response.headers['content-type']).toContain('text/event-stream')
      let read = ''
      for await (const chunk of response.setEncoding('utf8')) if ((read += String(chunk)).includes('data: 2')) break
      response.destroy()
      await server.ended(1)
      never.resolve('')
      expectRuns(server, [...IMPLIED, '3 RESPOND Responded aborted'])
      expect(server.records.at(-1)).toMatchObject({ status: 200 })
    })

    if (http2 !== undefined) {
      describe('over HTTP/2', () => {
        test('a response', async () => {
          const server = await start(async ({ body }) => ({ body: `${await body()} ${currentTraceId()}` }), {}, http2)
          const { headers, body } = await ask2(server.url, { headers: { 'x-trace-id': 'over-two' }, body: 'order' })
          expect([headers[':status'], headers['x-trace-id'], body]).toEqual([200, 'over-two', 'order over-two'])
          await server.ended(1)
          expectRuns(server, [...IMPLIED, '3 RESPOND Responded ok'])
        })

        test('a handler that throws', async () => {
          const server = await start(
            () => {
              throw new TypeError('broken')
            },
            {},
            http2,
          )
          expect((await ask2(server.url)).headers[':status']).toBe(500)
          await server.ended(1)
          expectRuns(server, [...IMPLIED, '3 RESPOND Responded error'])
        })

        test('a refused caller', async () => {
          const server = await start(() => ({}), { authenticate: () => false }, http2)
          expect((await ask2(server.url)).headers[':status']).toBe(401)
          await server.ended(1)
          expectRuns(server, ['0 Received', '1 AUTH_ERROR Failed denied'])
        })

        test.each<
          [
            when: string,
            first: (entered: { resolve: () => void }, never: Promise<string>) => Handle,
            wait: 'head' | 'handler',
          ]
        >([
          [
            'before the response',
            (entered, never) => async () => {
              entered.resolve()
              return { body: await never }
            },
            'handler',
          ],
          [
            'during the response',
            (entered, never) => () => {
              entered.resolve()
              return { body: parts('first ', never) }
            },
            'head',
          ],
        ])('a stream that is cancelled %s, and the next request on the same connection', async (_, first, wait) => {
          const [entered, never] = [deferred(), deferred<string>()]
          let served = 0
          const handle = first(entered, never.promise)
          const server = await start(
            (incoming) => (++served === 1 ? handle(incoming) : { body: currentTraceId() }),
            {},
            http2,
          )
          const next = await cancel2(server.url, wait === 'head' ? undefined : entered.promise)
          never.resolve('')
          await server.ended(2)
          expect(next.body).toBe(next.headers['x-trace-id'])
          expectRuns(server, [...IMPLIED, '3 RESPOND Responded aborted'], [...IMPLIED, '3 RESPOND Responded ok'])
        })
      })
    }

    describeIds(start)
    describeFaults(serve)
    describeOptions((handle, own, options) => start(handle, own, serve, options), routes)
  })
}

async function* parts(...all: (string | Promise<string>)[]): AsyncGenerator<string> {
  for (const part of all) yield await part
}
