/**
 * Measures all variants in every round, so that other load on the machine affects all of them alike.
 * Each round starts with another variant, because the first one meets an idle machine.
 *
 * @returns the results of `measure` by variant, in the order of the rounds
 */
export async function interleave<T, R>(
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
 * Splits rounds among up to three processes that run one after the other,
 * because V8 sometimes compiles the same code differently in another process.
 */
export function splitRounds(rounds: number): readonly number[] {
  const processes = Math.min(PROCESSES, rounds)
  return Array.from({ length: processes }, (_, index) => Math.floor((rounds + index) / processes))
}

/** @throws Error if the variant was not measured */
export function resultsOf<T, R>(results: ReadonlyMap<T, readonly R[]>, variant: T): readonly R[] {
  const found = results.get(variant)
  if (found === undefined) throw new Error('this variant was not measured')
  return found
}
