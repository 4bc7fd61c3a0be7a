import { pathToState } from '../machine/shortest-path.ts'
import { isHandOffState, type TransitionTable } from '../machine/table.ts'
import type { PartialRecord } from '../record/partial-record.ts'
import { canonicalTraceId } from '../trace/trace-id.ts'
import { isAfter, MAX_MISSING, missingSeqs, type Position, type RequestAssessment } from './assess.ts'
import { fillGap, findGaps } from './gaps.ts'
import { MAX_CANDIDATES, upperBound } from './upper-bound.ts'

/** A request without an end, and its position according to whole and partial records together. */
interface OpenRequest {
  readonly assessment: RequestAssessment
  position: Position
}

/** A request, and the position that a partial record moves it to. */
interface Move {
  readonly request: OpenRequest
  readonly position: Position
}

/**
 * Applies partial records of damaged lines to the requests that they most likely belong to.
 *
 * If a request's last line is damaged, the request must not be reported as stuck in the state before. A partial record
 * that fits into the gap between two whole lines fills that gap and has no other effect. Any other one moves one
 * request forward: of the requests that match its ids, service and state, the one that entered its state last. Partial
 * records are applied in order of time. The `seq`s of lines known from partial records alone remain missing.
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
  const byRequestId = new Map(open.map((request) => [request.assessment.history.requestId, request]))
  for (const partial of distinct(partials)) {
    if (fillGap(gaps, partial, table)) continue
    const named = partial.requestSuffix?.length === 16 ? byRequestId.get(partial.requestSuffix) : undefined
    const moves = candidateMoves(partial, named === undefined ? open : [named], table)
    const first = moves.next().value
    if (first === undefined) continue
    // Without a time and a request id, a partial record applies only if it can belong to no other request.
    const isAnonymous = partial.time === undefined && partial.requestSuffix === undefined
    if (isAnonymous && moves.next().done !== true) continue
    first.request.position = first.position
  }
  const positions = new Map(open.map(({ assessment, position }) => [assessment, position]))
  return assessments.map((assessment) => {
    const position = positions.get(assessment) ?? assessment.position
    return position === assessment.position ? assessment : atPosition(assessment, position, table)
  })
}

function atPosition(assessment: RequestAssessment, position: Position, table: TransitionTable): RequestAssessment {
  // The line of the position itself is missing, even if another attempt has a line with the same `seq`.
  const missing = new Set([...missingSeqs(assessment.history.transitions, position.seq), position.seq])
  return {
    ...assessment,
    position,
    missing: [...missing].sort((a, b) => a - b).slice(0, MAX_MISSING),
    ended: table.state[position.state]?.final === true,
  }
}

/** The requests that a partial record can move, of those that had entered their state by then, the latest first. */
function* candidateMoves(
  partial: PartialRecord,
  open: readonly OpenRequest[],
  table: TransitionTable,
): Generator<Move, undefined> {
  const end =
    partial.time === undefined || partial.requestSuffix !== undefined
      ? open.length
      : upperBound(open, partial.time, ({ assessment }) => assessment.position.since)
  for (let index = end - 1; index >= Math.max(0, end - MAX_CANDIDATES); index -= 1) {
    const request = open[index]
    if (request === undefined || !isConsistent(request, partial, table)) continue
    const position = positionAfter(request.position, partial, table)
    if (position !== undefined) yield { request, position }
  }
  return undefined
}

/** Whether the ids and the service of a partial record match a request. */
function isConsistent(
  { assessment, position }: OpenRequest,
  { tracePrefix = '', isWholeTrace, requestSuffix, service }: PartialRecord,
  table: TransitionTable,
): boolean {
  const { traceId, requestId } = assessment.history
  if (requestSuffix !== undefined) return requestId.endsWith(requestSuffix)
  const isSameTrace = isWholeTrace
    ? canonicalTraceId(traceId) === canonicalTraceId(tracePrefix)
    : traceId.startsWith(tracePrefix)
  if (!isSameTrace) return false
  // Only a message moves a request from one service to another.
  return service === undefined || service === position.service || isHandOffState(table, position.state)
}

/** The position after a partial record; undefined if it cannot be one of the next lines after the given position. */
function positionAfter(position: Position, partial: PartialRecord, table: TransitionTable): Position | undefined {
  const service = partial.service ?? position.service
  // Times are compared within one service only: the clocks of two services may differ.
  if (service === position.service && partial.time !== undefined && partial.time < position.since) return undefined
  const from = partial.from ?? position.state
  const state = partial.state ?? onlyTarget(from, partial.event, table)
  const skipped = from === position.state ? [] : pathToState(table, position.state, from)
  if (state === undefined || skipped === undefined || pathToState(table, from, state) === undefined) return undefined
  const seq = partial.seq ?? position.seq + skipped.length + 1
  const attempt = partial.attempt ?? attemptOf(partial, position, table)
  const line = {
    seq,
    ...(attempt === undefined ? {} : { attempt }),
    ...(partial.due === undefined ? {} : { due: partial.due }),
  }
  // An attempt may end the request while a later one is under way.
  const ends = table.state[state]?.final === true && line.attempt !== position.attempt
  return ends || isAfter(line, position)
    ? { state, service, since: partial.time ?? position.since, ...line }
    : undefined
}

/** The attempt of a line that lost it: the current one, or the next if the line begins it after the current has failed. */
function attemptOf({ time, from, seq }: PartialRecord, position: Position, table: TransitionTable): number | undefined {
  const { attempt, state, since } = position
  const isNext = seq !== undefined && seq <= position.seq && from === state && time !== undefined && time > since
  return attempt !== undefined && isNext && isHandOffState(table, state) ? attempt + 1 : attempt
}

/** The next state, if the partial record lost it and the machine has only one. */
function onlyTarget(from: string, event: string | undefined, table: TransitionTable): string | undefined {
  const edges = Object.values(table.next[from] ?? {}).filter((edge) => edge !== undefined)
  const targets = new Set(edges.filter((edge) => event === undefined || edge.event === event).map(({ to }) => to))
  return targets.size === 1 ? [...targets][0] : undefined
}

/** Each partial record once, in order of time: a damaged line that is repeated is one line. */
function distinct(partials: readonly PartialRecord[]): PartialRecord[] {
  const byJson = new Map(partials.map((partial) => [JSON.stringify(partial, Object.keys(partial).sort()), partial]))
  return [...byJson]
    .sort(([a, x], [b, y]) => (x.time ?? 0) - (y.time ?? 0) || (a < b ? -1 : 1))
    .map(([, partial]) => partial)
}
