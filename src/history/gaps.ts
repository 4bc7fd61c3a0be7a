import { pathToState } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { PartialRecord } from '../record/partial-record.ts'
import type { TransitionRecord } from '../record/record.ts'
import { canonicalTraceId } from '../trace/trace-id.ts'
import type { RequestAssessment } from './assess.ts'
import { MAX_CANDIDATES, upperBound } from './upper-bound.ts'

/** A missing line of a request, between two lines that were read. */
interface Gap {
  readonly traceId: string
  readonly requestId: string
  /** The attempts of which a line was read. */
  readonly attempts: ReadonlySet<number | undefined>
  readonly before: TransitionRecord
  readonly after: TransitionRecord
  filled: boolean
}

/** Gaps, sorted by the time of the line before. */
export type Gaps = readonly Gap[]

/** The missing lines that have a line before and after them, sorted by the time of the line before, then by request. */
export function findGaps(assessments: readonly RequestAssessment[]): Gaps {
  const incomplete = assessments.filter(({ missing }) => missing.length > 0)
  incomplete.sort((a, b) => (a.history.key < b.history.key ? -1 : 1))
  const gaps = incomplete.flatMap(({ history: { traceId, requestId, transitions }, missing }) =>
    missing.flatMap((seq): Gap[] => {
      const before = transitions.findLast(({ record }) => record.seq < seq)?.record
      const after = transitions.find(({ record }) => record.seq > seq)?.record
      if (before === undefined || after === undefined) return []
      const attempts = new Set(transitions.map(({ record }) => record.attempt))
      return [{ traceId, requestId, attempts, before, after, filled: false }]
    }),
  )
  return gaps.sort((a, b) => a.before.time - b.before.time)
}

/** Fills one gap with a partial record, if it fits into one. It then does not apply to any other request. */
export function fillGap(gaps: Gaps, partial: PartialRecord, table: TransitionTable): boolean {
  const gap = findFittingGap(gaps, partial, table)
  if (gap !== undefined) gap.filled = true
  return gap !== undefined
}

function findFittingGap(gaps: Gaps, partial: PartialRecord, table: TransitionTable): Gap | undefined {
  const { time, requestSuffix = '' } = partial
  const isCandidate = (gap: Gap): boolean =>
    !gap.filled && gap.requestId.endsWith(requestSuffix) && fitsGap(gap, partial, table)
  if (time === undefined || requestSuffix !== '') return gaps.find(isCandidate)
  const end = upperBound(gaps, time, ({ before }) => before.time)
  return gaps.slice(Math.max(0, end - MAX_CANDIDATES), end).findLast(isCandidate)
}

function fitsGap(
  { attempts, before, after, traceId }: Gap,
  { time, service, from, state, seq, attempt, tracePrefix = '', isWholeTrace }: PartialRecord,
  table: TransitionTable,
): boolean {
  if (time !== undefined && (time < before.time || time > after.time)) return false
  if (service !== undefined && service !== before.service && service !== after.service) return false
  if (seq !== undefined && (seq <= before.seq || seq >= after.seq)) return false
  if (attempt !== undefined && !attempts.has(attempt)) return false
  // A single missing line starts and ends in the neighbours' states. In a wider gap, it is anywhere on a path between
  // them.
  const isSingle = after.seq - before.seq === 2
  const isReachable = (start: string, end: string): boolean =>
    start === end || (!isSingle && pathToState(table, start, end) !== undefined)
  if (from !== undefined && !isReachable(before.state, from)) return false
  if (state !== undefined && after.from !== undefined && !isReachable(state, after.from)) return false
  return isWholeTrace ? canonicalTraceId(traceId) === canonicalTraceId(tracePrefix) : traceId.startsWith(tracePrefix)
}
