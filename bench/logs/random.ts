/** A fast pseudorandom number generator (sfc32): the same seed gives the same numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param stream selects one of several independent sequences of a seed */
  constructor(seed: number, stream: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let round = 0; round < 15; round += 1) this.uint32()
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** From 0 to below 1. */
  float(): number {
    return this.uint32() / 2 ** 32
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** An integer from 0 to below a limit. */
  integer(limit: number): number {
    return Math.floor(this.float() * limit)
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.integer(list.length)] ?? list[0]
  }

  /** Exponentially distributed, at most 20 times the mean. */
  exponential(mean: number): number {
    return Math.min(20, -Math.log(1 - this.float())) * mean
  }

  /** Four hex digits. */
  hex4(): string {
    return HEX4[this.uint32() >>> 16] ?? ''
  }
}

/** Precomputed, because a trace id takes eight of them and number formatting is slow. */
const HEX4 = Array.from({ length: 65_536 }, (_, number) => number.toString(16).padStart(4, '0'))
