import fc from 'fast-check'
import { canHave, type Field, type FieldKind, type LineOnlyKind } from '../../src/record/field-types.ts'
import { FIELDS, type LifecycleRecord } from '../../src/record/record.ts'

export const SERVICE = 'gateway'

const text = fc.string({ unit: 'binary', maxLength: 40 })
const nonEmpty = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
// JSON has no -0.
const number = fc.double({ min: -1e6, max: 1e12, noNaN: true }).map((value) => value + 0)
const cut = fc.constant(true as const)

const VALUES: Readonly<Record<Exclude<FieldKind, LineOnlyKind | 'lifecycle'>, fc.Arbitrary<unknown>>> = {
  time: fc.integer({ min: 0, max: 4e12 }),
  string: text,
  'trace-id': text,
  'request-id': text,
  integer: fc.nat(),
  number,
  milliseconds: number,
  true: fc.constant(true),
  outcome: fc.constantFrom('ok', 'error', 'aborted', 'denied'),
  error: fc.record({ type: text, message: fc.string({ unit: 'binary' }), cut }, { requiredKeys: ['type', 'message'] }),
  // As the tracker passes data to its sinks.
  data: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
}

function recordOf(...lifecycles: readonly LifecycleRecord['lifecycle'][]): fc.Arbitrary<LifecycleRecord> {
  const [lifecycle = 'transition'] = lifecycles
  const values: Record<string, fc.Arbitrary<unknown>> = { lifecycle: fc.constantFrom(...lifecycles) }
  const requiredKeys = ['lifecycle']
  for (const [name, { kind, on, presence }] of Object.entries<Field>(FIELDS)) {
    if (kind === 'level' || kind === 'message' || kind === 'lifecycle' || !canHave(lifecycle, on)) continue
    values[name] = VALUES[kind]
    // Not every transition has what is required on the first, on steps or on the final one.
    const isRequired = lifecycle !== 'transition' || on === 'all' || on === 'transition'
    if (presence !== 'optional' && isRequired) requiredKeys.push(name)
    if (presence === 'essential' && VALUES[kind] === text) values[name] = nonEmpty
  }
  values.service = fc.constant(SERVICE)
  // FIELDS has the keys of a record, and each value is of its key's kind.
  return fc.record(values, { requiredKeys }) as unknown as fc.Arbitrary<LifecycleRecord>
}

/** Any record of the service {@link SERVICE}. */
export const lifecycleRecord: fc.Arbitrary<LifecycleRecord> = fc.oneof(
  recordOf('transition'),
  recordOf('note', 'rejected', 'stuck'),
)
