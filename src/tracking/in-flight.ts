import type { TransitionTable } from '../lifecycle/table.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** How long a request may stay in a state: one limit for all states, or one by state, in milliseconds. */
export type StuckLimits = number | Readonly<Record<string, number>>

/**
 * The requests that this process is to move on, by state, each state's in the order in which they entered it:
 * so finding the stuck ones costs only the stuck ones.
 */
export class InFlight {
  readonly #byState = new Map<string, Set<TrackedRequest>>()

  /** Files a request under its state, behind all that entered it earlier. */
  add(request: TrackedRequest): void {
    let requests = this.#byState.get(request.state)
    if (requests === undefined) this.#byState.set(request.state, (requests = new Set()))
    requests.add(request)
  }

  /** Takes a request out of the state under which it was filed. */
  delete(request: TrackedRequest, state: string): void {
    this.#byState.get(state)?.delete(request)
  }

  get size(): number {
    let size = 0
    for (const requests of this.#byState.values()) size += requests.size
    return size
  }

  *[Symbol.iterator](): Generator<TrackedRequest> {
    for (const requests of this.#byState.values()) yield* requests
  }

  /** The requests that have been in their state for longer than its limit, the longest first within a state. */
  *overdue(table: TransitionTable, now: number, limits?: StuckLimits): Generator<{ request: TrackedRequest; limit: number }> {
    for (const [state, requests] of this.#byState) {
      const own = typeof limits === 'object' ? limits[state] : limits
      const limit = own ?? table.state[state]?.stuckAfterMs ?? Infinity
      for (const request of requests) {
        if (now - request.since <= limit) break
        yield { request, limit }
      }
    }
  }
}
