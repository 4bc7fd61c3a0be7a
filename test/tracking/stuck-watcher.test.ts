import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { StuckRequest } from '../../src/record/stuck-request.ts'
import { trackerFixture, summarize, type TrackerFixture } from '../tracker-fixture.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Advances the clock and the timers. */
function advance({ clock }: TrackerFixture, ms: number): void {
  clock.time += ms
  vi.advanceTimersByTime(ms)
}

describe('watch', () => {
  test('logs one stuck line per state visit that exceeds its limit, and a note when the request moves on', () => {
    const seen = trackerFixture()
    const { tracker, records } = seen
    const alerts: StuckRequest[] = []
    tracker.watch({ every: '1s', onStuck: (stuck) => alerts.push(stuck) })
    const slow = tracker.start()
    const quick = tracker.start()
    advance(seen, 10_000)
    quick.authenticated()
    expect(alerts).toEqual([])
    advance(seen, 1_000)
    advance(seen, 5_000)
    expect(alerts).toEqual([
      expect.objectContaining({
        request_id: slow.requestId,
        state: 'Received',
        age_ms: 11_000,
        stuck_after_ms: 10_000,
      }),
    ])
    slow.authenticated()
    const ofSlow = records.filter(({ request_id }) => request_id === slow.requestId)
    expect(summarize(ofSlow)).toEqual([
      '0 Received',
      'stuck STUCK in Received',
      '1 AUTH_OK Authenticated',
      'note MOVED_ON in Authenticated',
    ])
    expect(ofSlow.map(({ data }) => data)).toEqual([
      undefined,
      { age_ms: 11_000, stuck_after_ms: 10_000 },
      undefined,
      { from: 'Received', after_ms: 16_000 },
    ])
    advance(seen, 31_000)
    expect(alerts.map(({ state }) => state)).toEqual(['Received', 'Authenticated', 'Authenticated'])
  })

  test('several watches write one line in all, and each calls its own function', () => {
    const seen = trackerFixture()
    const alerts: string[] = []
    seen.tracker.watch({
      every: 1_000,
      stuckAfter: '2s',
      onStuck: ({ stuck_after_ms }) => alerts.push(`first ${String(stuck_after_ms)}`),
    })
    seen.tracker.watch({
      every: 1_000,
      stuckAfter: { Received: '3s' },
      onStuck: ({ stuck_after_ms }) => alerts.push(`second ${String(stuck_after_ms)}`),
    })
    seen.tracker.start()
    for (let second = 0; second < 10; second += 1) advance(seen, 1_000)
    expect(alerts).toEqual(['first 2000', 'second 3000'])
    expect(summarize(seen.records)).toEqual(['0 Received', 'stuck STUCK in Received'])
  })

  test('a request that is released for another delivery gets the note too', () => {
    const seen = trackerFixture()
    seen.tracker.watch({ every: '1s' })
    const request = seen.tracker.resume({
      'x-trace-id': 't',
      'x-lifecycle': `00000000000000aa;Queued;3;${String(seen.clock.time - 3_600_000)}`,
    })
    advance(seen, 1_000)
    request.release()
    request.release()
    expect(summarize(seen.records)).toEqual([
      'note ATTEMPT in Queued',
      'stuck STUCK in Queued',
      'note MOVED_ON in Queued',
    ])
  })

  test.each([
    [
      'throws',
      (): void => {
        throw new Error('the pager is down')
      },
    ],
    ['returns a promise that rejects', () => Promise.reject(new Error('the pager is down'))],
  ])('an onStuck that %s is counted, and other requests are still reported', async (_, fail) => {
    const seen = trackerFixture()
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    seen.tracker.watch({ every: '1s', onStuck: () => fail() })
    seen.tracker.start()
    seen.tracker.start()
    advance(seen, 11_000)
    await Promise.resolve()
    expect(summarize(seen.records).filter((line) => line.startsWith('stuck'))).toHaveLength(2)
    expect(seen.tracker.stats.faults).toBe(2)
    stderr.mockRestore()
  })

  test.each([
    ['the function that it returns', (_: TrackerFixture, stop: () => void) => stop()],
    ['close()', ({ tracker }: TrackerFixture) => tracker.close()],
  ])('is stopped by %s', (_, end) => {
    const seen = trackerFixture()
    const stop = seen.tracker.watch({ every: '1s' })
    seen.tracker.start()
    end(seen, stop)
    advance(seen, 60_000)
    expect(summarize(seen.records)[0]).toBe('0 Received')
    expect(summarize(seen.records).filter((line) => line.startsWith('stuck'))).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('does not keep the process alive', () => {
    vi.useRealTimers()
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const stop = trackerFixture().tracker.watch()
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before)
    stop()
  })

  test('names an invalid option', () => {
    const { tracker } = trackerFixture()
    expect(() => tracker.watch({ every: 'often' })).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_DURATION' }),
    )
    for (const every of [0, '30d']) expect(() => tracker.watch({ every })).toThrow(/option "every" must be/)
    expect(() => tracker.watch({ stuckAfter: { Nowhere: '1s' } })).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_STATE' }),
    )
    // @ts-expect-error Untyped callers get the error immediately too.
    expect(() => tracker.watch({ onStuck: 'page me' })).toThrow(/option "onStuck" must be/)
  })
})

describe('the deadline of a request', () => {
  test("replaces its state's limit; an explicit limit applies if it is shorter", () => {
    const { tracker, clock } = trackerFixture()
    tracker.start(undefined, { timeLeft: 60_000 })
    tracker.start(undefined, { timeLeft: 2_000 })
    const stuck = (limits?: string): number[] => tracker.stuck(limits).map(({ stuck_after_ms }) => stuck_after_ms)
    clock.time += 15_000
    expect(stuck()).toEqual([2_000])
    expect(stuck('5s')).toEqual([5_000, 2_000])
    clock.time += 45_001
    expect(stuck()).toEqual([60_000, 2_000])
  })
})
