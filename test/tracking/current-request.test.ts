import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, test, vi } from 'vitest'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import { deferred } from '../deferred.ts'
import { trackerFixture } from '../tracker-fixture.ts'

describe('the current request', () => {
  test('is undefined outside a request', () => {
    expect([currentRequest(), currentTraceId(), traceMixin()]).toEqual([undefined, '', {}])
    expect(currentRequest({})).toBeUndefined()
  })

  test('is the same for every copy of the package in the process', async () => {
    const { tracker } = trackerFixture()
    vi.resetModules()
    const copy = await import('../../src/tracking/current-request.ts')
    expect(copy.currentRequest).not.toBe(currentRequest)
    const request = tracker.start()
    request.run(() => expect([copy.currentRequest(), copy.currentTraceId()]).toEqual([request, 'trace-1']))
  })

  test('is available after every await, and gone after the request', async () => {
    const { tracker } = trackerFixture()
    const request = tracker.start()
    const gate = deferred()
    const running = request.run(async () => {
      await gate.promise
      return [currentRequest(), currentTraceId(), traceMixin()]
    })
    expect(currentRequest()).toBeUndefined()
    gate.resolve()
    expect(await running).toEqual([request, 'trace-1', { trace_id: 'trace-1', request_id: '0000000000000001' }])
    expect(currentRequest()).toBeUndefined()
  })

  test('is the innermost one, and each of several concurrent requests has its own', async () => {
    const { tracker } = trackerFixture()
    const gate = deferred()
    const run = tracker.trackRequest(async (outer: string) => {
      const inner = tracker.start()
      expect(inner.run(currentTraceId)).toBe(inner.traceId)
      await gate.promise
      return `${outer} ${currentTraceId()}`
    })
    const all = Promise.all(['a', 'b', 'c'].map((name) => run(name)))
    gate.resolve()
    expect(await all).toEqual(['a trace-1', 'b trace-3', 'c trace-5'])
  })

  test("is attached to the host's object without changing what it serializes to; a frozen object is left alone", () => {
    const { tracker } = trackerFixture()
    const job = { n: 1 }
    const traceOf: (host: object, more?: string) => string | undefined = (host) => currentRequest(host)?.traceId
    const run = tracker.trackRequest(traceOf)
    expect(run(job)).toBe('trace-1')
    expect(currentRequest(job)?.traceId).toBe('trace-1')
    expect(Object.keys(job)).toEqual(['n'])
    expect(JSON.stringify(job)).toBe('{"n":1}')
    expect(run(Object.freeze({}))).toBe('trace-2')
  })

  test("adds its ids to the application's lines, only inside a request", () => {
    const lines: string[] = []
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString())
        done()
      },
    })
    const logger = pino({ mixin: traceMixin, base: null, timestamp: false }, stream)
    const { tracker } = trackerFixture()
    logger.info({ a: 1 }, 'outside')
    tracker.start().run(() => logger.info({ a: 1 }, 'inside'))
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 30, a: 1, msg: 'outside' },
      { level: 30, trace_id: 'trace-1', request_id: '0000000000000001', a: 1, msg: 'inside' },
    ])
  })
})

test('every record is published on the diagnostics channel while there are subscribers', () => {
  const { tracker, records } = trackerFixture()
  const received: unknown[] = []
  const receive = (record: unknown): void => void received.push(record)
  subscribe('throughline:record', receive)
  const request = tracker.start()
  request.note('X')
  unsubscribe('throughline:record', receive)
  request.note('Y')
  expect(received).toEqual(records.slice(0, 2))
})
