import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CallRecord } from '../../src/index.ts'
import { observeCall, startCall } from '../../src/tracking/calls.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { TRACE } from '../trace/w3c-vectors.ts'
import { trackerFixture } from '../tracker-fixture.ts'

const ID = 'b7ad6b7169203000'
const numbered = { newRequestId: () => ID }

const parentOf = (headers: Readonly<Record<string, string>>): string | undefined => headers.traceparent?.split('-')[2]

describe('the calls of a request', () => {
  test('each have the next number in their parent id', () => {
    const request = trackerFixture(numbered).tracker.start()
    expect([1, 2, 3].map(() => parentOf(request.headers()))).toEqual([
      'b7ad6b7169203001',
      'b7ad6b7169203002',
      'b7ad6b7169203003',
    ])
    expect(request.calls).toBe(3)
  })

  test('are not numbered if the id does not end in 000, but are counted', () => {
    const { tracker, records } = trackerFixture({ newRequestId: () => 'b7ad6b7169203331' })
    const request = tracker.start()
    expect([1, 2].map(() => parentOf(request.headers()))).toEqual(['b7ad6b7169203331', 'b7ad6b7169203331'])
    request.finish({ outcome: 'ok' })
    expect(records.at(-1)).toMatchObject({ calls: 2 })
  })

  test('of a worker have the numbers of its attempt, and the message of the hand-off takes none', async () => {
    const { tracker, records } = trackerFixture(numbered)
    const request = tracker.start()
    request.headers()
    const carrier = await request.enqueue((headers) => headers)
    expect(parentOf(carrier)).toBe(ID)
    expect(carrier['x-lifecycle']).toContain(ID)
    expect(records.at(-1)).toMatchObject({ state: 'Queued', calls: 1 })
    const ids = [1, 2, 9].map((attempt) => parentOf(tracker.resume(carrier, { attempt }).headers()))
    expect(ids).toEqual(['b7ad6b7169203801', 'b7ad6b7169203901', 'b7ad6b7169203801'])
    const child = await request.enqueue((headers) => headers)
    expect(parentOf(child)).toBe('b7ad6b7169203002')
    expect(child).not.toHaveProperty('x-lifecycle')
  })

  test('after the last number carry the id itself, and go on being counted', () => {
    const { tracker, records } = trackerFixture(numbered)
    const request = tracker.start()
    const ids = Array.from({ length: 0x801 }, () => parentOf(request.headers()))
    expect(ids.slice(-3)).toEqual(['b7ad6b71692037ff', ID, ID])
    request.finish({ outcome: 'ok' })
    expect(records.at(-1)).toMatchObject({ calls: 0x801 })
  })

  test('are counted on the line of a final state and of a hand-off only', async () => {
    const { tracker, records } = trackerFixture(numbered)
    const request = tracker.start()
    request.headers()
    const carrier = await request.enqueue((headers) => headers)
    const attempt = tracker.resume(carrier)
    attempt.headers()
    attempt.headers()
    attempt.finishDelivery({ outcome: 'ok' }, false)
    const counted = records.filter((record) => 'calls' in record)
    expect(counted).toMatchObject([
      { state: 'Queued', calls: 1 },
      { state: 'Completed', attempt: 1, calls: 2 },
    ])
    const silent = tracker.start()
    silent.finish({ outcome: 'ok' })
    expect(records.at(-1)).not.toHaveProperty('calls')
  })

  test('that a broker refused, or that were not sent, are named in the note', async () => {
    const { tracker, records } = trackerFixture(numbered)
    const request = tracker.start()
    await request.enqueue(() => undefined)
    request.headers()
    await expect(request.enqueue((headers) => Promise.reject(new Error(parentOf(headers))))).rejects.toThrow()
    expect(records.at(-1)).toMatchObject({
      event: 'ENQUEUE',
      data: { calls: [2, 2] },
      error: { message: 'b7ad6b7169203002' },
    })
  })
})

