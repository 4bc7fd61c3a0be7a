/** A small fast generator of random numbers (sfc32): the same seed gives the same numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param stream numbers of one seed that must not depend on how many another stream has drawn */
  constructor(seed: number, stream: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let round = 0; round < 15; round += 1) this.word()
  }

  /** 32 random bits, from 0. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0
    return sum >>> 0
  }

  /** From 0, below 1. */
  share(): number {
    return this.word() / 2 ** 32
  }

  chance(share: number): boolean {
    return this.share() < share
  }

  /** A whole number from 0, below a limit. */
  below(limit: number): number {
    return Math.floor(this.share() * limit)
  }

  /** One of a list, which is not empty. */
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0]
  }

  /** A wait in milliseconds, as things take that may happen at any moment; at most twenty times the mean. */
  wait(mean: number): number {
    return Math.min(20, -Math.log(1 - this.share())) * mean
  }

  /** Four hex digits. */
  digits(): string {
    return FOUR_DIGITS[this.word() >>> 16] ?? ''
  }
}

/** Numbers are printed anew each time, and an id has eight of these. */
const FOUR_DIGITS = Array.from({ length: 65_536 }, (_, number) => number.toString(16).padStart(4, '0'))
