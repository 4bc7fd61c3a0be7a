import type { StateInfo, TransitionTable } from '../machine/table.ts'

/** How long a request may stay in a state: one limit for all states, or one by state, in milliseconds. */
export type StuckAfterMs = number | Readonly<Record<string, number>>

/**
 * The members of a request that its list uses; the list's links are stored on the requests themselves.
 *
 * Those that are internal to a request are so here, too: published types lack both, and so fit each other.
 */
export interface InFlightEntry<Entry> {
  /** @internal */
  readonly info: StateInfo
  /** @internal When the state was entered, by the monotonic clock. */
  readonly entered: number
  readonly attempt: number | undefined
  /** @internal When the caller stops waiting, by the monotonic clock. */
  readonly deadline: number | undefined
  /** @internal Until when it is meant to last, by the monotonic clock. */
  readonly dueTick: number | undefined
  /** @internal */
  previous: Entry | undefined
  /** @internal */
  next: Entry | undefined
}

/** A request that is past its limit, and the limit in milliseconds. */
export interface Overdue<Entry> {
  readonly request: Entry
  readonly limit: number
}

/** The requests in one state, in the order in which they entered it. */
interface StateList<Entry> {
  first: Entry | undefined
  last: Entry | undefined
}

/**
 * Requests that this process is responsible for, grouped by state.
 *
 * A step costs the same however many there are, and finding the overdue ones costs only the overdue ones.
 */
export class InFlight<Entry extends InFlightEntry<Entry>> {
  readonly #states: readonly StateInfo[]
  readonly #lists: readonly StateList<Entry>[]
  /** Requests whose place in a list does not say when they are due: each is checked by itself. */
  readonly #outOfOrder = new Set<Entry>()
  #size = 0

  constructor(table: TransitionTable) {
    this.#states = table.states
    this.#lists = table.states.map(() => ({ first: undefined, last: undefined }))
  }

  get size(): number {
    return this.#size
  }

  /** Appends a request to the list of its state. */
  add(request: Entry): void {
    const list = this.#lists[request.info.index]
    if (list === undefined) return
    const { last } = list
    request.previous = last
    if (last === undefined) list.first = request
    else last.next = request
    list.last = request
    this.#size += 1
    if (isOutOfOrder(request)) this.#outOfOrder.add(request)
  }

  /** Removes a request from the list of the state in which it was added; does nothing if it is not there. */
  delete(request: Entry, state: StateInfo): void {
    const list = this.#lists[state.index]
    const { previous, next } = request
    if (list === undefined || (previous === undefined && list.first !== request)) return
    if (previous === undefined) list.first = next
    else previous.next = next
    if (next === undefined) list.last = previous
    else next.previous = previous
    request.previous = undefined
    request.next = undefined
    this.#size -= 1
    if (isOutOfOrder(request)) this.#outOfOrder.delete(request)
  }

  /** A request has got a due time, while it is in the list or not. */
  onDue(request: Entry): void {
    if (request.previous !== undefined || this.#lists[request.info.index]?.first === request)
      this.#outOfOrder.add(request)
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (const list of this.#lists) yield* inOrder(list)
  }

  /**
   * The requests that have been in their state for longer than its limit, the longest first.
   *
   * A deadline of the caller replaces the state's own limit; where a limit is given, the earlier of the two counts. The
   * limit of a request that is meant to last counts from its due time.
   *
   * @param now by the monotonic clock
   */
  overdue(now: number, limits?: StuckAfterMs): readonly Overdue<Entry>[] {
    const overdue: Overdue<Entry>[] = []
    for (const request of this.#outOfOrder) {
      const limit = ownLimit(request, limits)
      if (now - countsFrom(request) > limit) overdue.push({ request, limit })
    }
    for (const [index, state] of this.#states.entries()) {
      const limit = limitOf(state, limits)
      for (const request of inOrder(this.#lists[index])) {
        if (isOutOfOrder(request)) continue
        if (now - request.entered <= limit) break
        overdue.push({ request, limit })
      }
    }
    return overdue.sort((a, b) => a.request.entered - b.request.entered)
  }
}

/** A resumed request entered its state before it was added here; deadlines and due times have nothing to do with that. */
function isOutOfOrder({ attempt, deadline, dueTick }: InFlightEntry<unknown>): boolean {
  return attempt !== undefined || deadline !== undefined || dueTick !== undefined
}

/** From when the time in the state counts: from the due time of a request that is meant to last. */
function countsFrom({ entered, dueTick = entered }: InFlightEntry<unknown>): number {
  return Math.max(entered, dueTick)
}

function* inOrder<Entry extends InFlightEntry<Entry>>(list: StateList<Entry> | undefined): Generator<Entry> {
  for (let request = list?.first; request !== undefined;) {
    // Read before the yield: the consumer may move the request on.
    const { next }: { readonly next: Entry | undefined } = request
    yield request
    request = next
  }
}

function limitOf(state: StateInfo, limits: StuckAfterMs | undefined): number {
  return givenLimit(state, limits) ?? state.stuckAfterMs
}

function ownLimit({ info, deadline, entered }: InFlightEntry<unknown>, limits: StuckAfterMs | undefined): number {
  if (deadline === undefined) return limitOf(info, limits)
  return Math.max(0, Math.min(deadline - entered, givenLimit(info, limits) ?? Infinity))
}

function givenLimit({ name }: StateInfo, limits: StuckAfterMs | undefined): number | undefined {
  return typeof limits === 'object' ? limits[name] : limits
}
