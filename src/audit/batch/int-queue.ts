/** Numbers, first in, first out: a ring that grows. */
export class IntQueue {
  #ring = new Int32Array(1_024)
  #first = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(number: number): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#first + this.#size) & (this.#ring.length - 1)] = number
    this.#size += 1
  }

  /** The first number; there has to be one. */
  shift(): number {
    const number = this.#ring[this.#first] ?? 0
    this.#first = (this.#first + 1) & (this.#ring.length - 1)
    this.#size -= 1
    return number
  }

  #grow(): void {
    const wider = new Int32Array(this.#ring.length * 2)
    wider.set(this.#ring.subarray(this.#first))
    wider.set(this.#ring.subarray(0, this.#first), this.#ring.length - this.#first)
    this.#ring = wider
    this.#first = 0
  }
}
