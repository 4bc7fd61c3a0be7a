/** A fixed part of a line, prepared for a comparison of four bytes at a time. */
export interface Literal {
  readonly length: number
  /** Its bytes as little-endian numbers. The last one overlaps the one before if the length is not a multiple of 4. */
  readonly words: Int32Array
}

/** @param bytes at least four */
export function literal(bytes: Buffer): Literal {
  const { length } = bytes
  const places = Array.from({ length: length >> 2 }, (_, index) => index * 4)
  return {
    length,
    words: Int32Array.from(length % 4 === 0 ? places : [...places, length - 4], (place) => bytes.readInt32LE(place)),
  }
}

/** Whether the bytes at an offset equal the literal. */
export function matchesAt({ words, length }: Literal, view: DataView, at: number): boolean {
  const last = words.length - 1
  if (view.getInt32(at + length - 4, true) !== words[last]) return false
  for (let index = 0; index < last; index += 1) if (view.getInt32(at + index * 4, true) !== words[index]) return false
  return true
}
