import { expect } from 'vitest'
import { memorySink } from '../src/sinks/memory.ts'
import { step, type TransitionTable } from '../src/machine/table.ts'
import type { TrackerOptions } from '../src/tracking/settings.ts'
import { createTracker } from '../src/handlers/track-request.ts'
import type { Tracker } from '../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../src/record/record.ts'

/** A tracker with an in-memory sink, a manual clock and sequential ids. */
export interface TrackerFixture {
  readonly tracker: Tracker
  readonly table: TransitionTable
  readonly records: LifecycleRecord[]
  readonly clock: { time: number }
}

export const START = 1_790_000_000_000

export function trackerFixture(options: Partial<TrackerOptions> = {}): TrackerFixture {
  const sink = memorySink()
  const clock = { time: START }
  let [traces, requests] = [0, 0]
  const tracker = createTracker({
    service: 'api',
    logger: false,
    now: () => clock.time,
    newTraceId: () => `trace-${String(++traces)}`,
    newRequestId: () => (++requests).toString(16).padStart(16, '0'),
    ...options,
    sinks: [...(options.sinks ?? []), sink],
  })
  return { tracker, table: tracker.core.settings.table, records: sink.records, clock }
}

/**
 * One line per record: `0 Received`, `1 AUTH_OK Authenticated implied`, `3 RESPOND Responded ok`, or
 * `note X in Received`.
 */
export function summarize(records: readonly LifecycleRecord[]): string[] {
  return records.map((record) => {
    if (record.lifecycle !== 'transition') return `${record.lifecycle} ${record.event} in ${record.state}`
    const { seq, event, state, implied, outcome } = record
    return [seq, event, state, implied === true ? 'implied' : undefined, outcome]
      .filter((part) => part !== undefined)
      .join(' ')
  })
}

/** {@link summarize}, transitions only. */
export function summarizeTransitions(records: readonly LifecycleRecord[]): string[] {
  return summarize(records.filter(({ lifecycle }) => lifecycle === 'transition'))
}

/**
 * Fails unless the records are those of one request that ran through the machine: at least one record, edges of the
 * machine only, consecutive `seq`s, and an outcome in the final state only.
 */
export function expectValidRun(table: TransitionTable, records: readonly LifecycleRecord[]): void {
  expect(records).not.toEqual([])
  let state = table.initial
  let next = 0
  for (const record of records) {
    expect([record.trace_id, record.request_id]).toEqual([records[0]?.trace_id, records[0]?.request_id])
    if (record.lifecycle !== 'transition') {
      expect(record.state).toBe(state)
      continue
    }
    expect(record.seq).toBe(next)
    if (next === 0) expect([record.event, record.from, record.state]).toEqual([undefined, undefined, table.initial])
    else {
      expect(record.from).toBe(state)
      expect(step(table, state, record.event ?? '')?.to).toBe(record.state)
      expect(record.dwell_ms).toBeGreaterThanOrEqual(0)
    }
    const final = table.state[record.state]?.final === true
    expect(record.outcome !== undefined, 'outcome').toBe(final && next > 0)
    expect(record.duration_ms !== undefined, 'duration').toBe(final && next > 0)
    state = record.state
    next += 1
  }
}
