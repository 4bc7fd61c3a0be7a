import fc from 'fast-check'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { memorySink } from '../../src/sinks/memory.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { asRead, type Gathered } from '../run-audit.ts'
import { expectLawful } from '../tracker-fixture.ts'
import { BUDGET } from './_budget.ts'
import { verdictOn } from './_audit-result.ts'
import { count, tell } from './_server-stats.ts'

const YEAR = 31_557_600_000
const T0 = 1_790_000_000_000

/** What a clock says when it is read again: later, the same, earlier, or nothing that could be a time. */
const ticks = fc.infiniteStream(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: -60_000, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: -50, max: 50 }).map((years) => years * YEAR) },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
  ),
)

/** A clock that goes as the ticks say, and never before 1970: of earlier times nobody has a log. */
function jumping(jumps: Iterator<number>, over: { yes: boolean }): () => number {
  let time = T0
  return () => {
    // Whoever is in flight is told of once more when the process ends.
    if (over.yes) return T0
    const tick: unknown = jumps.next().value
    if (typeof tick !== 'number' || !Number.isFinite(tick)) return NaN
    return (time = Math.max(0, time + tick))
  }
}

const steps = fc.array(fc.constantFrom('auth', 'process', 'note', 'respond', 'refuse', 'enqueue', 'stuck'), {
  maxLength: 8,
})

async function take(step: string, request: TrackedRequest, gateway: Tracker, worker: Tracker): Promise<void> {
  if (step === 'auth') request.authenticated()
  else if (step === 'process') request.processing()
  else if (step === 'note') request.note('CACHE_MISS')
  else if (step === 'respond') request.responded()
  else if (step === 'refuse') request.failed('who are you')
  else if (step === 'enqueue') {
    const headers = await request.enqueue((sent) => sent)
    worker.trackRequest(() => undefined, { carrier: () => headers })()
  } else for (const { age_ms } of gateway.stuck('1s')) expect(age_ms).toBeGreaterThanOrEqual(0)
}

/** No time is below zero, every history is lawful, and the audit accuses nothing that has ended. */
function expectSound(records: readonly LifecycleRecord[], requests: readonly TrackedRequest[], told: Gathered): void {
  for (const record of records) {
    expect(Number.isFinite(record.time)).toBe(true)
    if (record.lifecycle !== 'transition') continue
    for (const time of [record.dwell_ms, record.duration_ms])
      if (time !== undefined) expect(Number.isFinite(time) && time >= 0, 'a time of zero or more').toBe(true)
  }
  const { report } = verdictOn(told)
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { damaged_lines: 0 } })
  const open = requests.filter((request) => !request.ended && !request.handedOver).map(({ requestId }) => requestId)
  expect(
    report.stuck.map(({ request_id }) => request_id).filter((id) => !open.includes(id)),
    'nothing that has ended is named',
  ).toEqual([])
}

describe('a clock that jumps', () => {
  // Where it gives no number that is told, once for each tracker.
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  afterAll(() => stderr.mockRestore())

  test('forth and back gives no times below zero, no error, and no accusation', async (context) => {
    let [requests, records] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { minLength: 1, maxLength: 8 }),
        ticks,
        ticks,
        async (all, gatewayTicks, workerTicks) => {
          const sink = memorySink()
          const over = { yes: false }
          const gateway = createTracker({
            service: 'gateway',
            logger: false,
            sinks: [sink],
            now: jumping(gatewayTicks, over),
          })
          const worker = createTracker({
            service: 'worker',
            logger: false,
            sinks: [sink],
            now: jumping(workerTicks, over),
          })
          const begun = all.map(() => gateway.start())
          for (const [index, request] of begun.entries())
            for (const step of all[index] ?? []) await take(step, request, gateway, worker)
          over.yes = true
          expectSound(sink.records, begun, asRead(sink.records))
          requests += begun.length
          records += sink.records.length
        },
      ),
      { numRuns: BUDGET.clocks },
    )
    tell(context, {
      fault: 'a `now` that jumps forth and back, by years too, or gives no number',
      tried: `${count(requests)} requests, ${count(records)} lines`,
      lost: 'nothing; no time below zero',
    })
  })

  test("that is the system's own changes times, and no durations", async (context) => {
    let requests = 0
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 8 }), ticks, async (all, jumps) => {
        const clock = jumping(jumps, { yes: false })
        // Before the tracker is made, which may take hold of the function.
        const now = vi.spyOn(Date, 'now').mockImplementation(() => {
          const time = clock()
          return Number.isNaN(time) ? T0 : time
        })
        onTestFinished(() => now.mockRestore())
        const sink = memorySink()
        const gateway = createTracker({ service: 'gateway', logger: false, sinks: [sink] })
        const worker = createTracker({ service: 'worker', logger: false, sinks: [sink] })
        const begun = all.map(() => gateway.start())
        for (const [index, request] of begun.entries())
          for (const step of all[index] ?? []) await take(step, request, gateway, worker)
        now.mockRestore()
        expectSound(sink.records, begun, asRead(sink.records))
        expect([gateway.stats.faults, worker.stats.faults]).toEqual([0, 0])
        for (const id of begun.map(({ requestId }) => requestId)) {
          const own = sink.records.filter(({ request_id, attempt }) => request_id === id && attempt === undefined)
          expectLawful(gateway.core.settings.table, own)
          // A minute is more than any of this takes, and less than the clock jumps by.
          for (const record of own)
            if (record.lifecycle === 'transition') expect(record.dwell_ms ?? 0).toBeLessThan(60_000)
        }
        requests += begun.length
      }),
      { numRuns: BUDGET.clocks },
    )
    tell(context, {
      fault: "the system's clock, set forth and back",
      tried: `${count(requests)} requests`,
      lost: 'nothing; no duration changed',
    })
  })
})
