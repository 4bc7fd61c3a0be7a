import { expect, test } from 'vitest'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { extraFieldsOf } from '../../src/record/record-extras.ts'
import { note, transition } from '../sample-log.ts'

const error = { type: 'Error', message: 'boom' }

test.each<readonly [string, LifecycleRecord, unknown]>([
  ['a plain record', transition({ dwell_ms: 1, attempt: 2, outcome: 'ok' }), undefined],
  ['an error', transition({ error }), { error }],
  ['a note that is due', note('ATTEMPT', { due: 7, error }), { due: 7, error }],
  ['an error in the data', note('ATTEMPT', { data: { error, shelf: 3 } }), { data: { error } }],
  ['other data', note('ATTEMPT', { data: { shelf: 3 } }), undefined],
  ['data that is text', note('ATTEMPT', { data: 'error' }), undefined],
  ['data that is null', note('ATTEMPT', { data: null }), undefined],
])('the extra fields of %s', (_, record, expected) => {
  expect(extraFieldsOf(record)).toEqual(expected)
})
