import { pathToState } from '../machine/shortest-path.ts'
import { isHandOffState, type TransitionTable } from '../machine/table.ts'
import type { PartialRecord } from '../record/partial-record.ts'
import { upperBound, MAX_CANDIDATES } from './upper-bound.ts'
import { consumeInGap, findGaps } from './gaps.ts'
import { canonicalTraceId } from './history.ts'
import { missingSeqs, type Position, type RequestAssessment } from './assess.ts'

/** Of a request without an end: where it stands, as far as whole and damaged lines together tell. */
interface OpenRequest {
  readonly assessment: RequestAssessment
  position: Position
}

/** A request, and where a partial takes it. */
interface Move {
  readonly request: OpenRequest
  readonly position: Position
}

/**
 * Lets damaged lines speak for the requests that they would have moved on, and for nobody else.
 *
 * A request whose last line was cut has not stopped there, so it must not be called stuck in the state before.
 * A partial that fills a hole between two whole lines is spent on it. Any other moves one request on, in order of
 * time: of those whose ids, service and state it fits, the one that entered its state last. What partials alone
 * tell shows as missing `seq`s.
 */
export function applyPartialRecords(
  assessments: readonly RequestAssessment[],
  partials: readonly PartialRecord[],
  table: TransitionTable,
): RequestAssessment[] {
  if (partials.length === 0) return [...assessments]
  const open = assessments
    .filter(({ ended }) => !ended)
    .map((assessment): OpenRequest => ({ assessment, position: assessment.position }))
    .sort(
      (a, b) => a.position.since - b.position.since || (a.assessment.history.key < b.assessment.history.key ? -1 : 1),
    )
  const gaps = findGaps(assessments)
  const byRequest = new Map(open.map((request) => [request.assessment.history.requestId, request]))
  for (const partial of distinct(partials)) {
    if (consumeInGap(gaps, partial, table)) continue
    const named = partial.requestSuffix?.length === 16 ? byRequest.get(partial.requestSuffix) : undefined
    const moves = candidateMoves(partial, named === undefined ? open : [named], table)
    const first = moves.next().value
    // Without a time nothing tells one request from another: only where there is no other, it is the one.
    if (
      first === undefined ||
      (partial.time === undefined && partial.requestSuffix === undefined && moves.next().done !== true)
    )
      continue
    first.request.position = first.position
  }
  const positions = new Map(open.map(({ assessment, position }) => [assessment, position]))
  return assessments.map((assessment) => {
    const position = positions.get(assessment) ?? assessment.position
    if (position === assessment.position) return assessment
    // Another attempt may have a whole line of the same number.
    const missing = new Set([...missingSeqs(assessment.history.transitions, position.seq), position.seq])
    return {
      ...assessment,
      position,
      missing: [...missing].sort((a, b) => a - b),
      ended: table.state[position.state]?.final === true,
    }
  })
}

/** The requests that a partial may move on, of those that had entered their state by then, the latest first. */
function* candidateMoves(
  partial: PartialRecord,
  open: readonly OpenRequest[],
  table: TransitionTable,
): Generator<Move, undefined> {
  const beyond =
    partial.time === undefined || partial.requestSuffix !== undefined
      ? open.length
      : upperBound(open, partial.time, ({ assessment }) => assessment.position.since)
  for (let index = beyond - 1; index >= Math.max(0, beyond - MAX_CANDIDATES); index -= 1) {
    const request = open[index]
    const position =
      request !== undefined && isConsistent(request, partial, table)
        ? positionAfter(request.position, partial, table)
        : undefined
    if (request !== undefined && position !== undefined) yield { request, position }
  }
  return undefined
}

/** Whether nothing that is left of the line speaks against this request. */
function isConsistent(
  { assessment, position }: OpenRequest,
  { tracePrefix = '', isWholeTrace, requestSuffix, service }: PartialRecord,
  table: TransitionTable,
): boolean {
  if (requestSuffix !== undefined) return assessment.history.requestId.endsWith(requestSuffix)
  const { traceId } = assessment.history
  if (isWholeTrace ? canonicalTraceId(traceId) !== canonicalTraceId(tracePrefix) : !traceId.startsWith(tracePrefix))
    return false
  // Only a message moves a request from one service to another.
  return service === undefined || service === position.service || isHandOffState(table, position.state)
}

/** Where a partial takes a request that stands there; undefined where it cannot be one of that request's next lines. */
function positionAfter(position: Position, partial: PartialRecord, table: TransitionTable): Position | undefined {
  const service = partial.service ?? position.service
  // The clocks of two services may disagree.
  if (service === position.service && partial.time !== undefined && partial.time < position.since) return undefined
  if (partial.seq !== undefined && partial.seq <= position.seq) return undefined
  const from = partial.from ?? position.state
  const state = partial.state ?? onlyNext(from, partial.event, table)
  const before = from === position.state ? [] : pathToState(table, position.state, from)
  if (state === undefined || before === undefined || pathToState(table, from, state) === undefined) return undefined
  return { state, service, since: partial.time ?? position.since, seq: partial.seq ?? position.seq + before.length + 1 }
}

/** The state after another one, where the partial lost its name and the machine leaves no choice. */
function onlyNext(from: string, event: string | undefined, table: TransitionTable): string | undefined {
  const edges = Object.values(table.next[from] ?? {}).filter((edge) => edge !== undefined)
  const targets = new Set(edges.filter((edge) => event === undefined || edge.event === event).map(({ to }) => to))
  return targets.size === 1 ? [...targets][0] : undefined
}

/** Each partial once, in order of time: a damaged line that was repeated is still one line. */
function distinct(partials: readonly PartialRecord[]): PartialRecord[] {
  const byText = new Map(partials.map((partial) => [JSON.stringify(partial, Object.keys(partial).sort()), partial]))
  return [...byText]
    .sort(([a, x], [b, y]) => (x.time ?? 0) - (y.time ?? 0) || (a < b ? -1 : 1))
    .map(([, partial]) => partial)
}
