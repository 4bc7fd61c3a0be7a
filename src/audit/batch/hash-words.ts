interface HashConstants {
  readonly seed: number
  readonly factor: number
  readonly shift: number
}

const HASH: HashConstants = { seed: 0x9e3779b9, factor: 0xc2b2ae35, shift: 16 }
/** Another shift as well: with the same one, keys that collide in one hash would often collide in the other. */
const SECOND_HASH: HashConstants = { seed: 0x2545f491, factor: 0x85ebca6b, shift: 13 }

/** A 32-bit hash of a few words. Not cryptographic. */
export function hashWords(words: Uint32Array, { seed, factor, shift } = HASH): number {
  let hash = seed
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- the index loop is faster on this hot path
  for (let index = 0; index < words.length; index += 1) {
    hash = Math.imul(hash ^ (words[index] ?? 0), factor)
    hash ^= hash >>> shift
  }
  return hash >>> 0
}

/** 64 bits of hash that stand for a key; never all zero. */
export function fingerprintOf(words: Uint32Array): [high: number, low: number] {
  return [hashWords(words, SECOND_HASH), hashWords(words) || 1]
}
