/** 64 bits of hash that stand for a key of ASCII text; never all zero. Not cryptographic. */
export function fingerprintOfText(text: string): readonly [high: number, low: number] {
  let [high, low] = [0x9e3779b9, 0x2545f491]
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 0xc2b2ae35)
    high ^= high >>> 16
    low = Math.imul(low ^ code, 0x85ebca6b)
    low ^= low >>> 13
  }
  return [high >>> 0, low >>> 0 || 1]
}
