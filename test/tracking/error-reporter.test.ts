import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest'
import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { isTraceId } from '../../src/trace/trace-id.ts'
import { summarizeTransitions, trackerFixture } from '../tracker-fixture.ts'

let stderr: MockInstance<typeof process.stderr.write>
beforeEach(() => {
  stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => stderr.mockRestore())

const oops = (): never => {
  throw new Error('oops')
}
const unreadable = new Proxy(new Error('x'), { get: oops, getPrototypeOf: oops })

describe('an error in tracking is counted and printed once to stderr, and the request continues', () => {
  test.each<[what: string, options: Partial<TrackerOptions>]>([
    ['a sink that throws', { sinks: [{ write: oops }] }],
    [
      'a sink that throws an unreadable error',
      {
        sinks: [
          {
            write: () => {
              throw unreadable
            },
          },
        ],
      },
    ],
    ['a logger whose stream throws', { logger: pino({}, { write: oops }) }],
    ['a logger whose mixin throws', { logger: pino({ mixin: oops }, { write: () => undefined }) }],
    ['a logger whose formatter throws', { logger: pino({ formatters: { log: oops } }, { write: () => undefined }) }],
    ['a clock that throws', { now: oops }],
    ['a clock that does not return a number', { now: () => NaN }],
    ['a newTraceId that throws', { newTraceId: oops }],
    ['a newTraceId that returns an invalid id', { newTraceId: () => 'a b' }],
    ['a newRequestId that throws', { newRequestId: oops }],
    ['a newRequestId that returns an invalid id', { newRequestId: () => '0000000000000000' }],
  ])('%s', async (_, options) => {
    const { tracker, records } = trackerFixture(options)
    const run = tracker.trackRequest((value: number) => Promise.resolve(value + 1))
    expect(await run(1)).toBe(2)
    expect(await run(2)).toBe(3)
    const steps = [
      '0 Received',
      '1 AUTH_OK Authenticated implied',
      '2 PROCESS Processing implied',
      '3 RESPOND Responded ok',
    ]
    expect(summarizeTransitions(records)).toEqual([...steps, ...steps])
    for (const { time, trace_id, request_id } of records) {
      expect(Number.isFinite(time) && isTraceId(trace_id)).toBe(true)
      expect(request_id).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
    }
    expect(tracker.stats.faults).toBeGreaterThan(0)
    expect(tracker.inFlight()).toEqual([])
    expect(stderr.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^throughline: tracking of "api" failed and the request went on: .+\n$/),
    ])
  })

  test("an error that the logger's stream emits is counted once", () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('ENOSPC')) })
    const { tracker } = trackerFixture({ logger: pino(stream) })
    expect(() => stream.emit('error', new Error('disk full'))).not.toThrow()
    expect(tracker.stats.faults).toBe(1)
  })

  test('if the trustIncoming predicate throws, incoming ids are not used', () => {
    const { tracker } = trackerFixture({ trustIncoming: oops })
    expect(tracker.start({ 'x-trace-id': 'abc' })).toMatchObject({ traceId: 'trace-1', parentId: undefined })
    expect([tracker.stats.faults, stderr.mock.calls.length]).toEqual([1, 1])
  })

  test('a sink that throws does not affect other sinks, and a closed stderr is tolerated', () => {
    stderr.mockImplementation(oops)
    const { tracker, records } = trackerFixture({ sinks: [{ write: oops }] })
    expect(() => tracker.start().note('X')).not.toThrow()
    expect(records.length).toBe(2)
    expect(tracker.stats.faults).toBe(2)
  })
})

describe('trustIncoming', () => {
  const carrier = { 'x-trace-id': 'theirs' }

  test.each([
    [undefined, 'theirs'],
    [true, 'theirs'],
    [false, 'trace-1'],
    [(source: unknown) => source === carrier, 'theirs'],
    [() => false, 'trace-1'],
  ])('%s', (trustIncoming, expected) => {
    const { tracker } = trackerFixture(trustIncoming === undefined ? {} : { trustIncoming })
    expect(tracker.start(carrier).traceId).toBe(expected)
  })
})
