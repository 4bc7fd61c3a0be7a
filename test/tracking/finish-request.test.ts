import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import type { RequestEnd } from '../../src/tracking/finish-request.ts'
import { expectValidRun, summarizeTransitions, trackerFixture, summarize } from '../tracker-fixture.ts'

const error = new Error('no')

describe('a response that ends in an earlier state takes the skipped steps as implied ones', () => {
  test.each<[after: string[], end: RequestEnd, expected: string[]]>([
    [
      [],
      { outcome: 'ok', status: 200 },
      ['1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
    ],
    [
      ['AUTH_OK'],
      { outcome: 'ok', status: 200 },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
    ],
    [
      ['AUTH_OK', 'PROCESS'],
      { outcome: 'error', error },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing', '3 RESPOND Responded error'],
    ],
    [
      ['AUTH_OK'],
      { outcome: 'aborted' },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded aborted'],
    ],
    [[], { outcome: 'denied', status: 401 }, ['1 AUTH_ERROR Failed denied']],
    // The caller was never authenticated, so AUTH_OK is not implied.
    [[], { outcome: 'aborted' }, ['1 AUTH_ERROR Failed implied aborted']],
  ])('after %j, %j', (after, end, expected) => {
    const { tracker, table, records } = trackerFixture()
    const request = tracker.start()
    for (const event of after) request.send(event)
    request.finish(end)
    request.finish({ outcome: 'error', error })
    expect(summarizeTransitions(records).slice(1)).toEqual(expected)
    expect(records.at(-1)).toMatchObject({
      ...(end.status === undefined ? {} : { status: end.status }),
      ...(end.error === undefined ? {} : { error: { message: 'no' } }),
    })
    expectValidRun(table, records)
  })

  test.each<[after: string[], end: RequestEnd, expected: string[]]>([
    [[], { outcome: 'error', error }, ['1 AUTH_OK Authenticated implied', '2 FAIL Failed error']],
    [
      ['AUTH_OK', 'PROCESS'],
      { outcome: 'error', error },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing', '3 FAIL Failed error'],
    ],
    [[], { outcome: 'aborted' }, ['1 ABORT Failed aborted']],
    [['AUTH_OK'], { outcome: 'aborted' }, ['1 AUTH_OK Authenticated', '2 ABORT Failed aborted']],
    [
      ['AUTH_OK'],
      { outcome: 'ok' },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
    ],
  ])('with the retries machine after %j, %j', (after, end, expected) => {
    const { tracker, records } = trackerFixture({ machine: requestWithRetriesMachine })
    const request = tracker.start()
    for (const event of after) request.send(event)
    request.finish(end)
    expect(summarizeTransitions(records).slice(1)).toEqual(expected)
  })
})

describe('a user-defined machine', () => {
  test('that has none of our signals ends by the shortest path', () => {
    const machine = createMachine({
      initial: 'Open',
      states: {
        Open: { on: { STEP: 'Half', GIVE_UP: 'Half' } },
        Half: { on: { STEP: 'Done', AGAIN: 'Open' } },
        Done: { type: 'final' },
      },
    })
    const { tracker, records } = trackerFixture({ machine })
    tracker.start().finish({ outcome: 'ok', status: 200 })
    expect(summarize(records)).toEqual(['0 Open', '1 STEP Half implied', '2 STEP Done ok'])
    expect(tracker.inFlight()).toEqual([])
  })

  test.each(['log', 'throw'] as const)(
    'whose final states are unreachable is released, and the request is not stuck (onInvalid: %s)',
    (onInvalid) => {
      const machine = createMachine({
        initial: 'A',
        states: {
          A: { on: { GO: 'B' } },
          B: { on: { GO: 'A' } },
          Lost: { on: { RESPOND: 'End' } },
          End: { type: 'final' },
        },
      })
      const { tracker, records, clock } = trackerFixture({ machine, onInvalid })
      tracker.start().finish({ outcome: 'ok', status: 200 })
      clock.time += 1e9
      expect(summarize(records)).toEqual(['0 A', 'note RESPOND in A'])
      expect(tracker.inFlight()).toEqual([])
      expect(tracker.stuck()).toEqual([])
    },
  )

  test('never makes a wrapped function throw, even with onInvalid throw', async () => {
    const machine = createMachine({
      initial: 'Start',
      states: {
        Start: { on: { WORK: 'Busy' } },
        Busy: { on: { RESPOND: 'Done', RETRY: 'Start', AUTH_OK: 'Busy' } },
        Done: { type: 'final' },
      },
    })
    const { tracker, records } = trackerFixture({ machine, onInvalid: 'throw' })
    const run = tracker.trackRequest((): Promise<never> => Promise.reject(error), { willRetry: () => true })
    await expect(run()).rejects.toBe(error)
    expect(summarize(records)).toEqual([
      '0 Start',
      'note RETRY in Start',
      '1 WORK Busy implied',
      '2 RESPOND Done error',
    ])
  })
})

describe('a request that is ended manually records its outcome', () => {
  test.each([
    [{}, { outcome: 'ok' }],
    [{ status: 404 }, { outcome: 'ok', status: 404 }],
    [{ status: 503 }, { outcome: 'error', status: 503 }],
    [{ error }, { outcome: 'error', error: { type: 'Error', message: 'no' } }],
    [
      { outcome: 'aborted', status: 200 },
      { outcome: 'aborted', status: 200 },
    ],
  ] as const)('%j', (end, expected) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    request.authenticated()
    request.processing()
    expect(request.responded(end)).toBe(true)
    expect(records.at(-1)).toMatchObject({ state: 'Responded', ...expected })
  })
})
