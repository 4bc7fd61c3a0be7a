import type { StateInfo, TransitionTable } from '../machine/table.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** How long a request may stay in a state: one limit for all states, or one by state, in milliseconds. */
export type StuckAfterMs = number | Readonly<Record<string, number>>

/** A request that has overstayed, and the milliseconds that it had. */
export interface Overdue {
  readonly request: TrackedRequest
  readonly limit: number
}

/** The requests in one state, in the order in which they entered it; the links between them are on the requests. */
interface StateList {
  first: TrackedRequest | undefined
  last: TrackedRequest | undefined
}

/**
 * The requests that this process is to move on, by state.
 *
 * A step costs the same however many there are, and finding the overdue costs only the overdue.
 */
export class InFlight {
  readonly #states: readonly StateInfo[]
  readonly #lists: readonly StateList[]
  /** Those whose place in a list says nothing of when they are due: they are asked one by one. */
  readonly #outOfOrder = new Set<TrackedRequest>()
  #size = 0

  constructor(table: TransitionTable) {
    this.#states = table.states
    this.#lists = table.states.map(() => ({ first: undefined, last: undefined }))
  }

  get size(): number {
    return this.#size
  }

  /** Files a request under its state. */
  add(request: TrackedRequest): void {
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

  /** Takes a request out of the state under which it was filed; one that is not there stays away. */
  delete(request: TrackedRequest, state: StateInfo): void {
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

  *[Symbol.iterator](): Generator<TrackedRequest> {
    for (const list of this.#lists) yield* inOrder(list)
  }

  /**
   * The requests that have been in their state for longer than its limit, the longest first.
   *
   * Whoever asked may have said how long to wait for the answer: such a deadline takes the place of the state's own
   * limit, and of a limit that is given the sooner one counts.
   *
   * @param now of the clock that durations are measured by
   */
  overdue(now: number, limits?: StuckAfterMs): readonly Overdue[] {
    const late: Overdue[] = []
    for (const request of this.#outOfOrder) {
      const limit = ownLimit(request, limits)
      if (now - request.entered > limit) late.push({ request, limit })
    }
    for (const [index, state] of this.#states.entries()) {
      const limit = limitOf(state, limits)
      for (const request of inOrder(this.#lists[index])) {
        if (isOutOfOrder(request)) continue
        if (now - request.entered <= limit) break
        late.push({ request, limit })
      }
    }
    return late.sort((a, b) => a.request.entered - b.request.entered)
  }
}

/** A resumed request entered its state long before it was filed; a deadline comes when it comes. */
function isOutOfOrder({ attempt, deadline }: TrackedRequest): boolean {
  return attempt !== undefined || deadline !== undefined
}

function* inOrder(list: StateList | undefined): Generator<TrackedRequest> {
  for (let request = list?.first; request !== undefined;) {
    // Read before it is yielded: whoever gets it may move it on.
    const { next } = request
    yield request
    request = next
  }
}

function limitOf(state: StateInfo, limits: StuckAfterMs | undefined): number {
  return givenLimit(state, limits) ?? state.stuckAfterMs
}

function ownLimit({ info, deadline, entered }: TrackedRequest, limits: StuckAfterMs | undefined): number {
  if (deadline === undefined) return limitOf(info, limits)
  return Math.max(0, Math.min(deadline - entered, givenLimit(info, limits) ?? Infinity))
}

function givenLimit({ name }: StateInfo, limits: StuckAfterMs | undefined): number | undefined {
  return typeof limits === 'object' ? limits[name] : limits
}
