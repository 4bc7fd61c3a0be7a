import fc from 'fast-check'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { memorySink } from '../../src/sinks/memory.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { asRead } from '../run-audit.ts'
import { expectValidRun } from '../tracker-fixture.ts'
import { auditGathered } from './_audit-result.ts'
import { addRow, count } from './_fault-row.ts'
import { RUNS } from './_run-counts.ts'

const YEAR_MS = 31_557_600_000
const T0 = 1_790_000_000_000

/** The change of a clock between two readings: forward, none, back, or a value that is no time. */
const jumps = fc.infiniteStream(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: -60_000, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: -50, max: 50 }).map((years) => years * YEAR_MS) },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
  ),
)

interface JumpingClock {
  readonly now: () => number
  /** From now on returns {@link T0}: the tracker writes once more when the process ends. */
  stop(): void
}

/** A clock that makes these jumps, but not to times before 1970, which no log has. */
function jumpingClock(stream: Iterator<number>): JumpingClock {
  let time = T0
  let stopped = false
  return {
    now: () => {
      if (stopped) return T0
      const jump: unknown = stream.next().value
      if (typeof jump !== 'number' || !Number.isFinite(jump)) return NaN
      return (time = Math.max(0, time + jump))
    },
    stop: () => {
      stopped = true
    },
  }
}

const STEPS = ['auth', 'process', 'note', 'respond', 'refuse', 'enqueue', 'stuck'] as const
type Step = (typeof STEPS)[number]
const scripts = fc.array(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), { minLength: 1, maxLength: 8 })

/** Runs one request per script and returns the ages of the stuck ones that the tracker reported meanwhile. */
async function runScripts(
  scriptList: readonly (readonly Step[])[],
  gateway: Tracker,
  worker: Tracker,
): Promise<{ readonly requests: readonly TrackedRequest[]; readonly ages: readonly number[] }> {
  const requests = scriptList.map(() => gateway.start())
  const ages: number[] = []
  for (const [index, request] of requests.entries()) {
    for (const step of scriptList[index] ?? []) {
      if (step === 'auth') request.authenticated()
      else if (step === 'process') request.processing()
      else if (step === 'note') request.note('CACHE_MISS')
      else if (step === 'respond') request.responded()
      else if (step === 'refuse') request.failed('unknown caller')
      else if (step === 'stuck') ages.push(...gateway.stuck('1s').map(({ age_ms }) => age_ms))
      else {
        const headers = await request.enqueue((sent) => sent)
        worker.trackRequest(() => undefined, { carrier: () => headers })()
      }
    }
  }
  return { requests, ages }
}

/** Fails on a negative duration, an invalid history, or an ended request that the audit reports as stuck. */
function expectSound(records: readonly LifecycleRecord[], requests: readonly TrackedRequest[]): void {
  expect(records.length).toBeGreaterThanOrEqual(requests.length)
  for (const record of records) {
    expect(Number.isFinite(record.time)).toBe(true)
    if (record.lifecycle !== 'transition') continue
    for (const duration of [record.dwell_ms, record.duration_ms]) {
      if (duration === undefined) continue
      expect(Number.isFinite(duration)).toBe(true)
      expect(duration).toBeGreaterThanOrEqual(0)
    }
  }
  const { report } = auditGathered(asRead(records))
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { damaged_lines: 0 } })
  const open = requests.filter((request) => !request.ended && !request.handedOver).map(({ requestId }) => requestId)
  expect(
    report.stuck.map(({ request_id }) => request_id).filter((id) => !open.includes(id)),
    'stuck requests that have ended',
  ).toEqual([])
}

describe('a clock that jumps', () => {
  // Each tracker reports a clock that returns no number.
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  afterAll(() => stderr.mockRestore())

  test('forward and back causes no negative duration, no error and no finding', async (context) => {
    let [requestCount, recordCount, stuckCount] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(scripts, jumps, jumps, async (scriptList, gatewayJumps, workerJumps) => {
        const sink = memorySink()
        const clocks = [jumpingClock(gatewayJumps), jumpingClock(workerJumps)] as const
        const options = { logger: false, sinks: [sink] } as const
        const gateway = createTracker({ ...options, service: 'gateway', now: clocks[0].now })
        const worker = createTracker({ ...options, service: 'worker', now: clocks[1].now })
        const { requests, ages } = await runScripts(scriptList, gateway, worker)
        for (const clock of clocks) clock.stop()
        expectSound(sink.records, requests)
        expect(ages.filter((age) => age < 0)).toEqual([])
        requestCount += requests.length
        recordCount += sink.records.length
        stuckCount += ages.length
      }),
      { numRuns: RUNS.inProcessRuns },
    )
    expect(stuckCount).toBeGreaterThan(0)
    addRow(context, {
      fault: 'a `now` that jumps forward and back, also by years, or returns no number',
      tried: `${count(requestCount)} requests, ${count(recordCount)} lines`,
      lost: 'nothing; no negative duration',
    })
  })

  test("changes times but not durations if it is the system's", async (context) => {
    let requestCount = 0
    await fc.assert(
      fc.asyncProperty(scripts, jumps, async (scriptList, stream) => {
        const clock = jumpingClock(stream)
        // Before the trackers are created, since they may keep a reference to the function.
        const now = vi.spyOn(Date, 'now').mockImplementation(() => {
          const time = clock.now()
          return Number.isNaN(time) ? T0 : time
        })
        onTestFinished(() => now.mockRestore())
        const sink = memorySink()
        const gateway = createTracker({ service: 'gateway', logger: false, sinks: [sink] })
        const worker = createTracker({ service: 'worker', logger: false, sinks: [sink] })
        const startedAt = performance.now()
        const { requests } = await runScripts(scriptList, gateway, worker)
        const elapsedMs = performance.now() - startedAt
        now.mockRestore()
        expectSound(sink.records, requests)
        expect([gateway.stats.faults, worker.stats.faults]).toEqual([0, 0])
        for (const id of requests.map(({ requestId }) => requestId)) {
          const own = sink.records.filter(({ request_id, attempt }) => request_id === id && attempt === undefined)
          expectValidRun(gateway.core.settings.table, own)
          // No state lasts longer than the whole run. Durations are rounded to microseconds.
          for (const record of own)
            if (record.lifecycle === 'transition') expect(record.dwell_ms ?? 0).toBeLessThanOrEqual(elapsedMs + 0.001)
        }
        requestCount += requests.length
      }),
      { numRuns: RUNS.inProcessRuns },
    )
    addRow(context, {
      fault: 'the system clock, set forward and back',
      tried: `${count(requestCount)} requests`,
      lost: 'nothing; no duration changed',
    })
  })
})
