import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { trackerFixture, START, summarize } from '../tracker-fixture.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const carrier = {
  'x-trace-id': '0af76519-16cd-43dd-8448-eb211c80319c',
  traceparent: TRACEPARENT,
  'x-lifecycle': `b7ad6b7169203331;Queued;3;${String(START - 500)}`,
}

describe('a worker resumes the request that a message hands off', () => {
  test('in its state, with its ids, and completes it', () => {
    const { tracker, records, clock } = trackerFixture()
    const request = tracker.resume(carrier)
    expect(request).toMatchObject({
      traceId: carrier['x-trace-id'],
      requestId: 'b7ad6b7169203331',
      state: 'Queued',
      seq: 3,
      since: START - 500,
      attempt: 1,
    })
    expect(tracker.inFlight()).toEqual([request])
    clock.time += 20
    expect(request.completed()).toBe(true)
    expect(summarize(records)).toEqual(['note ATTEMPT in Queued', '4 COMPLETE Completed ok'])
    // The time in the queue is the difference between the wall clocks of two processes.
    expect(records[1]).toMatchObject({ dwell_ms: 520, attempt: 1, request_id: 'b7ad6b7169203331' })
    expect(tracker.inFlight()).toEqual([])
  })

  test.each([
    [2, 2],
    [0, 1],
    [-3, 1],
    [1.5, 1],
    [NaN, 1],
    [undefined, 1],
  ])('attempt %s is logged as %d on every line', (attempt, logged) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.resume(carrier, { attempt })
    request.note('X')
    request.responded()
    request.completed()
    expect(records.map((record) => record.attempt)).toEqual([logged, logged, logged, logged])
  })

  test("the wait is never negative, even if the sender's clock is ahead", () => {
    const { tracker, records } = trackerFixture()
    tracker.resume({ ...carrier, 'x-lifecycle': `b7ad6b7169203331;Queued;3;${String(START + 90_000)}` }).completed()
    expect(records.at(-1)).toMatchObject({ dwell_ms: 0 })
  })

  test.each([
    ['a state that the machine does not have', 'b7ad6b7169203331;Nowhere;3;5'],
    ['a final state', 'b7ad6b7169203331;Responded;3;5'],
    ['a member of Object.prototype', 'b7ad6b7169203331;constructor;3;5'],
    ['an invalid request id', 'zzzz;Queued;3;5'],
    ['the zero request id', '0000000000000000;Queued;3;5'],
    ['a negative seq', 'b7ad6b7169203331;Queued;-3;5'],
    ['a stray percent sign', 'b7ad6b7169203331;Queued%;3;5'],
    ['too many fields', 'b7ad6b7169203331;Queued;3;5;6;7'],
    ['an empty value', ''],
    ['arbitrary characters', '💥'.repeat(1_000)],
  ])('x-lifecycle with %s starts a request whose parent is the sender', (_, lifecycle) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.resume({ ...carrier, 'x-lifecycle': lifecycle })
    expect(request).toMatchObject({
      traceId: carrier['x-trace-id'],
      requestId: '0000000000000001',
      parentId: 'b7ad6b7169203331',
      state: 'Received',
      attempt: undefined,
    })
    expect(records).toEqual([expect.objectContaining({ seq: 0, state: 'Received', parent_id: 'b7ad6b7169203331' })])
  })

  test('without a trace id a new request is started', () => {
    const { tracker } = trackerFixture()
    expect(tracker.resume({ 'x-lifecycle': carrier['x-lifecycle'] })).toMatchObject({
      traceId: 'trace-1',
      state: 'Received',
      attempt: undefined,
    })
  })

  test('an HTTP caller cannot resume a request', () => {
    const { tracker } = trackerFixture()
    expect(tracker.start(carrier)).toMatchObject({
      state: 'Received',
      requestId: '0000000000000001',
      attempt: undefined,
    })
  })
})

describe('a wrapped worker', () => {
  const job = { headers: carrier, tries: 1 }
  type Job = typeof job

  function worker(
    machine: typeof requestWithRetriesMachine | undefined,
    work: (job: Job) => unknown,
  ): { run: (job: Job) => unknown; records: LifecycleRecord[]; left: () => number } {
    const { tracker, records } = trackerFixture(machine === undefined ? {} : { machine })
    const run = tracker.trackRequest(work, {
      carrier: (sent) => sent.headers,
      attempt: (sent) => sent.tries,
      willRetry: (_error, sent) => sent.tries < 3,
    })
    return { run, records, left: () => tracker.inFlight().length }
  }

  const fails = (): Promise<never> => Promise.reject(new Error('no'))

  test('with the default machine notes attempts and retries, and completes with the last attempt', async () => {
    const { run, records, left } = worker(undefined, fails)
    for (const tries of [1, 2, 3]) await expect(run({ ...job, tries })).rejects.toThrow('no')
    expect(summarize(records)).toEqual([
      ...['note ATTEMPT in Queued', 'note RETRY in Queued', 'note ATTEMPT in Queued', 'note RETRY in Queued'],
      ...['note ATTEMPT in Queued', '4 COMPLETE Completed error'],
    ])
    expect(records.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2, 3, 3])
    expect(records.at(-1)).toMatchObject({ error: { message: 'no' } })
    expect(left()).toBe(0)
  })

  test('with the retries machine makes them transitions, each from the state and seq of the carrier', async () => {
    const { run, records, left } = worker(requestWithRetriesMachine, fails)
    for (const tries of [1, 2, 3]) await expect(run({ ...job, tries })).rejects.toThrow('no')
    expect(summarize(records)).toEqual([
      '4 ATTEMPT Working',
      '5 RETRY Queued',
      '4 ATTEMPT Working',
      '5 RETRY Queued',
      '4 ATTEMPT Working',
      '5 FAIL Failed error',
    ])
    expect(left()).toBe(0)
  })

  test.each([undefined, requestWithRetriesMachine])('returns what the job returns, and completes', async (machine) => {
    const { run, records } = worker(machine, () => Promise.resolve(42))
    expect(await run(job)).toBe(42)
    expect(summarize(records).at(-1)).toMatch(/COMPLETE Completed ok$/)
    const sync = worker(machine, () => 43)
    expect(sync.run(job)).toBe(43)
    expect(summarize(sync.records).at(-1)).toMatch(/COMPLETE Completed ok$/)
  })

  test('starts a request for a message without one, ends it as answered, and retries as another', async () => {
    for (const machine of [undefined, requestWithRetriesMachine]) {
      const { run, records, left } = worker(machine, fails)
      await expect(run({ headers: { ...carrier, 'x-lifecycle': '' }, tries: 1 })).rejects.toThrow('no')
      expect(summarize(records)[0]).toBe('0 Received')
      expect(summarize(records).filter((line) => line.startsWith('rejected'))).toEqual([])
      expect(records.at(-1)).toMatchObject({ outcome: 'error', state: machine === undefined ? 'Responded' : 'Failed' })
      expect(left()).toBe(0)
    }
  })
})
