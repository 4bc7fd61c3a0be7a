/** The middle value; between the two middle ones where their number is even. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Half of the distance between the quartiles: how far a single round is from the median, one time in two. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const [low = NaN, high = NaN] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return low + (high - low) * (place - Math.floor(place))
}

/**
 * Measures all variants in every round, so that whatever else the machine does hits all of them alike.
 * Each round begins with another one: what goes first meets a machine that has rested.
 *
 * @returns what `measure` gave, by variant, in the order of the rounds
 */
export async function interleaved<T, R>(
  variants: readonly T[],
  rounds: number,
  measure: (variant: T, round: number) => R | Promise<R>,
): Promise<ReadonlyMap<T, R[]>> {
  const results = new Map<T, R[]>(variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round += 1) {
    const first = round % variants.length
    for (const variant of [...variants.slice(first), ...variants.slice(0, first)]) {
      results.get(variant)?.push(await measure(variant, round))
    }
  }
  return results
}

const PROCESSES = 3

/**
 * Shares rounds out among fresh processes that are measured one after the other: what a compiler makes of the same code is now
 * and then another thing in the next process.
 */
export function shares(rounds: number): readonly number[] {
  const processes = Math.min(PROCESSES, rounds)
  return Array.from({ length: processes }, (_, index) => Math.floor((rounds + index) / processes))
}

/** The numbers of a variant that was measured. */
export function of<T, R>(results: ReadonlyMap<T, readonly R[]>, variant: T): readonly R[] {
  const found = results.get(variant)
  if (found === undefined) throw new Error('this variant was not measured')
  return found
}
