import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { invalidSteps } from '../../src/history/validate.ts'
import { compile } from '../../src/machine/compile.ts'
import { step, type TransitionTable } from '../../src/machine/table.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { trueLog } from '../log-arbitraries.ts'
import { BEGUN, note, QUEUED, SYNC, transition, transitions } from '../sample-log.ts'
import { historiesOf, singleHistory } from './histories.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)

/** The invalid lines of one request, with their reasons. */
function invalid(records: readonly LifecycleRecord[], by: TransitionTable = table): (readonly [object, string])[] {
  return invalidSteps(singleHistory(records), by).map(({ line: { record }, reason }) => [record, reason])
}

/** The lines of a request, one of which is replaced. */
function replaced(
  events: readonly string[],
  seq: number,
  ...by: readonly Partial<TransitionRecord>[]
): TransitionRecord[] {
  return transitions(events).flatMap((record) =>
    record.seq === seq ? by.map((fields) => ({ ...record, ...fields })) : [record],
  )
}

describe('a line that no run of the machine can have written is invalid, with the reason', () => {
  test.each<[what: string, records: TransitionRecord[], line: number, reason: string]>([
    [
      'a first line in another state than the initial one',
      replaced(SYNC, 0, { state: 'Queued' }).slice(0, 1),
      1,
      'a request begins in Received, not in Queued',
    ],
    [
      'a first line with an event',
      [transition({ event: 'AUTH_OK' })],
      1,
      'the first line of a request must not have from or event',
    ],
    [
      'a first line with from',
      [transition({ from: 'Received' })],
      1,
      'the first line of a request must not have from or event',
    ],
    ['an unknown state', replaced(['AUTH_OK'], 1, { state: 'Nowhere' }), 2, 'the machine has no state "Nowhere"'],
    [
      'a member of Object.prototype as a state',
      replaced(['AUTH_OK'], 1, { state: 'constructor' }),
      2,
      'the machine has no state "constructor"',
    ],
    ['an unknown from', replaced(['AUTH_OK'], 1, { from: 'Nowhere' }), 2, 'the machine has no state "Nowhere"'],
    ['an unknown event', replaced(['AUTH_OK'], 1, { event: 'MAGIC' }), 2, 'the machine has no event "MAGIC"'],
    [
      'an event that the state does not accept',
      replaced(['AUTH_OK'], 1, { event: 'COMPLETE' }),
      2,
      'Received does not accept COMPLETE',
    ],
    [
      'an event that leads to another state',
      replaced(['AUTH_OK'], 1, { state: 'Processing' }),
      2,
      'AUTH_OK leads from Received to Authenticated, not to Processing',
    ],
    [
      'a line after the end',
      [...transitions(SYNC), transition({ seq: 4, event: 'RESPOND', from: 'Responded', state: 'Responded' })],
      5,
      'Responded is final: nothing follows it',
    ],
    [
      'a skipped state',
      replaced(QUEUED, 2, { event: 'ENQUEUE', from: 'Processing', state: 'Queued' }).slice(0, 3),
      3,
      'seq 1 entered Authenticated, and seq 2 starts from Processing',
    ],
    [
      'a line that does not start from the state before',
      replaced(SYNC, 1, { event: 'AUTH_ERROR', state: 'Failed' }).slice(0, 3),
      3,
      'seq 1 entered Failed, and seq 2 starts from Authenticated',
    ],
    [
      'a seq that appears twice',
      replaced(SYNC, 3, {}, { event: 'ENQUEUE', state: 'Queued', time: BEGUN + 4_000 }),
      5,
      'seq 3 appears twice: as Responded and as Queued',
    ],
    [
      'a later line without an event',
      [transition({ seq: 1, from: 'Received', state: 'Authenticated' })],
      1,
      'seq 1 must have from and event',
    ],
    [
      'a later line without from',
      [transition({ seq: 1, event: 'AUTH_OK', state: 'Authenticated' })],
      1,
      'seq 1 must have from and event',
    ],
  ])('%s', (_, records, line, reason) => {
    expect(invalid(records)).toEqual([[records[line - 1], reason]])
  })

  test('with the file and line where it was read', () => {
    const record = transition({ state: 'Nowhere' })
    const history = { ...singleHistory([record]), transitions: [{ record, file: 'a.ndjson', line: 7 }] }
    expect(invalidSteps(history, table)).toEqual([
      { line: { record, file: 'a.ndjson', line: 7 }, reason: 'the machine has no state "Nowhere"' },
    ])
  })

  test('according to the given machine', () => {
    const failing = [
      ...transitions(['AUTH_OK']),
      transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' }),
    ]
    expect(invalid(failing, retries)).toEqual([])
    expect(invalid(failing)).toEqual([[failing[2], 'the machine has no event "FAIL"']])
  })

  test('whichever line of a valid log is changed', () => {
    const other = fc.constantFrom(...table.states.map(({ name }) => name), 'Nowhere')
    fc.assert(
      fc.property(trueLog(requestMachine), fc.nat(), other, (log, pick, state) => {
        const indexes = log.records.flatMap((record, index) => (record.lifecycle === 'transition' ? [index] : []))
        const changed = indexes[pick % indexes.length] ?? 0
        const record = log.records[changed]
        fc.pre(record?.lifecycle === 'transition' && record.state !== state)
        const records = log.records.map((given, index) => (index === changed ? { ...record, state } : given))
        const found = historiesOf(records).flatMap((history) => invalidSteps(history, table))
        expect(found.filter(({ line }) => line.record === records[changed])).toHaveLength(1)
        expect(found.every(({ line }) => line.record.request_id === record.request_id)).toBe(true)
      }),
    )
  })
})

