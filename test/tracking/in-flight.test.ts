import { describe, expect, test, vi } from 'vitest'
import { trackerFixture, START, summarize } from '../tracker-fixture.ts'

describe('stuck', () => {
  test('returns the requests that have exceeded the limit of their state', () => {
    const { tracker, clock } = trackerFixture()
    const slow = tracker.start()
    clock.time += 10_000
    expect(tracker.stuck()).toEqual([])
    clock.time += 1
    expect(tracker.stuck()).toEqual([
      {
        trace_id: 'trace-1',
        request_id: '0000000000000001',
        service: 'api',
        state: 'Received',
        since: START,
        age_ms: 10_001,
        stuck_after_ms: 10_000,
        attempts: 0,
        last_error: null,
      },
    ])
    slow.authenticated()
    expect(tracker.stuck()).toEqual([])
    clock.time += 30_001
    expect(tracker.stuck().map(({ state, age_ms }) => [state, age_ms])).toEqual([['Authenticated', 30_001]])
    slow.processing()
    slow.responded()
    clock.time += 1e9
    expect(tracker.stuck()).toEqual([])
  })

  test('accepts one limit for all states, or limits by state, where other states keep their own', () => {
    const { tracker, clock } = trackerFixture()
    tracker.start()
    tracker.start().authenticated()
    clock.time += 11_000
    const states = (limits?: Parameters<typeof tracker.stuck>[0]): string[] =>
      tracker.stuck(limits).map(({ state, stuck_after_ms }) => `${state} ${String(stuck_after_ms)}`)
    expect(states()).toEqual(['Received 10000'])
    expect(states('1s')).toEqual(['Received 1000', 'Authenticated 1000'])
    expect(states(20_000)).toEqual([])
    expect(states({ Authenticated: '5s' })).toEqual(['Received 10000', 'Authenticated 5000'])
    expect(states({ Received: 60_000 })).toEqual([])
  })

  test('rejects an unknown state and an invalid duration', () => {
    const { tracker } = trackerFixture()
    expect(() => tracker.stuck({ Nowhere: '5s' })).toThrow(expect.objectContaining({ code: 'THROUGHLINE_BAD_STATE' }))
    expect(() => tracker.stuck({ constructor: 5 })).toThrow(expect.objectContaining({ code: 'THROUGHLINE_BAD_STATE' }))
    expect(() => tracker.stuck('soon')).toThrow(expect.objectContaining({ code: 'THROUGHLINE_BAD_DURATION' }))
  })

  test('finds resumed requests whatever the order in which they were resumed, the longest wait first', () => {
    const { tracker, clock } = trackerFixture()
    const resume = (since: number): unknown =>
      tracker.resume({ 'x-trace-id': 't', 'x-lifecycle': `00000000000000aa;Queued;3;${String(since)}` })
    for (const age of [1_000, 2_000_000, 3_000_000, 0]) resume(clock.time - age)
    expect(tracker.stuck().map(({ age_ms, attempts }) => [age_ms, attempts])).toEqual([
      [3_000_000, 1],
      [2_000_000, 1],
    ])
  })

  test('includes the last error that was noted', () => {
    const { tracker, clock } = trackerFixture()
    const request = tracker.start()
    request.emitNote('note', 'ENQUEUE', { error: new Error('first') })
    request.emitNote('note', 'ENQUEUE', { error: new TypeError('broker is down') })
    request.note('CACHE_MISS')
    clock.time += 20_000
    expect(tracker.stuck().map(({ last_error }) => last_error)).toEqual([
      { type: 'TypeError', message: 'broker is down' },
    ])
  })

  test('reports nothing after the clock was set back, and no time is negative', () => {
    const { tracker, clock, records } = trackerFixture()
    const request = tracker.start()
    clock.time -= 60_000
    expect(tracker.stuck()).toEqual([])
    for (const event of ['AUTH_OK', 'PROCESS', 'RESPOND']) request.send(event)
    expect(records.map((record) => ('dwell_ms' in record ? record.dwell_ms : undefined))).toEqual([undefined, 0, 0, 0])
    expect(records.at(-1)).toMatchObject({ duration_ms: 0 })
  })
})

describe('requests in flight', () => {
  test('are those that have neither ended nor been handed off', async () => {
    const { tracker } = trackerFixture()
    const [open, ended, queued, refused] = [tracker.start(), tracker.start(), tracker.start(), tracker.start()]
    for (const event of ['AUTH_OK', 'PROCESS', 'RESPOND']) ended.send(event)
    await queued.enqueue(() => undefined)
    refused.failed()
    expect(tracker.inFlight()).toEqual([open])
    expect(tracker.stats).toMatchObject({ requests: 4, inFlight: 1 })
  })

  test('get a SHUTDOWN note when the tracker closes, and all sinks are flushed even if one throws', () => {
    let flushed = 0
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const broken = {
      write: () => undefined,
      flush: () => {
        throw new Error('gone')
      },
    }
    const { tracker, records } = trackerFixture({
      sinks: [broken, { write: () => undefined, flush: () => void (flushed += 1) }],
    })
    tracker.start()
    tracker.start().failed()
    tracker.close()
    stderr.mockRestore()
    expect(summarize(records)).toEqual([
      '0 Received',
      '0 Received',
      '1 AUTH_ERROR Failed denied',
      'note SHUTDOWN in Received',
    ])
    expect(flushed).toBe(1)
    expect(tracker.stats.faults).toBe(1)
  })
})
