/** How many candidates are examined for one partial record. This bounds the time that a damaged log takes. */
export const MAX_CANDIDATES = 10_000

/** The index of the first item later than `time`, in a list sorted by time; the list's length if there is none. */
export function upperBound<T>(items: readonly T[], time: number, timeOf: (item: T) => number): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && timeOf(item) <= time) low = middle + 1
    else high = middle
  }
  return low
}
