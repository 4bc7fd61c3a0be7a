import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ask, head, keepAliveAgent, type AskOptions } from '../adapters/http-client.ts'
import { parentOfCall } from '../call-headers.ts'
import { summarize, summarizeTransitions } from '../tracker-fixture.ts'
import { GOOD, TRACE } from '../trace/w3c-vectors.ts'
import { RUNTIMES } from './_runtimes.ts'
import { startServer, type Server } from './_server.ts'

interface Options extends AskOptions {
  readonly headers?: Readonly<Record<string, string>>
}

const RUN = ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing implied']
const PROGRAMS = ['node-http', 'fetch-style', 'hono']

const servers = RUNTIMES.flatMap((runtime) => PROGRAMS.map((program) => ({ ...runtime, program })))

describe.each(servers)('$program on $name', ({ program, ...runtime }) => {
  describe.skipIf(runtime.missing)('', () => {
    let server: Server
    let names = 0
    beforeAll(async () => {
      server = await startServer(runtime, program)
    })

    const onNode = program === 'node-http'
    /** Asks in a trace of its own. */
    function within(options: Options = {}): { readonly id: string; readonly options: Options } {
      const id = `${program}-${String(++names)}`
      return { id, options: { ...options, headers: { 'x-trace-id': id, ...options.headers } } }
    }

    /** The answer to a request, and the lines that it left. */
    async function call(path: string, given: Options = {}) {
      const { id, options } = within(given)
      const answer = await ask(`${server.url}${path}`, options)
      return { id, answer, lines: await server.linesOf(id) }
    }

    test.each([
      [200, 'ok'],
      [204, 'ok'],
      [404, 'ok'],
      [503, 'error'],
    ])('a response with status %d', async (status, outcome) => {
      const { id, answer, lines } = await call(`/status?of=${String(status)}`)
      expect([answer.status, answer.body]).toEqual([status, status === 204 ? '' : 'answered'])
      expect(answer.headers['x-trace-id']).toBe(id)
      expect(summarizeTransitions(lines)).toEqual([...RUN, `3 RESPOND Responded ${outcome}`])
      expect(lines[0]).toMatchObject({ method: 'GET', path: '/status' })
      expect(lines.at(-1)).toMatchObject({ status })
    })

    test.each([
      ['/', undefined],
      ['/json', 'application/json'],
      ['/large', undefined],
    ])('the length and the type of the answer of %s', async (path, type) => {
      const { answer } = await call(path)
      expect(answer.headers['content-length']).toBe(String(answer.body.length))
      expect(answer.headers['transfer-encoding']).toBeUndefined()
      // node:http sends no type that it was not given.
      if (type !== undefined) expect(answer.headers['content-type']).toContain(type)
      else if (!onNode) expect(answer.headers['content-type']).toMatch(/^text\/plain/)
    })

    test.runIf(runtime.name === 'Bun' && !onNode)(
      'a file is sent with its length, its type and its ranges',
      async () => {
        const { answer, lines } = await call('/file', { headers: { range: 'bytes=4-9' } })
        expect([answer.status, answer.body]).toEqual([206, 'kettle'])
        expect([answer.headers['content-length'], answer.headers['content-type']]).toEqual([
          '6',
          expect.stringContaining('text/plain') as unknown,
        ])
        expect(lines.at(-1)).toMatchObject({ outcome: 'ok' })
      },
    )

    test.runIf(!onNode)('a response whose headers cannot be changed', async () => {
      const { id, answer, lines } = await call('/moved')
      expect([answer.headers.location, answer.headers['x-trace-id']]).toEqual(['http://localhost/elsewhere', id])
      expect(lines.at(-1)).toMatchObject({ outcome: 'ok', status: 302 })
    })

    test('a response to HEAD', async () => {
      const { answer, lines } = await call('/json', { method: 'HEAD' })
      expect([answer.status, answer.body]).toEqual([200, ''])
      expect(lines.at(-1)).toMatchObject({ outcome: 'ok', status: 200 })
    })

    test('a new id, and the headers that are sent on', async () => {
      const { headers, body } = await ask(`${server.url}/headers`)
      const id = String(headers['x-trace-id'])
      const [first] = await server.linesOf(id)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      expect(JSON.parse(body)).toMatchObject({
        'x-trace-id': id,
        traceparent: expect.stringContaining(parentOfCall(first?.request_id ?? '')) as unknown,
      })
    })

    test('a traceparent is continued', async () => {
      const { headers } = await ask(`${server.url}/`, { headers: { traceparent: GOOD } })
      expect(String(headers['x-trace-id']).replaceAll('-', '')).toBe(TRACE)
    })

    test.each(['/throws', '/rejects'])('a handler fails: %s', async (path) => {
      const { answer, lines } = await call(path)
      expect(answer.status).toBe(500)
      expect(summarizeTransitions(lines)).toEqual([...RUN, '3 RESPOND Responded error'])
      expect(lines.at(-1)).toMatchObject({ status: 500, error: { type: 'TypeError', message: 'broken' } })
    })

    test('a refused caller, and one who is the principal', async () => {
      const refused = await call('/', { headers: { authorization: 'nobody' } })
      expect(refused.answer.status).toBe(401)
      expect(summarizeTransitions(refused.lines)).toEqual(['0 Received', '1 AUTH_ERROR Failed denied'])
      expect((await call('/principal', { headers: { authorization: 'anna' } })).answer.body).toBe('anna')
    })

    test('a hundred concurrent handlers each have their own current request, also after reading the body', async () => {
      const sent = `order`.repeat(20_000)
      const calls = await Promise.all(Array.from({ length: 100 }, () => call('/echo', { method: 'POST', body: sent })))
      for (const { id, answer, lines } of calls) {
        expect(JSON.parse(answer.body)).toEqual([id, sent, id])
        expect(lines.at(-1)).toMatchObject({ outcome: 'ok' })
      }
    })

    test('requests on one connection do not share ids', async () => {
      const agent = keepAliveAgent(server.url)
      const calls = [await call('/', { agent }), await call('/', { agent })]
      agent.destroy()
      expect(new Set(calls.map(({ answer }) => answer.port)).size).toBe(1)
      expect(calls.map(({ answer }) => answer.body)).toEqual(calls.map(({ id }) => id))
    })

    test('a streamed response ends with its last part', async () => {
      const { id, options } = within()
      const response = await head(`${server.url}/parts`, options)
      const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
      expect((await chunks.next()).value).toBe('first ')
      expect(await server.stats()).toMatchObject({ inFlight: 1 })
      server.release('last')
      expect((await chunks.next()).value).toBe('last')
      expect((await chunks.next()).done).toBe(true)
      expect(summarizeTransitions(await server.linesOf(id))).toEqual([...RUN, '3 RESPOND Responded ok'])
    })

    test('a stream of events whose client leaves', async () => {
      const { id, options } = within()
      const response = await head(`${server.url}/endless`, options)
      expect(response.headers['content-type']).toContain('text/event-stream')
      await once(response, 'data')
      response.destroy()
      expect((await server.linesOf(id)).at(-1)).toMatchObject({ outcome: 'aborted', status: 200 })
    })

    test('a client that leaves before the response', async () => {
      const [{ id, options }, leaving] = [within(), new AbortController()]
      const answer = ask(`${server.url}/hangs`, { ...options, signal: leaving.signal })
      // The lines before the handler are written before it runs.
      await server.started(id)
      leaving.abort()
      await expect(answer).rejects.toThrow()
      expect((await server.linesOf(id)).at(-1)).toMatchObject({ state: 'Responded', outcome: 'aborted' })
    })

    test('a stream that fails', async () => {
      const { id, options } = within()
      // The connection breaks, on some hosts before the head of the response was sent.
      await expect(ask(`${server.url}/torn`, options)).rejects.toThrow()
      expect((await server.linesOf(id)).at(-1)).toMatchObject({ outcome: 'error' })
    })

    test('a WebSocket that is accepted', async () => {
      const client = new WebSocket(`${server.url.replace('http', 'ws')}/live`, { headers: { 'x-trace-id': 'live' } })
      expect(String((await once(client, 'message'))[0])).toBe('live')
      const lines = await server.linesOf('live')
      expect(client.readyState).toBe(WebSocket.OPEN)
      client.close()
      await once(client, 'close')
      expect(lines.at(-1)).toMatchObject({ state: 'Responded', outcome: 'ok', status: 101 })
    })

    test('a WebSocket that is refused', async () => {
      const { id, options } = within()
      const client = new WebSocket(`${server.url.replace('http', 'ws')}/refused`, { headers: options.headers ?? {} })
      const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
      response.destroy()
      expect(response.statusCode).toBe(401)
      const last = (await server.linesOf(id)).at(-1)
      expect(last).toMatchObject({ state: 'Responded', outcome: 'error', status: 401 })
    })

    test('all of these requests have ended, and a signal notes the one in flight', async () => {
      expect(await server.stats()).toMatchObject({ inFlight: 0, faults: 0 })
      const { id, options } = within()
      const answer = ask(`${server.url}/hangs`, options)
      await server.started(id)
      await Promise.all([server.stop(), expect(answer).rejects.toThrow()])
      expect(summarize(server.linesSoFar(id))).toEqual([...RUN, 'note SHUTDOWN in Processing'])
    })

    afterAll(() => server.stop())
  })
})
