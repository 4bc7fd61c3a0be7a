import { pathToState } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { PartialRecord } from '../record/partial-record.ts'
import type { TransitionRecord } from '../record/record.ts'
import { canonicalTraceId } from '../trace/trace-id.ts'
import type { RequestAssessment } from './assess.ts'
import { byAttempt } from './by-attempt.ts'
import { MAX_CANDIDATES, upperBound } from './upper-bound.ts'

/** A missing line of a request, between two lines that were read. */
interface Gap {
  readonly traceId: string
  readonly requestId: string
  /** The attempt that the line belongs to; undefined if it may be one before the hand-off. */
  readonly attempt: number | undefined
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
  return incomplete.flatMap(gapsOf).sort((a, b) => a.before.time - b.before.time)
}

/** The gaps of one request: each attempt continues the lines before the hand-off, and may lack a line of its own. */
function gapsOf({ history: { traceId, requestId, transitions }, missing }: RequestAssessment): Gap[] {
  const records = transitions.map(({ record }) => record)
  const handedOff = records.filter(({ attempt }) => attempt === undefined)
  const resumed = [...byAttempt(records)]
  const sent = handedOff.find(({ event }) => event === 'ENQUEUE')
  const firstResumed = Math.min(
    sent === undefined ? Infinity : sent.seq + 1,
    ...resumed.map(([, [first]]) => first?.seq ?? Infinity),
  )
  const chains = resumed.map(([attempt, lines]) => ({ attempt, chain: [...handedOff, ...lines] }))
  const all = chains.length === 0 ? [{ attempt: undefined, chain: handedOff }] : chains
  return missing.flatMap((seq) => {
    const isResumed = seq >= firstResumed
    return (isResumed ? all : all.slice(0, 1)).flatMap(({ attempt, chain }): Gap[] => {
      const before = chain.findLast((record) => record.seq < seq)
      const after = chain.find((record) => record.seq > seq)
      if (before === undefined || after === undefined || chain.some((record) => record.seq === seq)) return []
      return [{ traceId, requestId, attempt: isResumed ? attempt : undefined, before, after, filled: false }]
    })
  })
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
  { attempt: ofAttempt, before, after, traceId }: Gap,
  { time, service, from, state, seq, attempt, tracePrefix = '', isWholeTrace }: PartialRecord,
  table: TransitionTable,
): boolean {
  if (time !== undefined && (time < before.time || time > after.time)) return false
  if (service !== undefined && service !== before.service && service !== after.service) return false
  if (seq !== undefined && (seq <= before.seq || seq >= after.seq)) return false
  // Before the hand-off, an attempt is from another line that ran into this one.
  if (ofAttempt !== undefined && attempt !== undefined && attempt !== ofAttempt) return false
  // A single missing line starts and ends in the neighbours' states. In a wider gap, it is anywhere on a path between
  // them.
  const isSingle = after.seq - before.seq === 2
  const isReachable = (start: string, end: string): boolean =>
    start === end || (!isSingle && pathToState(table, start, end) !== undefined)
  if (from !== undefined && !isReachable(before.state, from)) return false
  if (state !== undefined && after.from !== undefined && !isReachable(state, after.from)) return false
  return isWholeTrace ? canonicalTraceId(traceId) === canonicalTraceId(tracePrefix) : traceId.startsWith(tracePrefix)
}
