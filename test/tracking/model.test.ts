import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { step } from '../../src/machine/table.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { flatMachine, nestedMachine, SIGNALS } from '../arbitraries.ts'
import { expectValidRun, trackerFixture, summarize } from '../tracker-fixture.ts'

const steps = fc.array(fc.record({ event: fc.constantFrom(...SIGNALS), note: fc.boolean(), wait: fc.nat(5_000) }), {
  maxLength: 25,
})

describe('a request follows its machine', () => {
  test('on random machines, after random signals', () => {
    fc.assert(
      fc.property(fc.oneof(flatMachine, nestedMachine), steps, (machine, signals) => {
        const { tracker, table, records, clock } = trackerFixture({ machine })
        const request = tracker.start()
        let state = table.initial
        for (const { event, note, wait } of signals) {
          clock.time += wait
          const [seq, since, before] = [request.seq, request.since, records.length]
          const edge = note ? undefined : step(table, state, event)
          if (note) request.note(event)
          else expect(request.send(event)).toBe(edge !== undefined)
          expect(records.length).toBe(before + 1)
          const kind =
            edge !== undefined ? 'transition' : note || table.event[event] === undefined ? 'note' : 'rejected'
          expect(records.at(-1)).toMatchObject({ lifecycle: kind, event, state: edge?.to ?? state, time: clock.time })
          if (edge === undefined) expect([request.seq, request.since, request.state]).toEqual([seq, since, state])
          else expect(records.at(-1)).toMatchObject({ dwell_ms: clock.time - since, from: state })
          state = edge?.to ?? state
          expect([request.state, request.ended]).toEqual([state, table.state[state]?.final])
          expect(tracker.inFlight()).toEqual(request.ended ? [] : [request])
        }
        expectValidRun(table, records)
        const count = (lifecycle: string): number => records.filter((record) => record.lifecycle === lifecycle).length
        expect(tracker.stats).toEqual({
          requests: 1,
          transitions: count('transition'),
          rejected: count('rejected'),
          inFlight: request.ended ? 0 : 1,
          faults: 0,
        })
      }),
      { numRuns: 300 },
    )
  })

  const calls: Readonly<Record<string, (request: TrackedRequest) => unknown>> = {
    authenticated: (request) => request.authenticated(),
    failed: (request) => request.failed('no'),
    processing: (request) => request.processing(),
    responded: (request) => request.responded(),
    completed: (request) => request.completed(),
    note: (request) => request.note('CACHE_MISS'),
    abort: (request) => request.send('ABORT'),
    enqueue: (request) => request.enqueue(() => 'sent'),
    refusedByBroker: (request) =>
      request.enqueue(() => Promise.reject(new Error('broker down'))).catch(() => undefined),
  }

  test.each([requestMachine, requestWithRetriesMachine])('$id, for random calls of its methods', async (machine) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...Object.keys(calls)), fc.boolean()), { maxLength: 12 }),
        async (order) => {
          const { tracker, table, records } = trackerFixture({ machine })
          const request = tracker.start()
          const pending: unknown[] = []
          for (const [name, waits] of order) {
            const result = calls[name]?.(request)
            pending.push(result)
            if (waits) await result
          }
          await Promise.all(pending)
          expectValidRun(table, records)
          expect(tracker.inFlight()).toEqual(request.ended || request.handedOver ? [] : [request])
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a final state', () => {
  test.each(['Responded', 'Failed', 'Completed'])('%s accepts no signal, and each is logged as rejected', (end) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    const paths: Record<string, string[]> = {
      Responded: ['AUTH_OK', 'PROCESS', 'RESPOND'],
      Failed: ['AUTH_ERROR'],
      Completed: ['AUTH_OK', 'PROCESS', 'ENQUEUE', 'COMPLETE'],
    }
    for (const event of paths[end] ?? []) expect(request.send(event)).toBe(true)
    expect([request.state, request.ended]).toEqual([end, true])
    const before = records.length
    expect([
      request.authenticated(),
      request.processing(),
      request.responded(),
      request.completed(),
      request.failed(),
    ]).toEqual(Array(5).fill(false))
    request.note('LATE')
    expect(summarize(records.slice(before))).toEqual(
      ['AUTH_OK', 'PROCESS', 'RESPOND', 'COMPLETE', 'AUTH_ERROR']
        .map((event) => `rejected ${event} in ${end}`)
        .concat(`note LATE in ${end}`),
    )
  })
})

describe("onInvalid: 'throw'", () => {
  test('logs a rejected signal and throws it to the caller', () => {
    const { tracker, records } = trackerFixture({ onInvalid: 'throw' })
    const request = tracker.start()
    expect(() => request.processing()).toThrow(
      expect.objectContaining({
        code: 'THROUGHLINE_INVALID_TRANSITION',
        message: 'PROCESS is not accepted in Received',
      }),
    )
    expect(summarize(records)).toEqual(['0 Received', 'rejected PROCESS in Received'])
    expect([request.state, request.seq]).toEqual(['Received', 0])
  })

  test('does not throw for notes and for events that the machine does not have', () => {
    const { tracker } = trackerFixture({ onInvalid: 'throw' })
    const request = tracker.start()
    expect(() => request.note('COMPLETE')).not.toThrow()
    expect(request.send('CACHE_MISS')).toBe(false)
  })
})
