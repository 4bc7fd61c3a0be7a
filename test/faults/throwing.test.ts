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
import { expectLawful } from '../tracker-fixture.ts'
import { BUDGET } from './_budget.ts'
import { start } from './_program.ts'
import { count, tell } from './_server-stats.ts'

const PARTS = [
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
type Part = (typeof PARTS)[number]

/** Wraps functions so that they throw when it is their turn to. */
type Flaky = <Args extends unknown[], R>(part: Part, fn: (...args: Args) => R) => (...args: Args) => R

/** A pino of the user's in which everything may break that is the user's own. */
function flakyLogger(flaky: Flaky): Logger {
  const broken = flaky('child', () => undefined)
  // The first child is made with the tracker, whose maker learns of a logger that cannot be used.
  let made = 0
  const onChild = (): void => (made++ > 0 ? broken() : undefined)
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

/** Calls the tracker's wrappers of both kinds; whatever breaks, each call does what it would do without a tracker. */
async function callAll(tracker: Tracker, flaky: Flaky): Promise<void> {
  const server = createServer(
    tracker.trackRequest((req, res) =>
      req.url === '/throws' ? Promise.reject(new Error('no luck')) : res.end('served'),
    ),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has an address of this kind.
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const work = tracker.trackRequest(
    (number: number) => (number < 0 ? Promise.reject(new Error('no luck')) : Promise.resolve(number + 1)),
    {
      carrier: flaky('carrier', () => ({ 'x-trace-id': 'abc' })),
      attempt: flaky('attempt', () => 1),
      path: flaky('path', () => 'queue'),
      willRetry: flaky('willRetry', () => false),
    },
  )
  const answers = await Promise.all(
    ['/ok', '/throws', '/ok'].map((path) => ask(`${url}${path}`, { headers: { 'x-trace-id': 'theirs' } })),
  )
  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [200, 'served'],
    [500, 'Internal Server Error\n'],
    [200, 'served'],
  ])
  for (const { headers } of answers) expect(isTraceId(headers['x-trace-id'])).toBe(true)
  expect(await work(1)).toBe(2)
  await expect(work(-1)).rejects.toThrow('no luck')
  await new Promise((resolve) => server.close(resolve))
}

describe('whatever breaks in tracking, and whenever', () => {
  test('each request comes out as it would without, is told in full to the sinks that work, and the fault is told once', async (context) => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => stderr.mockRestore())
    let faults = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...PARTS)),
        fc.infiniteStream(fc.boolean()),
        async (parts, turns) => {
          stderr.mockClear()
          let thrown = 0
          const breaking = new Set(parts)
          const flaky: Flaky =
            (part, fn) =>
            (...args) => {
              if (!breaking.has(part) || turns.next().value === false) return fn(...args)
              thrown += 1
              throw new Error(`${part} is broken`)
            }
          const { tracker, records } = flakyTracker(flaky)
          await callAll(tracker, flaky)
          expect(() => tracker.close()).not.toThrow()
          for (const id of new Set(records.map(({ request_id }) => request_id))) {
            expectLawful(
              tracker.core.settings.table,
              records.filter(({ request_id }) => request_id === id),
            )
          }
          expect(tracker.stats).toMatchObject({ requests: 5, inFlight: 0, faults: thrown })
          expect(stderr.mock.calls.length).toBe(thrown === 0 ? 0 : 1)
          faults += thrown
          // The tracker is closed once more when the process ends.
          breaking.clear()
        },
      ),
      { numRuns: BUDGET.throwing },
    )
    expect(faults).toBeGreaterThan(0)
    tell(context, {
      fault: 'sinks, loggers, clocks, makers of ids and options that throw, now and then',
      tried: `${count(faults)} faults in ${count(BUDGET.throwing * 5)} requests`,
      lost: 'no request, and no record of a sink that works',
    })
  })

  test('a sink that returns a promise which is rejected ends no process', async () => {
    const program = await start('promising-sink')
    expect(await Promise.race([program.ask('start'), program.ended])).toMatchObject({ requests: 1, faults: 1 })
  })

  test('nor does one whose flush() returns one, where the tracker is closed before the process ends', async () => {
    const program = await start('promising-sink')
    expect(await Promise.race([program.ask('close'), program.ended])).toMatchObject({ faults: 1 })
  })
})
