/**
 * The number of runs of a property: `count`, or `FC_RUNS` if that is lower. Mutation testing repeats the tests often.
 */
export function propertyRuns(count: number): number {
  return Math.min(count, Number(process.env.FC_RUNS ?? count))
}
