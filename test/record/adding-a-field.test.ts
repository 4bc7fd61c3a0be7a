import { runInThisContext } from 'node:vm'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { renderWriters } from '../../.ci/render-writers.ts'
import type { Field, Fields, FieldTable } from '../../src/record/field-types.ts'
import { constantFields, readersOf, readRecord } from '../../src/record/line.ts'
import * as milliseconds from '../../src/record/milliseconds.ts'
import { FIELDS, type LifecycleRecord } from '../../src/record/record.ts'
import type * as Writers from '../../src/record/write-fields.ts'
import { keysOf } from '../lines.ts'
import { complaints, PLACES } from './field-places.ts'
import { sampleRecord, sortsWith, VALUES } from './field-samples.ts'

const PROBE: Field = { kind: 'number', on: 'transition', presence: 'optional', audited: true }

/** The table of fields with a new one before another. */
function withProbe(probe: Field, before = 'attempt'): Fields {
  return Object.fromEntries(
    Object.entries<Field>(FIELDS).flatMap((row) => (row[0] === before ? [['probe_field', probe], row] : [row])),
  )
}

test.each(PLACES)('a field that is missing in $name is reported, and nothing else is', (place) => {
  expect(complaints(place, withProbe(PROBE))).toEqual([`${place.name} lacks probe_field: ${place.fix}`])
})

describe('a field needs a row, and the writers that are generated from it', () => {
  test.each<Field & { readonly before?: string }>([
    PROBE,
    { kind: 'milliseconds', on: 'final', presence: 'optional', audited: false },
    { kind: 'true', on: 'first', presence: 'optional', audited: false },
    { kind: 'string', on: 'step', presence: 'optional', audited: false, before: 'due' },
    { kind: 'integer', on: 'transition', presence: 'required', audited: false },
    { kind: 'data', on: 'transition', presence: 'optional', audited: false },
    { kind: 'outcome', on: 'all', presence: 'optional', audited: false },
    { kind: 'string', on: 'resumed', presence: 'optional', audited: false, before: 'dwell_ms' },
  ])('$kind, $presence on $on', async ({ before, ...field }) => {
    const fields = withProbe(field, before)
    const { variableFields, isPlain, appendFields } = await writersFor(fields)
    const value = VALUES[field.kind][0]
    for (const sort of sortsWith(field)) {
      const record = sampleRecord(sort, fields)
      const { time, service } = record
      const line = JSON.stringify({ time, service, ...constantFields(record), ...variableFields(record) })
      expect(JSON.parse(line)).toHaveProperty('probe_field', value)
      expect(keysOf(line)).toEqual(Object.keys(fields).filter((name) => name in record))
      expect(readRecord(JSON.parse(line), readersOf(fields))).toEqual(record)
      const plain = sampleRecord(sort, fields, (name) => name === 'probe_field')
      // As for the other fields: pino writes objects, and what notes can have too.
      const isLeftToPino = field.on === 'all' || field.on === 'resumed' || field.kind === 'data'
      expect(isPlain(plain)).toBe(!isLeftToPino)
      if (isPlain(plain)) {
        const [, text = ''] = JSON.stringify(variableFields(plain)).split(/"seq":\d+/)
        expect(`${appendFields('', plain)}}`).toBe(text)
      }
    }
  })
})

/** The writers that `npm run generate` would write for a table. */
async function writersFor(fields: Fields): Promise<typeof Writers> {
  const { outputText } = ts.transpileModule(await renderWriters(fields), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
  })
  // A module in the form of CommonJS, with the exports of the one that is generated from FIELDS.
  const load = runInThisContext(`(require) => { const exports = {}; ${outputText}; return exports }`) as (
    require: () => unknown,
  ) => typeof Writers
  return load(() => milliseconds)
}

test('the type check compares the table with the records', () => {
  const { seq: _seq, ...withoutSeq } = FIELDS
  // @ts-expect-error -- a member of a record without a row
  const missingRow: FieldTable<LifecycleRecord> = withoutSeq
  // @ts-expect-error -- a row without a member in a record
  const missingKey: FieldTable<LifecycleRecord> = { ...FIELDS, probe_field: PROBE }
  // @ts-expect-error -- a row whose kind does not fit the type of the member
  const wrongKind: FieldTable<LifecycleRecord> = { ...FIELDS, seq: { ...FIELDS.seq, kind: 'string' } }
  expect([missingRow, missingKey, wrongKind]).toHaveLength(3)
})
