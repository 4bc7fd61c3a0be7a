import type { LifecycleRecord } from '../record/record.ts'
import type { Sink } from '../record/sink.ts'

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
