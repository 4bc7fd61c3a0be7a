import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import type { ManualEnd } from '../../src/tracking/finish-request.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { expectValidRun, summarizeTransitions, summarize, trackerFixture } from '../tracker-fixture.ts'

const STEPS = ['1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied']

describe.each(['responded', 'completed'] as const)('%s() of a request that was started by hand', (method) => {
  test.each<[after: string[], end: ManualEnd, expected: string[]]>([
    [[], {}, [...STEPS, '3 RESPOND Responded ok']],
    [[], { status: 503 }, [...STEPS, '3 RESPOND Responded error']],
    [[], { error: new Error('no') }, [...STEPS, '3 RESPOND Responded error']],
    [[], { outcome: 'aborted' }, ['1 AUTH_ERROR Failed implied aborted']],
    [[], { status: 401 }, ['1 AUTH_ERROR Failed denied']],
    [['AUTH_OK'], {}, ['1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok']],
    [
      ['AUTH_OK'],
      { status: 403 },
      ['1 AUTH_OK Authenticated', '2 PROCESS Processing implied', '3 RESPOND Responded ok'],
    ],
  ])('after %j, %j', (after, end, expected) => {
    const { tracker, table, records } = trackerFixture()
    const request = tracker.start()
    for (const event of after) request.send(event)
    expect(request[method](end)).toBe(true)
    expect(summarizeTransitions(records).slice(1)).toEqual(expected)
    expectValidRun(table, records)
    expect(tracker.inFlight()).toEqual([])
    expect(request[method](end)).toBe(false)
  })

  test('after it was handed off, how its caller was answered is a note', async () => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    await request.enqueue(() => 'sent')
    const changed = request[method]({ status: 202 })
    // Only `completed()` is a step of Queued: whoever calls it in the process that sends has the message itself.
    expect(changed).toBe(method === 'completed')
    expect(summarize(records).at(-1)).toBe(changed ? '4 COMPLETE Completed ok' : 'note RESPOND in Queued')
  })

  test('of a machine that knows no such event: its shortest way to an end', () => {
    const machine = createMachine({ initial: 'A', states: { A: { on: { GO: 'B' } }, B: { type: 'final' } } })
    const { tracker, records } = trackerFixture({ machine })
    expect(tracker.start()[method]()).toBe(true)
    expect(summarize(records)).toEqual(['0 A', '1 GO B ok'])
  })
})

test.each<[string, (request: TrackedRequest) => boolean]>([
  ['responded()', (request) => request.responded()],
  ['completed()', (request) => request.completed()],
])('a resumed request is completed by %s', (_, end) => {
  const { tracker, records } = trackerFixture({ machine: requestWithRetriesMachine })
  const request = tracker.resume({ 'x-trace-id': 't', 'x-lifecycle': '00000000000000aa;Queued;3;5' })
  expect(end(request)).toBe(true)
  expect(summarize(records)).toEqual(['4 ATTEMPT Working', '5 COMPLETE Completed ok'])
})
