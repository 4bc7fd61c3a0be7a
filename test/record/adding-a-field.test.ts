import { expect, test } from 'vitest'
import { FIELDS, type Field, type Fields, type FieldTable } from '../../src/record/fields.ts'
import { complaints, PLACES } from './field-places.ts'

const PROBE: Field = { kind: 'number', on: 'transition', presence: 'optional', audited: true }

/** The table of fields with a new one, which nothing else knows. */
const withProbe: Fields = Object.fromEntries(
  Object.entries<Field>(FIELDS).flatMap((row) => (row[0] === 'attempt' ? [['probe_field', PROBE], row] : [row])),
)

test.each(PLACES)('a field that is missing in $name is reported, and nothing else is', (place) => {
  expect(complaints(place, withProbe)).toEqual([`${place.name} lacks probe_field: ${place.fix}`])
})

test('the type check compares the table with the records', () => {
  const { seq: _seq, ...withoutSeq } = FIELDS
  // @ts-expect-error -- a key of a record without a row
  const missingRow: FieldTable = withoutSeq
  // @ts-expect-error -- a row without a key in a record
  const missingKey: FieldTable = { ...FIELDS, probe_field: PROBE }
  // @ts-expect-error -- a row whose kind does not fit the type of the key
  const wrongKind: FieldTable = { ...FIELDS, seq: { ...FIELDS.seq, kind: 'string' } }
  expect([missingRow, missingKey, wrongKind]).toHaveLength(3)
})
