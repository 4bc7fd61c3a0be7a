/** A first-in, first-out queue of integers in a ring buffer that grows. */
export class IntQueue {
  #ring = new Int32Array(1_024)
  #first = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(value: number): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#first + this.#size) & (this.#ring.length - 1)] = value
    this.#size += 1
  }

  /** Removes the first value. The queue must not be empty. */
  shift(): number {
    const value = this.#ring[this.#first] ?? 0
    this.#first = (this.#first + 1) & (this.#ring.length - 1)
    this.#size -= 1
    return value
  }

  #grow(): void {
    const ring = new Int32Array(this.#ring.length * 2)
    ring.set(this.#ring.subarray(this.#first))
    ring.set(this.#ring.subarray(0, this.#first), this.#ring.length - this.#first)
    this.#ring = ring
    this.#first = 0
  }
}
