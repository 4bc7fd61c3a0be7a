import { routeTo } from '../machine/shortest-path.ts'
import { isHandOver, type TransitionTable } from '../machine/table.ts'
import type { Fragment } from '../record/partial-record.ts'
import { firstAfter, MOST_LOOKS } from './upper-bound.ts'
import { fillsHole, holesOf } from './gaps.ts'
import { traceKey } from './history.ts'
import { missingSeqs, type Standing, type Verdict } from './assess.ts'

/** Of a request without an end: where it stands, as far as whole and damaged lines together tell. */
interface OpenRequest {
  readonly verdict: Verdict
  standing: Standing
}

/** A request, and where a fragment takes it. */
interface Move {
  readonly request: OpenRequest
  readonly moved: Standing
}

/**
 * Lets damaged lines speak for the requests that they would have moved on, and for nobody else.
 *
 * A request whose last line was cut has not stopped there, so it must not be called stuck in the state before.
 * A fragment that fills a hole between two whole lines is spent on it. Any other moves one request on, in order of
 * time: of those whose ids, service and state it fits, the one that entered its state last. What fragments alone
 * tell shows as missing `seq`s.
 */
export function withFragments(verdicts: readonly Verdict[], fragments: readonly Fragment[], table: TransitionTable): Verdict[] {
  if (fragments.length === 0) return [...verdicts]
  const open = verdicts
    .filter(({ ended }) => !ended)
    .map((verdict): OpenRequest => ({ verdict, standing: verdict.standing }))
    .sort((a, b) => a.standing.since - b.standing.since || (a.verdict.history.key < b.verdict.history.key ? -1 : 1))
  const holes = holesOf(verdicts)
  const byRequest = new Map(open.map((request) => [request.verdict.history.requestId, request]))
  for (const fragment of distinct(fragments)) {
    if (fillsHole(holes, fragment, table)) continue
    const named = fragment.requestEnd?.length === 16 ? byRequest.get(fragment.requestEnd) : undefined
    const moves = movesBy(fragment, named === undefined ? open : [named], table)
    const first = moves.next().value
    // Without a time nothing tells one request from another: only where there is no other, it is the one.
    if (first === undefined || (fragment.time === undefined && fragment.requestEnd === undefined && moves.next().done !== true)) continue
    first.request.standing = first.moved
  }
  const standings = new Map(open.map(({ verdict, standing }) => [verdict, standing]))
  return verdicts.map((verdict) => {
    const standing = standings.get(verdict) ?? verdict.standing
    if (standing === verdict.standing) return verdict
    // Another attempt may have a whole line of the same number.
    const missing = new Set([...missingSeqs(verdict.history.transitions, standing.seq), standing.seq])
    return { ...verdict, standing, missing: [...missing].sort((a, b) => a - b), ended: table.state[standing.state]?.final === true }
  })
}

/** The requests that a fragment may move on, of those that had entered their state by then, the latest first. */
function* movesBy(fragment: Fragment, open: readonly OpenRequest[], table: TransitionTable): Generator<Move, undefined> {
  const beyond = fragment.time === undefined || fragment.requestEnd !== undefined ? open.length : firstAfter(open, fragment.time, ({ verdict }) => verdict.standing.since)
  for (let index = beyond - 1; index >= Math.max(0, beyond - MOST_LOOKS); index -= 1) {
    const request = open[index]
    const moved = request !== undefined && fits(request, fragment, table) ? movedBy(request.standing, fragment, table) : undefined
    if (request !== undefined && moved !== undefined) yield { request, moved }
  }
  return undefined
}

/** Whether nothing that is left of the line speaks against this request. */
function fits({ verdict, standing }: OpenRequest, { trace = '', traceWhole, requestEnd, service }: Fragment, table: TransitionTable): boolean {
  if (requestEnd !== undefined) return verdict.history.requestId.endsWith(requestEnd)
  const { traceId } = verdict.history
  if (traceWhole ? traceKey(traceId) !== traceKey(trace) : !traceId.startsWith(trace)) return false
  // Only a message moves a request from one service to another.
  return service === undefined || service === standing.service || isHandOver(table, standing.state)
}

/** Where a fragment takes a request that stands there; undefined where it cannot be one of that request's next lines. */
function movedBy(standing: Standing, fragment: Fragment, table: TransitionTable): Standing | undefined {
  const service = fragment.service ?? standing.service
  // The clocks of two services may disagree.
  if (service === standing.service && fragment.time !== undefined && fragment.time < standing.since) return undefined
  if (fragment.seq !== undefined && fragment.seq <= standing.seq) return undefined
  const from = fragment.from ?? standing.state
  const state = fragment.state ?? onlyNext(from, fragment.event, table)
  const before = from === standing.state ? [] : routeTo(table, standing.state, from)
  if (state === undefined || before === undefined || routeTo(table, from, state) === undefined) return undefined
  return { state, service, since: fragment.time ?? standing.since, seq: fragment.seq ?? standing.seq + before.length + 1 }
}

/** The state after another one, where the fragment lost its name and the machine leaves no choice. */
function onlyNext(from: string, event: string | undefined, table: TransitionTable): string | undefined {
  const edges = Object.values(table.next[from] ?? {}).filter((edge) => edge !== undefined)
  const targets = new Set(edges.filter((edge) => event === undefined || edge.event === event).map(({ to }) => to))
  return targets.size === 1 ? [...targets][0] : undefined
}

/** Each fragment once, in order of time: a damaged line that was repeated is still one line. */
function distinct(fragments: readonly Fragment[]): Fragment[] {
  const byText = new Map(fragments.map((fragment) => [JSON.stringify(fragment, Object.keys(fragment).sort()), fragment]))
  return [...byText].sort(([a, x], [b, y]) => (x.time ?? 0) - (y.time ?? 0) || (a < b ? -1 : 1)).map(([, fragment]) => fragment)
}
