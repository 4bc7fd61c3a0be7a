import type { LifecycleRecord, Sink } from '../record/record.ts'

/**
 * A sink that keeps its records in an array, for tests.
 *
 * @example
 * const sink = memorySink()
 * const tracker = createTracker({ service: 'api', logger: false, sinks: [sink] })
 */
export function memorySink(): Sink & { readonly records: LifecycleRecord[] } {
  const records: LifecycleRecord[] = []
  return { records, write: (record) => void records.push(record) }
}
