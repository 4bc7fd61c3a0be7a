/** Events by their millisecond; those of one millisecond in the order in which they were added. */
export class EventQueue<T> {
  readonly #events = new Map<number, T[]>()
  /** The first millisecond that has not been popped. */
  #next: number

  constructor(start: number) {
    this.#next = Math.floor(start)
  }

  /** Adds an event; one in the past is moved to the next millisecond to be popped. */
  add(time: number, event: T): void {
    const at = Math.max(this.#next, Math.floor(time))
    const events = this.#events.get(at)
    if (events === undefined) this.#events.set(at, [event])
    else events.push(event)
  }

  /** Removes the events before the millisecond of a time, in order, including those that are added meanwhile. */
  *popBefore(time: number): Generator<T> {
    const end = Math.floor(time)
    while (this.#next < end && this.#events.size > 0) {
      const events = this.#events.get(this.#next)
      if (events !== undefined) {
        for (const event of events) yield event
        this.#events.delete(this.#next)
      }
      this.#next += 1
    }
    // The queue is empty: skip the rest.
    if (Number.isFinite(end)) this.#next = Math.max(this.#next, end)
  }
}
