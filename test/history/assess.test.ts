import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { assess, missingSeqs, type RequestAssessment } from '../../src/history/assess.ts'
import { historyOf, requestIds, type Located } from '../../src/history/history.ts'
import { compile } from '../../src/machine/compile.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../../src/record/record.ts'
import { BEGUN, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { singleHistory } from './histories.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)

function assessed(records: readonly LifecycleRecord[], by = table): RequestAssessment {
  return assess(singleHistory(records), by)
}

const completed = (attempt: number, time: number): TransitionRecord =>
  transition({
    seq: 4,
    event: 'COMPLETE',
    from: 'Queued',
    state: 'Completed',
    attempt,
    time: BEGUN + time,
    outcome: attempt === 1 ? 'error' : 'ok',
  })

describe('the end of a request', () => {
  test('is the line that entered a final state', () => {
    const assessment = assessed(transitions(SYNC))
    expect(assessment).toMatchObject({ ended: true, end: { seq: 3, state: 'Responded' }, duplicates: 0, missing: [] })
  })

  test('is absent while it is open', () => {
    const assessment = assessed(transitions(QUEUED))
    expect(assessment).toMatchObject({ ended: false, duplicates: 0, position: { state: 'Queued', seq: 3 } })
    expect(assessment).not.toHaveProperty('end')
  })

  test('is that of the first attempt that ended; later ones are duplicates', () => {
    const records = [...transitions(QUEUED), completed(2, 5_000), completed(1, 9_000)]
    expect(assessed(records)).toMatchObject({
      ended: true,
      end: { attempt: 1, outcome: 'error' },
      position: { since: BEGUN + 9_000 },
      attempts: 2,
      duplicates: 1,
      invalid: [],
      missing: [],
    })
    expect(assessed([...records, completed(3, 10_000)]).duplicates).toBe(2)
  })

  test('twice in one attempt with the same state is a duplicate', () => {
    expect(assessed([...transitions(QUEUED), completed(1, 5_000), completed(1, 6_000)])).toMatchObject({
      duplicates: 1,
      invalid: [],
    })
  })

  test('of a later attempt is a duplicate, even in another final state', () => {
    const queued = transitions(QUEUED, {}, 0, retries)
    const attempt = (number: number, event: string, state: string): TransitionRecord[] => [
      transition({ attempt: number, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working' }),
      transition({ attempt: number, seq: 5, event, from: 'Working', state }),
    ]
    const records = [...queued, ...attempt(1, 'COMPLETE', 'Completed'), ...attempt(2, 'FAIL', 'Failed')]
    expect(assessed(records, retries)).toMatchObject({ end: { state: 'Completed' }, duplicates: 1, invalid: [] })
  })

  test('twice in one attempt with different states is invalid, not a duplicate', () => {
    const other = transition({ seq: 3, event: 'RESPOND', from: 'Processing', state: 'Failed', time: BEGUN + 9_000 })
    expect(assessed([...transitions(SYNC), other])).toMatchObject({
      ended: true,
      end: { state: 'Responded' },
      duplicates: 0,
      invalid: [{ line: { record: other } }],
    })
  })
})

describe('the position of a request', () => {
  const at = (seconds: number, state: string, fields: Partial<NoteRecord> = {}): NoteRecord =>
    note('CACHE_MISS', { time: BEGUN + seconds * 1_000, state, ...fields })

  test('is that of its last transition', () => {
    expect(assessed(transitions(['AUTH_OK'])).position).toEqual({
      state: 'Authenticated',
      since: BEGUN + 1_000,
      service: 'gateway',
      seq: 1,
    })
  })

  test('is that of its only note, with the first line missing', () => {
    expect(assessed([note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker' })])).toMatchObject({
      position: { state: 'Queued', since: BEGUN + 1_000, service: 'worker', seq: -1 },
      ended: false,
      missing: [0],
      history: { requestId: REQUEST },
    })
  })

  test('may be a state that the machine does not have', () => {
    expect(assessed([transition({ state: 'Nowhere' })])).toMatchObject({
      position: { state: 'Nowhere', seq: 0 },
      ended: false,
      invalid: [{ reason: 'the machine has no state "Nowhere"' }],
    })
  })

  test('is the initial state if there are no records', () => {
    const assessment = assess(historyOf(requestIds(TRACE, REQUEST), []), table)
    expect(assessment.position).toEqual({ state: 'Received', since: 0, service: '', seq: -1 })
    expect(assessment).toMatchObject({ ended: false, attempts: 0, lastError: null, missing: [0], duplicates: 0 })
  })

  test.each<[what: string, note: NoteRecord, seq: number]>([
    ['the next state', at(5, 'Authenticated', { service: 'auth' }), 1],
    ['a state two lines ahead', at(5, 'Processing', { service: 'auth' }), 2],
    ['a later state, at the time of the last transition', at(0, 'Processing', { service: 'auth' }), 2],
    ['a final state', at(5, 'Failed', { service: 'auth' }), 1],
  ])('is that of a note in %s', (_, { state, time, ...rest }, seq) => {
    const assessment = assessed([...transitions([]), { state, time, ...rest }])
    expect(assessment.position).toEqual({ state, since: time, service: 'auth', seq })
    expect(assessment.missing).toEqual([...Array(seq).keys()].map((index) => index + 1))
    expect(assessment.ended).toBe(state === 'Failed')
    expect(assessment).not.toHaveProperty('end')
  })

  test.each([
    ['the same state', at(5, 'Authenticated')],
    ['an earlier state', at(5, 'Received')],
    ['a state that no path leads to', at(5, 'Failed')],
    ['an unknown state', at(5, 'Nowhere')],
    ['a later state, logged before the last transition', at(0.999, 'Processing')],
  ])('is not changed by a note in %s', (_, record) => {
    const records = transitions(['AUTH_OK'])
    expect(assessed([...records, record]).position).toEqual(assessed(records).position)
  })

  test('is not changed by a note in a state of a cycle', () => {
    const records = transitions([...QUEUED, 'ATTEMPT', 'RETRY'], {}, 0, retries)
    expect(assessed([...records, at(60, 'Working')], retries).position).toMatchObject({ state: 'Queued', seq: 5 })
  })

  test('follows several notes, and has no seq if there are only notes', () => {
    const notes = [at(1, 'Received'), at(2, 'Authenticated'), at(3, 'Processing')]
    expect(assessed([...transitions([]), ...notes]).position).toMatchObject({ state: 'Processing', seq: 2 })
    expect(assessed(notes)).toMatchObject({
      position: { state: 'Processing', since: BEGUN + 3_000, seq: -1 },
      missing: [0],
    })
  })
})

test('attempts are counted by transitions and notes', () => {
  const attempts = [note('A', { attempt: 1 }), note('B', { attempt: 3 }), completed(1, 5_000), completed(2, 6_000)]
  expect(assessed([...transitions(QUEUED), ...attempts]).attempts).toBe(3)
})

describe('the last error', () => {
  const error = (message: string): { type: string; message: string } => ({ type: 'TypeError', message })

  test.each<[what: string, fields: Partial<NoteRecord>, error: object]>([
    ['in the field error', { error: error('a') }, error('a')],
    ['in the field error and in data', { error: error('a'), data: { error: 'b' } }, error('a')],
    ['in data, as text', { data: { error: 'b' } }, { type: 'Error', message: 'b' }],
    ['in data, as an error', { data: { error: { message: 'c' } } }, { type: 'Error', message: 'c' }],
    ['in data, as an object', { data: { error: { code: 7 } } }, { type: 'Error', message: '{"code":7}' }],
    ['in data, with a message that is no text', { data: { error: { message: 7 } } }, { type: 'Error', message: '7' }],
    ['in data, as a number', { data: { error: 7 } }, { type: 'Error', message: '7' }],
    ['in data, as false', { data: { error: false } }, { type: 'Error', message: 'false' }],
  ])('is found %s', (_, fields, expected) => {
    const earlier = note('RETRY', { error: error('earlier'), time: BEGUN })
    expect(assessed([note('RETRY', { ...fields, time: BEGUN + 5 }), earlier]).lastError).toEqual(expected)
  })

  test.each<[data: unknown]>([[null], ['error'], [7], [{}], [{ error: null }], [{ error: undefined }], [[]]])(
    'is not found in data %j',
    (data) => {
      expect(assessed([note('RETRY', { data })]).lastError).toBeNull()
    },
  )

  test('is the latest of several, even if records without an error follow', () => {
    const errors = [3, 1, 2].map((time) => note('A', { time: BEGUN + time, error: error(String(time)) }))
    const records = [...errors, note('A', { time: BEGUN + 4 }), note('A', { time: BEGUN + 5, data: { error: null } })]
    expect(assessed(records).lastError?.message).toBe('3')
  })

  test('is the latest of transitions and notes', () => {
    const ended = transition({ seq: 1, time: BEGUN + 2, error: error('transition') })
    expect(assessed([ended, note('A', { time: BEGUN + 1, error: error('note') })]).lastError?.message).toBe(
      'transition',
    )
    expect(assessed([ended, note('A', { time: BEGUN + 3, error: error('note') })]).lastError?.message).toBe('note')
  })
})

describe('missing seqs', () => {
  const located = (...lines: readonly (readonly [seq: number, attempt?: number])[]): Located<TransitionRecord>[] =>
    lines.map(([seq, attempt]) => ({
      record: transition({ seq, ...(attempt === undefined ? {} : { attempt }) }),
      file: '',
      line: 0,
    }))

  test.each<[what: string, lines: Located<TransitionRecord>[], furthest: number, missing: number[]]>([
    ['of a complete request', located([0], [1], [2]), 2, []],
    ['before, between and after lines', located([1], [3]), 5, [0, 2, 4, 5]],
    ['without any line', [], -1, [0]],
    ['of attempts that continue the request', located([0], [1], [2, 1], [3, 1], [2, 2]), 3, []],
    ['of one attempt, though another has the line', located([0], [1], [2, 1], [3, 1], [3, 2]), 3, [2]],
    ['of the request, though an attempt has the line', located([0], [1], [3], [2, 1]), 3, [2]],
    ['of an attempt that came further than the request', located([0], [1], [2, 1], [4, 2]), 2, [2, 3]],
    ['in order', located([0], [1], [4, 1], [3, 2]), 6, [2, 3, 5, 6]],
  ])('%s', (_, lines, furthest, missing) => {
    expect(missingSeqs(lines, furthest)).toEqual(missing)
  })

  test('are at most 1,000, also of an absurd seq and of several attempts', () => {
    const first = [...Array(1_000).keys()]
    expect(missingSeqs(located([999_999_999]), 999_999_999)).toEqual(first)
    const many = first.map((seq): [number, number] => [seq, 1])
    expect(missingSeqs(located(...many, [2_000, 1], [1_000, 2]), 2_000)).toEqual(first)
  })
})

describe('the due time of a request', () => {
  const queued = transitions(QUEUED).map((record) =>
    record.state === 'Queued' ? { ...record, due: BEGUN + 3_600_000 } : record,
  )
  const dueWith = (...notes: readonly NoteRecord[]): number | undefined => {
    return assessed([...queued, ...notes]).position.due
  }

  test('is that of its line', () => {
    expect(dueWith()).toBe(BEGUN + 3_600_000)
  })

  test('is replaced by a later note', () => {
    expect(dueWith(note('EXPECT', { state: 'Queued', time: BEGUN + 5_000, due: BEGUN + 9_000 }))).toBe(BEGUN + 9_000)
  })

  test.each(['ATTEMPT', 'RETRY'])('does not outlast the note %s: whoever waited for the message has it', (event) => {
    expect(dueWith(note(event, { state: 'Queued', time: BEGUN + 5_000, attempt: 1 }))).toBe(BEGUN + 5_000)
    expect(dueWith(note(event, { state: 'Queued', time: BEGUN + 7_200_000, attempt: 1 }))).toBe(BEGUN + 3_600_000)
  })

  test('is not changed by other notes', () => {
    expect(dueWith(note('CACHE_MISS', { state: 'Queued', time: BEGUN + 5_000 }))).toBe(BEGUN + 3_600_000)
  })
})
