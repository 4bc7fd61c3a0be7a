/** Something that falls due at a moment. */
interface Due<T> {
  readonly at: number
  readonly item: T
}

/** What falls due, the earliest first: a binary heap, so that putting and taking cost little among many. */
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

  /** Takes the earliest, if its time has come. */
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

  /** Forgets what is no longer waited for. */
  retain(wanted: (item: T, at: number) => boolean): void {
    const kept = this.#heap.filter(({ item, at }) => wanted(item, at))
    // In order they are a heap already.
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

  /** Where there is nothing, nothing ever falls due. */
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
