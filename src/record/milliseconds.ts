/** A duration as JSON. Most are short and formatting a fraction is slow, so short ones are cached. */
export function milliseconds(ms: number): string {
  const micros = Math.round(ms * 1_000)
  if (micros < 0 || micros >= MAX_CACHED_MICROS || micros / 1_000 !== ms) return String(ms)
  return (cachedNumbers[micros] ??= String(ms))
}

const MAX_CACHED_MICROS = 4_000
/** Indexed by microseconds, filled as they occur. */
const cachedNumbers: (string | undefined)[] = new Array<string | undefined>(MAX_CACHED_MICROS)
