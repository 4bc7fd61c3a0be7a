import fc from 'fast-check'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../../src/record/record.ts'

export const SERVICE = 'gateway'

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const ms = fc.double({ min: 0, max: 1e12, noNaN: true }).map((value) => value + 0)
const yes = fc.constant(true as const)
const loggedError = fc.record(
  { type: name, message: fc.string({ unit: 'binary' }), cut: yes },
  { requiredKeys: ['type', 'message'] },
)

const common = {
  time: fc.integer({ min: 0, max: 4e12 }),
  service: fc.constant(SERVICE),
  trace_id: name,
  request_id: name,
  state: name,
}
// As the tracker hands data to its sinks: JSON knows no -0.
const data = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const commonOptional = { attempt: fc.integer({ min: 1, max: 99 }), error: loggedError, data }

const transition: fc.Arbitrary<TransitionRecord> = fc.record(
  {
    lifecycle: fc.constant('transition' as const),
    ...common,
    seq: fc.nat(),
    event: name,
    from: name,
    dwell_ms: ms,
    parent_id: name,
    method: name,
    path: fc.string({ unit: 'binary' }),
    rejected_id: yes,
    rejected_length: fc.nat(),
    implied: yes,
    outcome: fc.constantFrom('ok', 'error', 'aborted', 'denied'),
    status: fc.integer(),
    duration_ms: ms,
    ...commonOptional,
  },
  { requiredKeys: ['lifecycle', 'time', 'service', 'trace_id', 'request_id', 'state', 'seq'] },
)

const note: fc.Arbitrary<NoteRecord> = fc.record(
  { lifecycle: fc.constantFrom('note', 'rejected', 'stuck'), ...common, event: name, ...commonOptional },
  { requiredKeys: ['lifecycle', 'time', 'service', 'trace_id', 'request_id', 'state', 'event'] },
)

/** Any record that can be, of the service {@link SERVICE}. */
export const lifecycleRecord: fc.Arbitrary<LifecycleRecord> = fc.oneof(transition, note)
