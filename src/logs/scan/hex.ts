/** The value in {@link hexPair} of two characters that are not lower-case hex digits. */
export const NOT_HEX = -1

/** The byte for two lower-case hex digits. The index is their two characters as a little-endian number. */
export const hexPair = new Int16Array(65_536).fill(NOT_HEX)

for (let byte = 0; byte < 256; byte += 1) {
  const text = byte.toString(16).padStart(2, '0')
  hexPair[text.charCodeAt(0) | (text.charCodeAt(1) << 8)] = byte
}
