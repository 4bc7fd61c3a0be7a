import fc from 'fast-check'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino, type Logger } from 'pino'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { memorySink } from '../../src/sinks/memory.ts'
import { isTraceId, newRequestId, newTraceId } from '../../src/trace/trace-id.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { ask } from '../adapters/http-client.ts'
import { expectValidRun } from '../tracker-fixture.ts'
import { addRow, count } from './_fault-row.ts'
import { startProgram } from './_program.ts'
import { RUNS } from './_run-counts.ts'

const CALLBACKS = [
  'sink',
  'flush',
  'stream',
  'mixin',
  'child',
  'clock',
  'traceId',
  'requestId',
  'trust',
  'carrier',
  'attempt',
  'path',
  'willRetry',
] as const
type Callback = (typeof CALLBACKS)[number]

/** Wraps a function so that it sometimes throws. */
type Flaky = <Args extends unknown[], R>(name: Callback, fn: (...args: Args) => R) => (...args: Args) => R

/** A pino whose user-supplied parts may throw. */
function flakyLogger(flaky: Flaky): Logger {
  const mayThrow = flaky('child', () => undefined)
  // createTracker creates the first child and may throw its error.
  let children = 0
  const onChild = (): void => (children++ > 0 ? mayThrow() : undefined)
  return pino({ mixin: flaky('mixin', () => ({})), onChild }, { write: flaky('stream', () => undefined) })
}

function flakyTracker(flaky: Flaky): { tracker: Tracker; records: LifecycleRecord[] } {
  const sink = memorySink()
  const tracker = createTracker({
    service: 'api',
    logger: flakyLogger(flaky),
    sinks: [{ write: flaky('sink', () => undefined), flush: flaky('flush', () => undefined) }, sink],
    now: flaky('clock', () => Date.now()),
    newTraceId: flaky('traceId', newTraceId),
    newRequestId: flaky('requestId', newRequestId),
    trustIncoming: flaky('trust', () => true),
  })
  return { tracker, records: sink.records }
}

/** Calls wrapped HTTP handlers and functions. Fails unless each call has the result that it has without a tracker. */
async function callAll(tracker: Tracker, flaky: Flaky): Promise<void> {
  const server = createServer(
    tracker.trackRequest((req, res) =>
      req.url === '/throws' ? Promise.reject(new Error('failed on purpose')) : res.end('served'),
    ),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // The address of a server that listens on TCP is an AddressInfo.
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const work = tracker.trackRequest(
    (number: number) => (number < 0 ? Promise.reject(new Error('failed on purpose')) : Promise.resolve(number + 1)),
    {
      carrier: flaky('carrier', () => ({ 'x-trace-id': 'abc' })),
      attempt: flaky('attempt', () => 1),
      path: flaky('path', () => 'queue'),
      willRetry: flaky('willRetry', () => false),
    },
  )
  const responses = await Promise.all(
    ['/ok', '/throws', '/ok'].map((path) => ask(`${url}${path}`, { headers: { 'x-trace-id': 'theirs' } })),
  )
  expect(responses.map(({ status, body }) => [status, body])).toEqual([
    [200, 'served'],
    [500, 'Internal Server Error\n'],
    [200, 'served'],
  ])
  for (const { headers } of responses) expect(isTraceId(headers['x-trace-id'])).toBe(true)
  expect(await work(1)).toBe(2)
  await expect(work(-1)).rejects.toThrow('failed on purpose')
  await new Promise((resolve) => server.close(resolve))
}

describe('a callback that throws', () => {
  test('changes no result, loses no record of a working sink, and is reported once', async (context) => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => stderr.mockRestore())
    let faults = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...CALLBACKS)),
        fc.infiniteStream(fc.boolean()),
        async (names, decisions) => {
          stderr.mockClear()
          let thrown = 0
          const failing = new Set(names)
          const flaky: Flaky =
            (name, fn) =>
            (...args) => {
              if (!failing.has(name) || decisions.next().value === false) return fn(...args)
              thrown += 1
              throw new Error(`${name} failed`)
            }
          const { tracker, records } = flakyTracker(flaky)
          await callAll(tracker, flaky)
          expect(() => tracker.close()).not.toThrow()
          const ids = new Set(records.map(({ request_id }) => request_id))
          expect(ids.size).toBe(5)
          for (const id of ids) {
            expectValidRun(
              tracker.core.settings.table,
              records.filter(({ request_id }) => request_id === id),
            )
          }
          expect(tracker.stats).toMatchObject({ requests: 5, inFlight: 0, faults: thrown })
          expect(stderr.mock.calls.length).toBe(thrown === 0 ? 0 : 1)
          faults += thrown
          // The tracker is closed again when the process ends.
          failing.clear()
        },
      ),
      { numRuns: RUNS.throwingRuns },
    )
    expect(faults).toBeGreaterThan(0)
    addRow(context, {
      fault: 'sinks, loggers, clocks, id generators and options that throw at random',
      tried: `${count(faults)} faults in ${count(RUNS.throwingRuns * 5)} requests`,
      lost: 'no request, and no record of a working sink',
    })
  })

  test('in the form of a rejected promise of a sink does not end the process', async () => {
    const program = await startProgram('rejecting-sink')
    expect(await Promise.race([program.call('start'), program.ended])).toMatchObject({ requests: 1, faults: 1 })
  })

  test('in the form of a rejected promise of flush() in close() does not end the process', async () => {
    const program = await startProgram('rejecting-sink')
    expect(await Promise.race([program.call('close'), program.ended])).toMatchObject({ faults: 1 })
  })
})
