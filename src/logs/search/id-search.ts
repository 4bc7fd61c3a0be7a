import { canonicalTraceId, toDashed, w3cTraceId } from '../../trace/trace-id.ts'

/** One way to write an id. Of a UUID every digit may stand in lower and in upper case. */
interface IdForm {
  readonly lower: Uint8Array
  readonly upper: Uint8Array
}

const HEX = /^[0-9a-f]{32}$/

/**
 * Finds a trace's id in bytes, however it is spelled: a UUID with dashes and without, in any case; another id as it is,
 * and as the 128 bits that stand for it.
 *
 * Each place asks how far the next spelling's end must be away, as the last two bytes there tell, and jumps that far: of
 * a UUID's 32 digits most are never looked at.
 */
export class IdSearch {
  readonly #spellings: readonly IdForm[]
  readonly #shortest: number
  /** By two bytes: how far from them a spelling can end at the nearest; 0 where one may end with them. */
  readonly #jumps: Uint8Array

  constructor(traceId: string) {
    this.#spellings = [...new Set([canonicalTraceId(traceId), w3cTraceId(traceId)])].flatMap(idForms)
    this.#shortest = Math.min(...this.#spellings.map(({ lower }) => lower.length))
    this.#jumps = new Uint8Array(65_536).fill(this.#shortest - 1)
    for (const spelling of this.#spellings) this.#enter(spelling)
  }

  /** Where spellings end between two places, in order: the index of the last byte of each. */
  matchEnds(bytes: Uint8Array, from: number, to: number): number[] {
    const [jumps, first, second] = [this.#jumps, [] as number[], [] as number[]]
    const middle = (from + to) >> 1
    // Two at a time: each jump waits for the memory, and the other one is made meanwhile.
    let [near, far] = [from + this.#shortest - 1, Math.max(middle, from + this.#shortest - 1)]
    while (near < middle && far < to) {
      const nearJump = jumps[((bytes[near - 1] ?? 0) << 8) | (bytes[near] ?? 0)] ?? 0
      const farJump = jumps[((bytes[far - 1] ?? 0) << 8) | (bytes[far] ?? 0)] ?? 0
      if (nearJump === 0 && this.#endsAt(bytes, from, near)) first.push(near)
      if (farJump === 0 && this.#endsAt(bytes, from, far)) second.push(far)
      near += nearJump || 1
      far += farJump || 1
    }
    this.#rest(bytes, from, near, middle, first)
    this.#rest(bytes, from, far, to, second)
    return [...first, ...second]
  }

  #rest(bytes: Uint8Array, from: number, start: number, to: number, found: number[]): void {
    for (let at = start; at < to; ) {
      const jump = this.#jumps[((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0)] ?? 0
      if (jump === 0 && this.#endsAt(bytes, from, at)) found.push(at)
      at += jump || 1
    }
  }

  #endsAt(bytes: Uint8Array, from: number, end: number): boolean {
    return this.#spellings.some(({ lower, upper }) => {
      const start = end - lower.length + 1
      if (start < from) return false
      for (let at = lower.length - 1; at >= 0; at -= 1) if (bytes[start + at] !== lower[at] && bytes[start + at] !== upper[at]) return false
      return true
    })
  }

  /** Only as many bytes as the shortest spelling has: a longer jump would leap over that one. */
  #enter({ lower, upper }: IdForm): void {
    for (let at = lower.length - this.#shortest + 1; at < lower.length; at += 1) {
      for (const high of [lower[at - 1] ?? 0, upper[at - 1] ?? 0]) {
        for (const low of [lower[at] ?? 0, upper[at] ?? 0]) {
          const pair = (high << 8) | low
          this.#jumps[pair] = Math.min(this.#jumps[pair] ?? 0, lower.length - 1 - at)
        }
      }
    }
  }
}

function idForms(key: string): IdForm[] {
  if (!HEX.test(key)) return [{ lower: Buffer.from(key), upper: Buffer.from(key) }]
  return [key, toDashed(key)].map((text) => ({ lower: Buffer.from(text), upper: Buffer.from(text.toUpperCase()) }))
}
