import { describe, expect, test } from 'vitest'
import type { FetchHandler, FetchHandlerOptions } from '../../src/handlers/fetch-handler.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { summarizeTransitions, trackerFixture, summarize } from '../tracker-fixture.ts'
import { describeHttpAdapter } from './http-contract.ts'
import { listenFetch } from './http-servers.ts'
import { optionsFor, type Scenario, type RunningServer } from './http-host.ts'
import { responseOf, streamOf } from './fetch-response.ts'

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield await Promise.resolve(value)
}

function serve({ tracker, handle, ...own }: Scenario): Promise<RunningServer> {
  const header = (request: Request) => (name: string) => request.headers.get(name) ?? undefined
  const options: FetchHandlerOptions = {
    ...optionsFor(own, header),
  }
  const fetch = tracker.trackRequest((request: Request) => {
    const answer = handle({ header: header(request), body: () => request.text() })
    return answer instanceof Promise ? answer.then(responseOf) : responseOf(answer)
  }, options)
  return listenFetch(fetch)
}

describeHttpAdapter('fetch-style, on @hono/node-server', serve)

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
        { pull: (controller) => controller.error(new Error('torn')), cancel: (reason) => void cancelled.push(reason) },
        { highWaterMark: 0 },
      )
    const answer = await tracker.trackRequest(answering(() => new Response(body())))(new Request(url))
    if (answer.body !== null) await read(answer.body)
    expect(records.at(-1)).toMatchObject({ state: 'Responded', outcome, status: 200 })
    expect(cancelled).toEqual(outcome === 'aborted' ? ['enough'] : [])
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
