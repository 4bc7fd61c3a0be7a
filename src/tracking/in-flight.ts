import type { TransitionTable } from '../lifecycle/table.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** How long a request may stay in a state: one limit for all states, or one by state, in milliseconds. */
export type StuckLimits = number | Readonly<Record<string, number>>

/** The requests that this process is to move on, by state. */
export class InFlight {
  readonly #byState = new Map<string, Set<TrackedRequest>>()

  /** Files a request under its state. */
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
      // All of them are asked: a resumed request entered its state long before it was filed, and clocks are set back.
      const late = [...requests].filter((request) => now - request.since > limit)
      for (const request of late.sort((a, b) => a.since - b.since)) yield { request, limit }
    }
  }
}
