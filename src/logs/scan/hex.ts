/** What {@link hexPair} has for two characters that are no lower-case hex digits. */
export const NOT_HEX = -1

/** The byte that two lower-case hex digits stand for, by the number that their characters are in little-endian order. */
export const hexPair = new Int16Array(65_536).fill(NOT_HEX)

for (let byte = 0; byte < 256; byte += 1) {
  const text = byte.toString(16).padStart(2, '0')
  hexPair[text.charCodeAt(0) | (text.charCodeAt(1) << 8)] = byte
}
