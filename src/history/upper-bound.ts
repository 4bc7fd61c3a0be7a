/** How many things are looked at for one fragment of a line: damage must not make an audit slow. */
export const MAX_CANDIDATES = 10_000

/** Where in a list in order of time the things begin that come after a moment; its length where none does. */
export function upperBound<T>(items: readonly T[], time: number, timeOf: (item: T) => number): number {
  let [first, beyond] = [0, items.length]
  while (first < beyond) {
    const middle = (first + beyond) >> 1
    const item = items[middle]
    if (item !== undefined && timeOf(item) <= time) first = middle + 1
    else beyond = middle
  }
  return first
}
