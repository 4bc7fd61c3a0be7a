/** Things to come, by the millisecond; those of the same one in the order in which they were added. */
export class Agenda<T> {
  readonly #due = new Map<number, T[]>()
  /** Everything before it has been taken. */
  #next: number

  constructor(start: number) {
    this.#next = Math.floor(start)
  }

  /** Adds something to a moment; to one that has passed as to the next that comes. */
  add(time: number, item: T): void {
    const at = Math.max(this.#next, Math.floor(time))
    const items = this.#due.get(at)
    if (items === undefined) this.#due.set(at, [item])
    else items.push(item)
  }

  /** Takes what comes before the millisecond of a moment, in order; what is added meanwhile too. */
  *before(moment: number): Generator<T> {
    const end = Math.floor(moment)
    while (this.#next < end && this.#due.size > 0) {
      const items = this.#due.get(this.#next)
      if (items !== undefined) {
        for (const item of items) yield item
        this.#due.delete(this.#next)
      }
      this.#next += 1
    }
    // Nothing is due: what lies between is passed over.
    if (Number.isFinite(end)) this.#next = Math.max(this.#next, end)
  }
}
