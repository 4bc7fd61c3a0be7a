import { pathToState } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { PartialRecord } from '../record/partial-record.ts'
import type { TransitionRecord } from '../record/record.ts'
import { upperBound, MAX_CANDIDATES } from './upper-bound.ts'
import { canonicalTraceId } from './history.ts'
import type { RequestAssessment } from './assess.ts'

/** A line that is missing between two whole ones of a request, and what those say of it. */
interface Gap {
  readonly traceId: string
  readonly requestId: string
  readonly before: TransitionRecord
  readonly after: TransitionRecord
  filled: boolean
}

/** Holes in order of the time at which they begin. */
export type Gaps = readonly Gap[]

/** The missing lines that have a whole one before and after them, in order of time. */
export function findGaps(assessments: readonly RequestAssessment[]): Gaps {
  const gaps = assessments.flatMap(({ history: { traceId, requestId, transitions }, missing }) =>
    missing.flatMap((seq): Gap[] => {
      const before = transitions.findLast(({ record }) => record.seq < seq)?.record
      const after = transitions.find(({ record }) => record.seq > seq)?.record
      return before === undefined || after === undefined ? [] : [{ traceId, requestId, before, after, filled: false }]
    }),
  )
  return gaps.sort((a, b) => a.before.time - b.before.time)
}

/** Spends a partial on a gap that it fits, if there is one: it then says nothing of any other request. */
export function consumeInGap(gaps: Gaps, partial: PartialRecord, table: TransitionTable): boolean {
  const gap = findFittingGap(gaps, partial, table)
  if (gap !== undefined) gap.filled = true
  return gap !== undefined
}

function findFittingGap(gaps: Gaps, partial: PartialRecord, table: TransitionTable): Gap | undefined {
  const { time, requestSuffix = '' } = partial
  const free = (gap: Gap): boolean =>
    !gap.filled && gap.requestId.endsWith(requestSuffix) && fitsGap(gap, partial, table)
  if (time === undefined || requestSuffix !== '') return gaps.find(free)
  const beyond = upperBound(gaps, time, ({ before }) => before.time)
  return gaps.slice(Math.max(0, beyond - MAX_CANDIDATES), beyond).findLast(free)
}

function fitsGap(
  { before, after, traceId }: Gap,
  { time, service, from, state, seq, tracePrefix = '', isWholeTrace }: PartialRecord,
  table: TransitionTable,
): boolean {
  if (time !== undefined && (time < before.time || time > after.time)) return false
  if (service !== undefined && service !== before.service && service !== after.service) return false
  if (seq !== undefined && (seq <= before.seq || seq >= after.seq)) return false
  // A gap of one line is known from both sides. What stands in a wider one lies on a way from one side to the other.
  const single = after.seq - before.seq === 2
  const leads = (start: string, end: string): boolean =>
    start === end || (!single && pathToState(table, start, end) !== undefined)
  if (from !== undefined && !leads(before.state, from)) return false
  if (state !== undefined && after.from !== undefined && !leads(state, after.from)) return false
  return isWholeTrace ? canonicalTraceId(traceId) === canonicalTraceId(tracePrefix) : traceId.startsWith(tracePrefix)
}
