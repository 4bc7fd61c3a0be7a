import { canonicalTraceId, toDashed, w3cTraceId } from '../../trace/trace-id.ts'

/** A form of an id. The digits of a UUID match in lower and in upper case. */
interface IdForm {
  readonly lower: Uint8Array
  readonly upper: Uint8Array
}

const HEX = /^[0-9a-f]{32}$/

/**
 * Finds the id of a trace in bytes: a UUID with and without dashes, in any case; any other id as it is, and as its W3C
 * trace-id of 128 bits.
 *
 * This is the Boyer-Moore-Horspool algorithm with pairs of bytes: the last two bytes of a window determine how far it
 * can jump, so most digits are never read.
 */
export class IdSearch {
  readonly #forms: readonly IdForm[]
  readonly #shortest: number
  /** By pair of bytes: the distance to the nearest possible end of a form; 0 if a form may end with this pair. */
  readonly #jumps: Uint8Array

  constructor(traceId: string) {
    this.#forms = [...new Set([canonicalTraceId(traceId), w3cTraceId(traceId)])].flatMap(idForms)
    this.#shortest = Math.min(...this.#forms.map(({ lower }) => lower.length))
    this.#jumps = new Uint8Array(65_536).fill(this.#shortest - 1)
    for (const form of this.#forms) this.#enter(form)
  }

  /** The index of the last byte of each match between two offsets, in order. */
  matchEnds(bytes: Uint8Array, from: number, to: number): number[] {
    const [jumps, first, second] = [this.#jumps, [] as number[], [] as number[]]
    const middle = (from + to) >> 1
    // Search both halves at once: while one jump waits for memory, the other proceeds.
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
    for (let at = start; at < to;) {
      const jump = this.#jumps[((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0)] ?? 0
      if (jump === 0 && this.#endsAt(bytes, from, at)) found.push(at)
      at += jump || 1
    }
  }

  #endsAt(bytes: Uint8Array, from: number, end: number): boolean {
    return this.#forms.some(({ lower, upper }) => {
      const start = end - lower.length + 1
      if (start < from) return false
      for (let at = lower.length - 1; at >= 0; at -= 1)
        if (bytes[start + at] !== lower[at] && bytes[start + at] !== upper[at]) return false
      return true
    })
  }

  /** Enters only the last bytes, as many as the shortest form has: a longer jump would skip that form. */
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
