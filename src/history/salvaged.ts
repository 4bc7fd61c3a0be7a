import { routeTo } from '../lifecycle/route.ts'
import type { TransitionTable } from '../lifecycle/table.ts'
import type { Fragment } from '../transition/fragment.ts'
import { traceKey } from './history.ts'
import { missingSeqs, type Standing, type Verdict } from './verdict.ts'

/**
 * The date in a UUID version 7 and the dash after its first part. A shorter beginning of an id names too many
 * requests to speak for one.
 */
const SHORTEST_BEGINNING = 13

/**
 * Lets damaged lines speak for the requests that they would have moved on, and for nobody else.
 *
 * A request whose last line was cut has not stopped there, so it must not be called stuck in the state before.
 * Every fragment moves one request, in order of time: of those that it fits, the one that entered its state last.
 * What they alone tell shows as missing `seq`s.
 */
export function withFragments(verdicts: readonly Verdict[], fragments: readonly Fragment[], table: TransitionTable): Verdict[] {
  if (fragments.length === 0) return [...verdicts]
  const open = new Map(verdicts.filter(({ ended }) => !ended).map((verdict) => [verdict.history.key, verdict.standing]))
  const index = indexOf(verdicts.filter(({ ended }) => !ended))
  for (const fragment of distinct(fragments)) {
    const fitting = candidates(index, fragment).flatMap((key) => {
      const standing = open.get(key)
      const moved = standing === undefined ? undefined : movedBy(standing, fragment, table)
      return standing === undefined || moved === undefined ? [] : [{ key, standing, moved }]
    })
    const [best] = fitting.sort((a, b) => b.standing.since - a.standing.since || (a.key < b.key ? -1 : 1))
    if (best !== undefined) open.set(best.key, best.moved)
  }
  return verdicts.map((verdict) => {
    const standing = open.get(verdict.history.key) ?? verdict.standing
    if (standing === verdict.standing) return verdict
    const missing = missingSeqs(verdict.history.transitions, standing.seq)
    return { ...verdict, standing, missing, ended: table.state[standing.state]?.final === true }
  })
}

/** Where a fragment takes a request that stands there; undefined where it cannot be that request's next line. */
function movedBy(standing: Standing, fragment: Fragment, table: TransitionTable): Standing | undefined {
  if (fragment.time !== undefined && fragment.time < standing.since) return undefined
  if (fragment.seq !== undefined && fragment.seq <= standing.seq) return undefined
  const state = fragment.state ?? onlyNext(standing, fragment, table)
  if (state === undefined) return undefined
  const before = fragment.from === undefined || fragment.from === standing.state ? [] : routeTo(table, standing.state, fragment.from)
  const way = before?.length === 0 && fragment.from === undefined ? routeTo(table, standing.state, state) : before
  if (way === undefined) return undefined
  const steps = fragment.from === undefined ? way.length : way.length + 1
  const service = fragment.service ?? standing.service
  return { state, service, since: fragment.time ?? standing.since, seq: fragment.seq ?? standing.seq + steps }
}

/** The state after the standing one, where the fragment lost its name and the machine leaves no choice. */
function onlyNext(standing: Standing, fragment: Fragment, table: TransitionTable): string | undefined {
  const edges = Object.values(table.next[fragment.from ?? standing.state] ?? {}).filter((edge) => edge !== undefined)
  const targets = new Set(edges.filter(({ event }) => fragment.event === undefined || event === fragment.event).map(({ to }) => to))
  return targets.size === 1 ? [...targets][0] : undefined
}

/** Open requests by what a fragment may have kept of their ids. */
interface Index {
  readonly byRequest: ReadonlyMap<string, readonly string[]>
  readonly byTrace: ReadonlyMap<string, readonly string[]>
  readonly byBeginning: ReadonlyMap<string, readonly { readonly key: string; readonly traceId: string }[]>
}

function indexOf(verdicts: readonly Verdict[]): Index {
  const histories = verdicts.map(({ history }) => history)
  return {
    byRequest: grouped(histories, ({ requestId }) => requestId, ({ key }) => key),
    byTrace: grouped(histories, ({ traceId }) => traceKey(traceId), ({ key }) => key),
    byBeginning: grouped(histories, ({ traceId }) => traceId.slice(0, SHORTEST_BEGINNING), ({ key, traceId }) => ({ key, traceId })),
  }
}

function candidates(index: Index, { requestId, trace = '', traceWhole }: Fragment): readonly string[] {
  if (requestId !== undefined) return index.byRequest.get(requestId) ?? []
  if (traceWhole) return index.byTrace.get(traceKey(trace)) ?? []
  if (trace.length < SHORTEST_BEGINNING) return []
  const alike = index.byBeginning.get(trace.slice(0, SHORTEST_BEGINNING)) ?? []
  return alike.filter(({ traceId }) => traceId.startsWith(trace)).map(({ key }) => key)
}

function grouped<T, V>(items: readonly T[], keyOf: (item: T) => string, valueOf: (item: T) => V): Map<string, V[]> {
  const groups = new Map<string, V[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [valueOf(item)])
    else group.push(valueOf(item))
  }
  return groups
}

/** Each fragment once, in order of time: a damaged line that was repeated is still one line. */
function distinct(fragments: readonly Fragment[]): Fragment[] {
  const byText = new Map(fragments.map((fragment) => [JSON.stringify(fragment, Object.keys(fragment).sort()), fragment]))
  return [...byText].sort(([a, x], [b, y]) => (x.time ?? 0) - (y.time ?? 0) || (a < b ? -1 : 1)).map(([, fragment]) => fragment)
}
