/**
 * Writes a non-cryptographic hash of up to 128 bits. With all of them, collisions are negligible.
 *
 * It is up to four hashes of 32 bits side by side, each with the finalizer of MurmurHash3.
 *
 * @param count how many words of 32 bits, up to four
 */
export function hashText(
  bytes: Uint8Array,
  from: number,
  to: number,
  words: Uint32Array,
  place: number,
  count: number,
): void {
  for (let word = 0; word < count; word += 1) {
    let hash = SEEDS[word] ?? 0
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), FACTORS[word] ?? 1) ^ (hash >>> 15)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    words[place + word] = hash ^ (hash >>> 16)
  }
}

const SEEDS = [0x811c9dc5, 0x2545f491, 0x9e3779b9, 0x7f4a7c15]
const FACTORS = [0x01000193, 0x2c1b3c6d, 0x297a2d39, 0x5bd1e995]