describe('valid is', () => {
  test.each([requestMachine, requestWithRetriesMachine])('every line of every log of the machine $id', (machine) => {
    fc.assert(
      fc.property(trueLog(machine), ({ table: by, records }) => {
        expect(historiesOf(records).flatMap((history) => invalidSteps(history, by))).toEqual([])
      }),
    )
  })

  test('a second attempt that completes', () => {
    const twice = [1, 2].map((attempt) =>
      transition({ seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', attempt, service: 'worker' }),
    )
    expect(invalid([...transitions(QUEUED), ...twice])).toEqual([])
  })

  test('an attempt that starts at the state and seq of the message', () => {
    const queued = transitions(QUEUED, {}, 0, retries)
    const steps = [
      ['ATTEMPT', 'Queued'],
      ['RETRY', 'Working'],
    ] as const
    const attempts = [1, 2, 3].flatMap((attempt) =>
      steps.map(([event, from], index) =>
        transition({ attempt, event, from, state: step(retries, from, event)?.to ?? '', seq: 4 + index }),
      ),
    )
    expect(invalid([...queued, ...attempts], retries)).toEqual([])
    const ended = [
      ['ATTEMPT', 'Queued'],
      ['COMPLETE', 'Working'],
    ].map(([event = '', from = ''], index) =>
      transition({ attempt: 4, event, from, state: step(retries, from, event)?.to ?? '', seq: 4 + index }),
    )
    const after = transition({ attempt: 4, seq: 6, event: 'ATTEMPT', from: 'Queued', state: 'Working' })
    expect(invalid([...queued, ...attempts, ...ended, after], retries)).toEqual([
      [after, 'seq 5 entered Completed, and seq 6 starts from Queued'],
    ])
    const stray = transition({ attempt: 4, event: 'RETRY', from: 'Working', state: 'Queued', seq: 4 })
    expect(invalid([...queued, ...attempts, stray], retries)).toEqual([
      [stray, 'seq 3 entered Queued, and seq 4 starts from Working'],
    ])
  })

  test('a line after one that appears twice, if it starts from one of the two', () => {
    const twice = replaced(['AUTH_OK'], 1, {}, { event: 'AUTH_ERROR', state: 'Failed', time: BEGUN + 4_000 })
    const [, , second] = twice
    const next = transition({ seq: 2, event: 'PROCESS', from: 'Authenticated', state: 'Processing' })
    expect(invalid([...twice, next])).toEqual([[second, 'seq 1 appears twice: as Authenticated and as Failed']])
    const early = replaced(['AUTH_OK'], 1, { time: BEGUN + 9_000 }, { event: 'AUTH_ERROR', state: 'Failed' })
    expect(invalid([...early, next])).toEqual([[early[1], 'seq 1 appears twice: as Failed and as Authenticated']])
  })

  test('a seq that appears twice with the same state', () => {
    expect(invalid(replaced(['AUTH_OK'], 1, {}, { time: BEGUN + 9_000 }))).toEqual([])
  })

  test('a line after a missing one', () => {
    expect(invalid(transitions(SYNC).filter(({ seq }) => seq !== 2))).toEqual([])
  })

  test('a line after a missing one, though another attempt has a line with that seq', () => {
    const first = [
      transition({ attempt: 1, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working' }),
      transition({ attempt: 1, seq: 5, event: 'RETRY', from: 'Working', state: 'Queued' }),
    ]
    const second = transition({ attempt: 2, seq: 6, event: 'COMPLETE', from: 'Working', state: 'Completed' })
    expect(invalid([...transitions(QUEUED, {}, 0, retries), ...first, second], retries)).toEqual([])
  })
})

describe('the line of a worker after a line of the sender in another state', () => {
  const records = transitions(SYNC)
  const completed = transition({
    seq: 4,
    event: 'COMPLETE',
    from: 'Queued',
    state: 'Completed',
    service: 'worker',
    attempt: 1,
  })
  const unconfirmed = note('ENQUEUE', { state: 'Processing', error: { type: 'Error', message: 'connection lost' } })
  const reason = 'seq 3 entered Responded, and seq 4 starts from Queued'

  test('is valid if the broker did not confirm the message', () => {
    expect(invalid([...records, unconfirmed, completed])).toEqual([])
  })

  test.each([
    ['without a note', []],
    ['if the note has no error', [note('ENQUEUE', { state: 'Processing' })]],
    ['if the note is about another event', [{ ...unconfirmed, event: 'CACHE_MISS' }]],
    [
      'if the note is from a state that does not lead to the one of the worker',
      [{ ...unconfirmed, state: 'Received' }],
    ],
  ])('is invalid %s', (_, notes) => {
    expect(invalid([...records, ...notes, completed])).toEqual([[completed, reason]])
  })

  test('is invalid within one attempt, even so', () => {
    const sender = transition({ seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed' })
    expect(invalid([...records, unconfirmed, sender])).toEqual([[sender, reason]])
  })
})
