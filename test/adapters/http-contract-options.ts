import { describe, expect, test } from 'vitest'
import { propagate } from '../../src/adapters/http.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { ask, clientOf } from './http-client.ts'
import type { Handle, HostTraits, OwnOptions, RecordingTracker, recordingTracker } from './http-host.ts'

type Start = (
  handle: Handle,
  own?: OwnOptions,
  options?: Parameters<typeof recordingTracker>[0],
) => Promise<RecordingTracker & { url: string }>

const ALL = ['Received', 'Authenticated', 'Processing', 'Responded']
const W3C = { traceparent: `00-${'12'.repeat(16)}-${'34'.repeat(8)}-01` }

function fails(): never {
  throw new Error('broken')
}

/** The part of the contract on which requests are logged, and under which names their ids travel. */
export function describeOptions(start: Start, routes: HostTraits['routes']): void {
  const states = ({ records }: RecordingTracker): string[] =>
    records.filter(({ lifecycle }) => lifecycle === 'transition').map(({ state }) => state)

  describe('ignore', () => {
    const ignore: OwnOptions['ignore'] = (header) => header('x-probe') === 'yes'

    test('leaves no line and no count, and the trace id still travels', async () => {
      const handle: Handle = async ({ header }) => {
        if (header('x-probe') === undefined) return { body: currentTraceId() }
        const called = await ask(server.url, { client: propagate(clientOf(server.url)) })
        const sent = currentRequest()?.headers() ?? {}
        return { body: JSON.stringify([currentTraceId(), sent, called.body]) }
      }
      const server = await start(handle, { ignore })
      const answer = await ask(server.url, { headers: { 'x-probe': 'yes', 'x-trace-id': 'probe-1' } })
      expect([answer.status, answer.headers['x-trace-id']]).toEqual([200, 'probe-1'])
      // The shape that the handler above answers.
      const [own, sent, called] = JSON.parse(answer.body) as [string, Record<string, string>, string]
      expect([own, sent['x-trace-id'], called]).toEqual(['probe-1', 'probe-1', 'probe-1'])
      await server.ended(1)
      expect(states(server)).toEqual(ALL)
      // The parent of the call is the request without lines. The last digits of a request's id may number its calls.
      const [first] = server.records
      const parent = first !== undefined && 'parent_id' in first ? (first.parent_id ?? '') : ''
      expect(parent).toMatch(/^[0-9a-f]{16}$/)
      expect(parent).not.toBe(first?.request_id)
      expect(sent.traceparent?.split('-')[2]?.slice(0, 13)).toBe(parent.slice(0, 13))
      expect(server.tracker.inFlight()).toEqual([])
      expect(server.tracker.stats).toMatchObject({ requests: 1, transitions: 4, inFlight: 0, faults: 0 })
    })

    test('gives a request without an id a new one', async () => {
      const server = await start(() => ({ body: currentTraceId() }), { ignore })
      const { headers, body } = await ask(server.url, { headers: { 'x-probe': 'yes' } })
      expect(body).toMatch(/^[0-9a-f-]{36}$/)
      expect(headers['x-trace-id']).toBe(body)
      expect(server.records).toEqual([])
    })

    test('leaves authentication and errors as they are', async () => {
      const server = await start(fails, { ignore, authenticate: (header) => header('authorization') === 'anna' })
      const headers = { 'x-probe': 'yes' }
      expect((await ask(server.url, { headers })).status).toBe(401)
      expect((await ask(server.url, { headers: { ...headers, authorization: 'anna' } })).status).toBe(500)
      expect(server.records).toEqual([])
      expect(server.tracker.stats).toMatchObject({ requests: 0, inFlight: 0, faults: 0 })
    })

    test.each<[what: string, ignore: NonNullable<OwnOptions['ignore']>]>([
      ['throws', fails],
      // What a program in JavaScript may do.
      ['returns a promise', (() => Promise.resolve(true)) as never],
    ])('logs the request where the function %s, and counts that', async (_, broken) => {
      const server = await start(() => ({ body: 'fine' }), { ignore: broken })
      expect(await ask(server.url)).toMatchObject({ status: 200, body: 'fine' })
      await server.ended(1)
      expect(states(server)).toEqual(ALL)
      expect(server.tracker.stats).toMatchObject({ requests: 1, faults: 1 })
    })
  })

  describe('path', () => {
    test('is what the function returns for the whole path, without its query', async () => {
      const seen: string[] = []
      const path: OwnOptions['path'] = (_header, whole) => {
        seen.push(whole)
        return whole.replace(/^\/reset\/.*$/, '/reset/:token')
      }
      const server = await start(() => ({}), { path })
      const secret = 'hush'.repeat(300)
      await ask(`${server.url}/reset/${secret}?token=hush`)
      await ask(`${server.url}/orders/7`)
      await server.ended(2)
      expect(seen).toEqual([`/reset/${secret}`, routes?.orders ?? '/orders/7'])
      const paths = server.byRequest().map(([first]) => first !== undefined && 'path' in first && first.path)
      expect(paths).toEqual(['/reset/:token', routes?.orders ?? '/orders/7'])
      expect(JSON.stringify(server.records)).not.toContain('hush')
    })

    test.each<[what: string, path: NonNullable<OwnOptions['path']>]>([
      ['throws', fails],
      ['returns no text', (() => ({ toString: () => '/x' })) as never],
    ])('is not logged where the function %s, which is counted', async (_, path) => {
      const server = await start(() => ({}), { path })
      await ask(`${server.url}/reset/hush`)
      await server.ended(1)
      expect(states(server)).toEqual(ALL)
      expect(server.records[0]).not.toHaveProperty('path')
      expect(JSON.stringify(server.records)).not.toContain('hush')
      expect(server.tracker.stats.faults).toBe(1)
    })
  })

  describe('fields', () => {
    test('are the data of the first line only', async () => {
      const server = await start(() => ({}), { fields: (header) => ({ tenant: header('x-tenant'), size: 2 }) })
      await ask(server.url, { headers: { 'x-tenant': 'cave' } })
      await server.ended(1)
      const none = Array<undefined>(3).fill(undefined)
      expect(server.records.map((record) => record.data)).toEqual([{ tenant: 'cave', size: 2 }, ...none])
    })

    test.each<[what: string, fields: NonNullable<OwnOptions['fields']>]>([
      ['throws', fails],
      ['returns a text', (() => 'cave') as never],
      ['returns a list', () => ['cave']],
      ['returns nothing', (() => undefined) as never],
      ['returns a promise', () => Promise.resolve({ tenant: 'cave' })],
    ])('are left out where the function %s, which is counted', async (_, fields) => {
      const server = await start(() => ({ body: 'fine' }), { fields })
      expect(await ask(server.url)).toMatchObject({ body: 'fine' })
      await server.ended(1)
      expect(states(server)).toEqual(ALL)
      expect(server.records[0]).not.toHaveProperty('data')
      expect(server.tracker.stats.faults).toBe(1)
    })
  })

  describe('headers', () => {
    const headers = { read: ['X-Trace-ID', 'X-Request-ID'], echo: ['X-Request-ID', 'x-correlation-id'] }
    const outgoing: Handle = () => ({ body: JSON.stringify(currentRequest()?.headers()) })

    test.each<[what: string, sent: Readonly<Record<string, string>>, id: string]>([
      ['the second where the first is missing', { 'x-request-id': 'second' }, 'second'],
      ['the first of two', { 'x-request-id': 'second', 'x-trace-id': 'first' }, 'first'],
      ['the second where the first is malformed', { 'x-request-id': 'second', 'x-trace-id': 'a b' }, 'second'],
      ['any before traceparent', { 'x-request-id': 'second', ...W3C }, 'second'],
      ['traceparent where there is no other', W3C, '12121212-1212-1212-1212-121212121212'],
    ])('read: %s', async (_, sent, id) => {
      const server = await start(outgoing, {}, { headers })
      const answer = await ask(server.url, { headers: sent })
      await server.ended(1)
      expect(server.records[0]?.trace_id).toBe(id)
      expect([answer.headers['x-request-id'], answer.headers['x-correlation-id']]).toEqual([id, id])
      expect(answer.headers).not.toHaveProperty('x-trace-id')
      // Other services are called under the usual names.
      expect(JSON.parse(answer.body)).toMatchObject({ 'x-trace-id': id, traceparent: expect.anything() as unknown })
      expect(JSON.parse(answer.body)).not.toHaveProperty('x-request-id')
    })

    test('a header that is not in the list is not read', async () => {
      const server = await start(outgoing, {}, { headers: { read: ['x-request-id'], echo: [] } })
      const answer = await ask(server.url, { headers: { 'x-trace-id': 'first' } })
      await server.ended(1)
      expect(server.records[0]?.trace_id).toMatch(/^[0-9a-f-]{36}$/)
      expect(answer.headers).not.toHaveProperty('x-trace-id')
    })

    test("newTraceId gets the host's request", async () => {
      const sources: object[] = []
      const newTraceId = (source: unknown): string => `id-${String(sources.push(Object(source) as object))}`
      const server = await start(() => ({ body: currentRequest(sources[0])?.traceId ?? '' }), {}, { newTraceId })
      const { body, headers } = await ask(server.url)
      await server.ended(1)
      expect([body, headers['x-trace-id'], sources.length]).toEqual(['id-1', 'id-1', 1])
    })
  })
}
