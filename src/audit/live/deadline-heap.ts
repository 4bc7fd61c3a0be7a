/** Something that falls due at a time. */
interface Due<T> {
  readonly at: number
  readonly item: T
}

/** A binary heap of deadlines, the earliest first. */
export class DeadlineHeap<T> {
  #heap: Due<T>[] = []

  get size(): number {
    return this.#heap.length
  }

  push(item: T, at: number): void {
    const heap = this.#heap
    let index = heap.push({ at, item }) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      if (this.#at(above) <= this.#at(index)) return
      this.#swap(above, index)
      index = above
    }
  }

  /** Removes and returns the earliest item, if it is due. */
  popDue(now: number): T | undefined {
    const heap = this.#heap
    const [first] = heap
    if (first === undefined || first.at > now) return undefined
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return first.item
  }

  /** Keeps only the items that are wanted. */
  retain(wanted: (item: T, at: number) => boolean): void {
    const kept = this.#heap.filter(({ item, at }) => wanted(item, at))
    // A sorted array is a heap.
    this.#heap = kept.sort((a, b) => a.at - b.at)
  }

  #sink(): void {
    for (let index = 0; ;) {
      const left = 2 * index + 1
      const least = this.#at(left + 1) < this.#at(left) ? left + 1 : left
      if (this.#at(least) >= this.#at(index)) return
      this.#swap(index, least)
      index = least
    }
  }

  /** The time of an item; Infinity beyond the last. */
  #at(index: number): number {
    return this.#heap[index]?.at ?? Infinity
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]]
    if (x === undefined || y === undefined) return
    this.#heap[a] = y
    this.#heap[b] = x
  }
}
