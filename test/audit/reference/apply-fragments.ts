import type { Assessment, Position } from './assess.ts'
import { inOrder, mayBeTrace, type Fragment } from './fragment.ts'
import { gapFor, gapsOf } from './gaps.ts'
import { sortKey } from './histories.ts'
import { distance, isFinal, isQueue, leadsTo, type Machine } from './machine.ts'
import { MAX_LISTED, missingSeqs } from './missing.ts'

/** An open request, and where the damaged lines used so far have moved it. */
interface Open {
  readonly assessment: Assessment
  readonly id: string
  position: Position
}

/**
 * Uses each damaged line once, by docs/command.md, "What damaged lines do": it fills a gap, or else moves one open
 * request to the state that it names.
 */
export function applyFragments(
  assessments: readonly Assessment[],
  fragments: readonly Fragment[],
  machine: Machine,
): Assessment[] {
  const open = assessments
    .filter(({ ended }) => !ended)
    .map((assessment): Open => ({ assessment, id: sortKey(assessment.history), position: assessment.position }))
    .sort((a, b) => a.assessment.position.since - b.assessment.position.since || (a.id < b.id ? -1 : 1))
  const gaps = new Set(gapsOf(assessments))
  for (const fragment of inOrder(fragments)) {
    const gap = gapFor(fragment, [...gaps], machine)
    if (gap === undefined) moveOne(fragment, open, machine)
    else gaps.delete(gap)
  }
  return assessments.map((assessment) => moved(assessment, open, machine))
}

/** Moves the open request that fits and entered its state last. */
function moveOne(fragment: Fragment, open: readonly Open[], machine: Machine): void {
  const moves = candidates(fragment, open).flatMap((request) => {
    const position = positionAfter(fragment, request.position, machine)
    return position !== undefined && fits(fragment, request, machine) ? [{ request, position }] : []
  })
  const last = moves.at(-1)
  // Without a request id and a time, nothing distinguishes several requests that fit.
  const isAmbiguous = fragment.requestEnd === undefined && fragment.time === undefined && moves.length > 1
  if (last !== undefined && !isAmbiguous) last.request.position = last.position
}

/** The requests that a damaged line may be of, by its request id, or else by its time. */
function candidates({ requestEnd, time }: Fragment, open: readonly Open[]): readonly Open[] {
  if (requestEnd === undefined)
    return open.filter(({ assessment }) => time === undefined || assessment.position.since <= time)
  const named = open.findLast(({ assessment }) => assessment.history.request === requestEnd)
  return requestEnd.length === 16 && named !== undefined ? [named] : open
}

/** Whether nothing that is left of the line contradicts this request. */
function fits(fragment: Fragment, { assessment, position }: Open, machine: Machine): boolean {
  const { requestEnd, service } = fragment
  if (requestEnd !== undefined) return assessment.history.request.endsWith(requestEnd)
  // Only a queue brings a request from one service to another.
  const isService = service === undefined || service === position.service || isQueue(machine, position.state)
  return isService && mayBeTrace(fragment, assessment.history.trace)
}

/** Where a damaged line takes a request; undefined if it cannot be one of that request's next lines. */
function positionAfter(fragment: Fragment, position: Position, machine: Machine): Position | undefined {
  const { time, service = position.service, from = position.state } = fragment
  // The clocks of two services may disagree.
  if (time !== undefined && service === position.service && time < position.since) return undefined
  const state = fragment.state ?? onlyStateAfter(from, fragment.event, machine)
  const before = distance(machine, position.state, from)
  if (state === undefined || before === undefined || !leadsTo(machine, from, state)) return undefined
  const seq = fragment.seq ?? position.seq + before + 1
  const attempt = fragment.attempt ?? (beginsDelivery(fragment, position, machine) ? next(position) : position.attempt)
  const deliveries = (attempt ?? 0) - (position.attempt ?? 0)
  const isLater = deliveries > 0 || (deliveries === 0 && seq > position.seq)
  // An earlier delivery may complete the request after all.
  return isLater || (isFinal(machine, state) && deliveries < 0)
    ? { state, service, since: time ?? position.since, seq, attempt, due: fragment.due }
    : undefined
}

/** Whether the line, which does not say so, is the first of a delivery after the one that went back to the queue. */
function beginsDelivery({ from, seq, time }: Fragment, position: Position, machine: Machine): boolean {
  if (position.attempt === undefined || from !== position.state || !isQueue(machine, from)) return false
  return seq !== undefined && seq <= position.seq && time !== undefined && time > position.since
}

function next({ attempt = 0 }: Position): number {
  return attempt + 1
}

/** The state that follows if the event, or the state that is left, allows only one. */
function onlyStateAfter(from: string, event: string | undefined, machine: Machine): string | undefined {
  const edges = machine.edges.filter((edge) => edge.from === from && (event === undefined || edge.event === event))
  const [state, ...others] = new Set(edges.map(({ to }) => to))
  return others.length === 0 ? state : undefined
}

/** The same request at the position that damaged lines moved it to; the lines that led there are missing. */
function moved(assessment: Assessment, open: readonly Open[], machine: Machine): Assessment {
  const position = open.find((request) => request.assessment === assessment)?.position ?? assessment.position
  if (position === assessment.position) return assessment
  const missing = new Set([...missingSeqs(assessment.history.transitions, position.seq), position.seq])
  return {
    ...assessment,
    position,
    ended: isFinal(machine, position.state),
    missing: [...missing].sort((a, b) => a - b).slice(0, MAX_LISTED),
  }
}