// What the conformance suite of https://www.w3.org/TR/trace-context-2/ checks of a service that makes several requests:
// the parent-id of each identifies that request, and the other fields stay.
describe('W3C Trace Context level 2, for request.headers()', () => {
  const received = `00-${TRACE}-00f067aa0ba902b7-01`
  const start = () => trackerFixture(numbered).tracker.start({ traceparent: received, tracestate: 'foo=1,bar=2' })

  test('several outgoing requests of one request have different parent ids', () => {
    const request = start()
    const parents = Array.from({ length: 50 }, () => parentOf(request.headers()))
    expect(new Set(parents).size).toBe(50)
  })

  test('no outgoing request has the parent id that was received, and none is all zero', () => {
    const request = start()
    for (let call = 0; call < 50; call += 1) {
      const parent = parentOf(request.headers())
      expect(parent).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
      expect(parent).not.toBe('00f067aa0ba902b7')
    }
  })

  test('trace-id, version and flags are the same for all, and tracestate is sent in order', () => {
    const request = start()
    for (let call = 0; call < 3; call += 1) {
      const headers = request.headers()
      expect(headers.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
      expect(headers.tracestate).toBe('foo=1,bar=2')
    }
  })
})

describe('the record of a call', () => {
  const target = { target: 'auth:3000', method: 'POST', path: '/check?token=hush' }

  test('has who sent it, where it went, how it ended, and how long it took', () => {
    const calls: CallRecord[] = []
    const sink = { write: () => undefined, call: (record: CallRecord) => void calls.push(record) }
    const { tracker, clock } = trackerFixture({ ...numbered, sinks: [sink] })
    const request = tracker.start()
    const time = clock.time
    const { headers, end } = startCall(request, () => target)
    request.headers()
    clock.time += 12
    end?.({ outcome: 'error', status: 503, error: new TypeError('no luck') })
    end?.({ outcome: 'ok' })
    expect(calls).toEqual([
      {
        lifecycle: 'call',
        time,
        service: 'api',
        trace_id: request.traceId,
        request_id: ID,
        call: 1,
        id: parentOf(headers),
        target: 'auth:3000',
        method: 'POST',
        path: '/check',
        outcome: 'error',
        status: 503,
        duration_ms: 12,
        error: { type: 'TypeError', message: 'no luck' },
      },
    ])
  })

  test('is published on a channel', () => {
    const published: unknown[] = []
    const listen = (record: unknown): void => void published.push(record)
    subscribe('throughline:call', listen)
    onTestFinished(() => {
      unsubscribe('throughline:call', listen)
    })
    const request = trackerFixture(numbered).tracker.start()
    startCall(request, () => target).end?.({ outcome: 'ok' })
    expect(published).toMatchObject([{ lifecycle: 'call', call: 1, outcome: 'ok' }])
  })

  test('is not made, nor is its target described, if nobody listens', () => {
    const request = trackerFixture(numbered).tracker.start()
    expect(startCall(request, () => expect.unreachable()).end).toBeUndefined()
  })

  test('is a note of the log with calls: log', () => {
    const { tracker, records, clock } = trackerFixture({ ...numbered, calls: 'log' })
    const request = tracker.start()
    const { end } = startCall(request, () => target)
    clock.time += 7
    end?.({ outcome: 'ok', status: 200 })
    expect(records.at(-1)).toMatchObject({
      lifecycle: 'note',
      event: 'CALL',
      time: clock.time,
      data: {
        call: 1,
        target: 'auth:3000',
        method: 'POST',
        path: '/check',
        outcome: 'ok',
        status: 200,
        duration_ms: 7,
      },
    })
  })

  test('that a sink cannot take, or a target that cannot be described, is counted as a fault', () => {
    const oops = (): never => {
      throw new Error('disk full')
    }
    const { tracker } = trackerFixture({ ...numbered, sinks: [{ write: () => undefined, call: oops }] })
    const request = tracker.start()
    startCall(request, () => target).end?.({ outcome: 'ok' })
    expect(observeCall(request, oops)).toBeUndefined()
    expect(tracker.stats.faults).toBe(2)
  })

  test('an unknown value of the option calls is refused', () => {
    // Untyped callers may pass this.
    expect(() => trackerFixture({ calls: 'all' as 'log' })).toThrow('option "calls" must be')
  })
})

describe('the record of a call', () => {
  const recordOf = (redact: readonly string[]): CallRecord | undefined => {
    let received: CallRecord | undefined
    const sink = { write: () => undefined, call: (record: CallRecord) => void (received = record) }
    const { tracker } = trackerFixture({ ...numbered, redact, sinks: [sink] })
    const target = { target: 'catalog', method: 'GET', path: '/reset/hush-4242' }
    startCall(tracker.start(), () => target).end?.({ outcome: 'error', error: new Error('hush-4242') })
    return received
  }

  test('is masked as its note is: by the paths under data and error', () => {
    const record = recordOf(['error.message', 'data.path'])
    expect(record).toMatchObject({ target: 'catalog', path: '[Redacted]', error: { message: '[Redacted]' } })
    expect(JSON.stringify(record)).not.toContain('hush')
    expect(recordOf([])).toMatchObject({ path: '/reset/hush-4242', error: { message: 'hush-4242' } })
  })

  test('does not exist of an ignored request', () => {
    const calls: CallRecord[] = []
    const sink = { write: () => undefined, call: (record: CallRecord) => void calls.push(record) }
    const { tracker } = trackerFixture({ ...numbered, sinks: [sink] })
    const call = tracker.trackRequest(
      (_job: string) => {
        const request = currentRequest()
        if (request !== undefined) startCall(request, () => ({ target: 'catalog' })).end?.({ outcome: 'ok' })
        return request?.calls
      },
      { ignore: () => true },
    )
    expect(call('job')).toBe(1)
    expect(calls).toEqual([])
  })
})
