import { describe, expect, test } from 'vitest'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { parentOfCall } from '../call-headers.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, TRACE, VALID } from '../trace/w3c-vectors.ts'
import { ask, keepAliveAgent } from './http-client.ts'
import type { Handle, RecordingTracker } from './http-host.ts'

/** The part of the contract on ids in requests and responses. */
export function describeIds(start: (handle: Handle) => Promise<RecordingTracker & { url: string }>): void {
  const outgoing: Handle = () => ({ body: JSON.stringify(currentRequest()?.headers()) })

  describe('ids', () => {
    test('a new id is created, sent back, and sent on to other services', async () => {
      const server = await start(outgoing)
      const { headers, body } = await ask(server.url)
      const id = String(headers['x-trace-id'])
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      const [record] = server.records
      expect(record).toMatchObject({ trace_id: id })
      expect(record).not.toHaveProperty('parent_id')
      expect(JSON.parse(body)).toEqual({
        'x-trace-id': id,
        traceparent: `00-${id.replaceAll('-', '')}-${parentOfCall(record?.request_id ?? '')}-03`,
      })
    })

    test('an X-Trace-ID is used and sent back unchanged', async () => {
      const server = await start(outgoing)
      const { headers, body } = await ask(server.url, { headers: { 'X-Trace-ID': 'Order:7_a.b-c' } })
      expect(headers['x-trace-id']).toBe('Order:7_a.b-c')
      expect(server.records[0]).toMatchObject({ trace_id: 'Order:7_a.b-c' })
      expect(JSON.parse(body)).toMatchObject({ 'x-trace-id': 'Order:7_a.b-c' })
    })

    test("a traceparent's 128 bits are used, with its parent, flags and state", async () => {
      const server = await start(outgoing)
      const { headers, body } = await ask(server.url, { headers: { traceparent: GOOD, tracestate: 'b=2, a=1' } })
      expect(headers['x-trace-id']).toBe(DASHED)
      const [record] = server.records
      expect(record).toMatchObject({ trace_id: DASHED, parent_id: PARENT })
      expect(JSON.parse(body)).toEqual({
        'x-trace-id': DASHED,
        traceparent: `00-${TRACE}-${parentOfCall(record?.request_id ?? '')}-01`,
        tracestate: 'b=2,a=1',
      })
    })

    test.each<[what: string, headers: readonly string[], length: number]>([
      ['with a forbidden character', ['X-Trace-ID', 'a b<script>'], 11],
      ['that is empty', ['X-Trace-ID', ''], 0],
      ['that is huge', ['X-Trace-ID', 'x'.repeat(5_000)], 5_000],
      ['with bytes beyond ASCII', ['X-Trace-ID', 'tr\u00e4ce'], 5],
      ['that is sent twice', ['X-Trace-ID', 'one', 'X-Trace-ID', 'two'], 8],
      ['in a traceparent that is sent twice', ['traceparent', GOOD, 'traceparent', GOOD], GOOD.length * 2],
      ['in a traceparent in upper case', ['traceparent', GOOD.toUpperCase()], GOOD.length],
    ])('an id %s is ignored and not sent back; its length is logged', async (_, sent, length) => {
      const server = await start(outgoing)
      const { status, headers } = await ask(server.url, { headers: [...sent, 'Host', 'localhost'] })
      expect(status).toBe(200)
      const [record] = server.records
      expect(record).toMatchObject({ rejected_id: true, trace_id: headers['x-trace-id'] })
      expect(headers['x-trace-id']).toMatch(/^[0-9a-f-]{36}$/)
      // Hosts join a repeated header with a comma and a space, or pass its values separately.
      const logged = record !== undefined && 'rejected_length' in record ? (record.rejected_length ?? -1) : -1
      expect(logged - length).toBeOneOf(sent.length > 2 ? [-2, 0, 2] : [0])
      for (const value of sent.filter((text, index) => index % 2 === 1 && text !== ''))
        expect(JSON.stringify(server.records)).not.toContain(`"${value}"`)
    })

    describe('the vectors of W3C Trace Context', () => {
      /** Sends requests with these headers: the first record of each, and the headers that it would send on. */
      async function firstRecords(sent: readonly (readonly string[])[]) {
        const server = await start(outgoing)
        const agent = keepAliveAgent(server.url)
        const onward: Readonly<Record<string, string>>[] = []
        // The handler above responds with these headers.
        for (const headers of sent)
          onward.push(
            JSON.parse((await ask(server.url, { agent, headers: [...headers, 'Host', 'localhost'] })).body) as Readonly<
              Record<string, string>
            >,
          )
        await server.ended(sent.length)
        agent.destroy()
        return server.byRequest().map(([first], index) => ({ first, onward: onward[index] }))
      }

      /** Whether node:http accepts to send and to receive it. */
      const sendable = ([, header]: readonly [what: string, header: string, ...unknown[]]): boolean =>
        !header.includes('\n') && header.length < 2_000

      test('valid traceparents are used', async () => {
        for (const [index, { first, onward }] of (
          await firstRecords(VALID.map(([, header]) => ['traceparent', header]))
        ).entries()) {
          expect(first, VALID[index]?.[0]).toMatchObject({ trace_id: DASHED, parent_id: PARENT })
          expect(first, VALID[index]?.[0]).not.toHaveProperty('rejected_id')
          expect(onward?.traceparent?.slice(-2), VALID[index]?.[0]).toBe(`0${String((VALID[index]?.[2] ?? 0) & 3)}`)
        }
      })

      test('invalid traceparents start a new trace', async () => {
        const vectors = INVALID.filter(sendable)
        for (const [index, { first, onward }] of (
          await firstRecords(vectors.map(([, header]) => ['traceparent', header, 'tracestate', 'foo=1']))
        ).entries()) {
          expect(first, vectors[index]?.[0]).toMatchObject({
            rejected_id: true,
            trace_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as unknown,
          })
          expect(first, vectors[index]?.[0]).not.toHaveProperty('parent_id')
          expect(onward, vectors[index]?.[0]).not.toHaveProperty('tracestate')
        }
      })

      test('tracestates are sent on as the standard says', async () => {
        const vectors = STATES.filter(sendable)
        for (const [index, { onward }] of (
          await firstRecords(vectors.map(([, header]) => ['traceparent', GOOD, 'tracestate', header]))
        ).entries()) {
          expect(onward?.tracestate, vectors[index]?.[0]).toBe(vectors[index]?.[2])
        }
      })
    })

    test('a caller cannot resume a request', async () => {
      const server = await start(outgoing)
      await ask(server.url, { headers: { traceparent: GOOD, 'x-lifecycle': `${PARENT};Queued;3;1790000000000` } })
      expect(server.records[0]).toMatchObject({ lifecycle: 'transition', seq: 0, state: 'Received' })
      for (const record of server.records) {
        expect(record.request_id).not.toBe(PARENT)
        expect(record.attempt).toBeUndefined()
      }
    })
  })
}
