import { routeTo } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { Fragment } from '../record/partial-record.ts'
import type { TransitionRecord } from '../record/record.ts'
import { firstAfter, MOST_LOOKS } from './upper-bound.ts'
import { traceKey } from './history.ts'
import type { Verdict } from './assess.ts'

/** A line that is missing between two whole ones of a request, and what those say of it. */
interface Hole {
  readonly traceId: string
  readonly requestId: string
  readonly before: TransitionRecord
  readonly after: TransitionRecord
  filled: boolean
}

/** Holes in order of the time at which they begin. */
export type Holes = readonly Hole[]

/** The missing lines that have a whole one before and after them, in order of time. */
export function holesOf(verdicts: readonly Verdict[]): Holes {
  const holes = verdicts.flatMap(({ history: { traceId, requestId, transitions }, missing }) =>
    missing.flatMap((seq): Hole[] => {
      const before = transitions.findLast(({ record }) => record.seq < seq)?.record
      const after = transitions.find(({ record }) => record.seq > seq)?.record
      return before === undefined || after === undefined ? [] : [{ traceId, requestId, before, after, filled: false }]
    }),
  )
  return holes.sort((a, b) => a.before.time - b.before.time)
}

/** Spends a fragment on a hole that it fits, if there is one: it then says nothing of any other request. */
export function fillsHole(holes: Holes, fragment: Fragment, table: TransitionTable): boolean {
  const hole = fitting(holes, fragment, table)
  if (hole !== undefined) hole.filled = true
  return hole !== undefined
}

function fitting(holes: Holes, fragment: Fragment, table: TransitionTable): Hole | undefined {
  const { time, requestEnd = '' } = fragment
  const free = (hole: Hole): boolean => !hole.filled && hole.requestId.endsWith(requestEnd) && agrees(hole, fragment, table)
  if (time === undefined || requestEnd !== '') return holes.find(free)
  const beyond = firstAfter(holes, time, ({ before }) => before.time)
  return holes.slice(Math.max(0, beyond - MOST_LOOKS), beyond).findLast(free)
}

function agrees(
  { before, after, traceId }: Hole,
  { time, service, from, state, seq, trace = '', traceWhole }: Fragment,
  table: TransitionTable,
): boolean {
  if (time !== undefined && (time < before.time || time > after.time)) return false
  if (service !== undefined && service !== before.service && service !== after.service) return false
  if (seq !== undefined && (seq <= before.seq || seq >= after.seq)) return false
  // A hole of one line is known from both sides. What stands in a wider one lies on a way from one side to the other.
  const single = after.seq - before.seq === 2
  const leads = (start: string, end: string): boolean => start === end || (!single && routeTo(table, start, end) !== undefined)
  if (from !== undefined && !leads(before.state, from)) return false
  if (state !== undefined && after.from !== undefined && !leads(state, after.from)) return false
  return traceWhole ? traceKey(traceId) === traceKey(trace) : traceId.startsWith(trace)
}
