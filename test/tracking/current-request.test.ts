import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import { deferred } from '../deferred.ts'
import { trackerFixture } from '../tracker-fixture.ts'

describe('the request in hand', () => {
  test('is none outside of a request', () => {
    expect([currentRequest(), currentTraceId(), traceMixin()]).toEqual([undefined, '', {}])
    expect(currentRequest({})).toBeUndefined()
  })

  test('is found through every await, and gone afterwards', async () => {
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

  test('is the innermost, and each of many at once finds its own', async () => {
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

  test("hangs on the host's object, also where the context is lost, and also where that is frozen it harms nothing", () => {
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

  test("stamps the application's own lines, and only those inside of a request", () => {
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

test('every record is offered on the diagnostics channel, to whoever subscribes', () => {
  const { tracker, records } = trackerFixture()
  const heard: unknown[] = []
  const hear = (record: unknown): void => void heard.push(record)
  subscribe('throughline:record', hear)
  const request = tracker.start()
  request.note('X')
  unsubscribe('throughline:record', hear)
  request.note('Y')
  expect(heard).toEqual(records.slice(0, 2))
})
