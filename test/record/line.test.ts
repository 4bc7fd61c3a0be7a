import fc from 'fast-check'
import { pino, type LoggerOptions } from 'pino'
import { describe, expect, test } from 'vitest'
import { pinoSink } from '../../src/sinks/pino.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import { constantFields, message, readRecord } from '../../src/record/line.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { variableFields } from '../../src/record/write-fields.ts'
import { keysOf, linesStream } from '../lines.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { lifecycleRecord, SERVICE } from './records.ts'
import { propertyRuns } from '../property-runs.ts'

const fail = (error: unknown): never => {
  throw error
}

/** The lines that a pino with these options writes, with the times of the records. */
function written(records: readonly LifecycleRecord[], options: LoggerOptions = {}): string[] {
  const { stream, lines } = linesStream()
  let time = 0
  const sink = pinoSink(pino({ timestamp: () => `,"time":${String(time)}`, ...options }, stream), SERVICE, fail)
  for (const record of records) {
    time = record.time
    sink.write(record)
  }
  return lines
}

const record: TransitionRecord = {
  lifecycle: 'transition',
  time: 1_790_000_000_123,
  service: SERVICE,
  event: 'AUTH_OK',
  from: 'Received',
  state: 'Authenticated',
  trace_id: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071',
  request_id: 'b7ad6b7169203331',
  seq: 1,
}

describe('the reader returns the record that was written', () => {
  test('for any record', () => {
    fc.assert(
      fc.property(fc.array(lifecycleRecord, { minLength: 1, maxLength: 5 }), (records) => {
        const lines = written(records)
        expect(lines.map((line) => readRecord(JSON.parse(line)))).toEqual(records)
        for (const line of lines) expect(new Set(keysOf(line)).size).toBe(keysOf(line).length)
      }),
      { numRuns: propertyRuns(300) },
    )
  })

  test('if time is ISO 8601, or is set by a pino of the user', () => {
    const [line = ''] = written([record], { timestamp: () => `,"time":"${new Date(record.time).toISOString()}"` })
    expect(readRecord(JSON.parse(line))).toEqual(record)
    expect(readRecord(JSON.parse(written([record], { timestamp: true })[0] ?? ''))).toEqual({
      ...record,
      time: expect.any(Number) as unknown,
    })
  })
})

describe('reading', () => {
  const line: Readonly<Record<string, unknown>> = { level: 30, ...record, msg: 'Received -> Authenticated' }

  test.each([
    null,
    undefined,
    7,
    'text',
    true,
    [],
    [line],
    {},
    { msg: 'hello' },
    { lifecycle: 'other' },
    { lifecycle: ['note'] },
    { lifecycle: 'constructor' },
  ])('%j is a third-party line', (value) => {
    expect(readRecord(value)).toBe('other')
  })

  test.each(['time', 'trace_id', 'request_id', 'state', 'seq'])(
    'a line without %s, or with one of the wrong type, is damaged',
    (field) => {
      for (const wrong of [undefined, null, {}, [], true, NaN, ''])
        expect(readRecord({ ...line, [field]: wrong })).toBe('damaged')
    },
  )

  test('optional fields of the wrong type are left out', () => {
    const wrong = {
      dwell_ms: '1',
      parent_id: 7,
      method: {},
      path: [],
      rejected_id: 'true',
      rejected_length: -1,
      implied: 1,
      outcome: 'fine',
      status: '200',
      duration_ms: null,
      attempt: 1.5,
      error: 'text',
      event: 9,
      from: 8,
    }
    expect(readRecord({ ...line, ...wrong })).toEqual({ ...record, event: undefined, from: undefined })
  })

  test('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('transition', 'note'), (value, lifecycle) => {
        readRecord(value)
        if (typeof value === 'object' && value !== null) readRecord({ ...line, ...value, lifecycle })
      }),
    )
  })
})

describe('no key is written twice', () => {
  test.each<[what: string, options: LoggerOptions]>([
    ['by a plain pino', {}],
    ['by a pino with the trace mixin', { mixin: traceMixin }],
    ['by a pino with its own service', { base: { service: 'theirs' } }],
    ['by a pino that writes level names', { formatters: { level: (label) => ({ level: label }) } }],
  ])('%s', (_, options) => {
    const { stream, lines } = linesStream()
    const logger = pino(options, stream)
    const { tracker, records } = trackerFixture({ logger })
    const run = tracker.trackRequest((first: string) => first, { carrier: () => null })
    run('x')
    const request = tracker.start({ 'x-trace-id': 'other' })
    request.run(() => request.note('X', { a: 1 }))
    request.run(() => request.send('RESPOND'))
    expect(lines.length).toBe(records.length)
    for (const line of lines) {
      const keys = keysOf(line)
      expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([])
      expect(JSON.parse(line)).toMatchObject({ service: 'base' in options ? 'theirs' : 'api' })
    }
    expect(lines.slice(-3).map((line) => (JSON.parse(line) as { trace_id: string }).trace_id)).toEqual([
      'other',
      'other',
      'other',
    ])
  })

  test('by a child that binds the service', () => {
    const { stream, lines } = linesStream()
    const { tracker } = trackerFixture({ logger: pino({}, stream).child({ service: 'bound' }) })
    tracker.start()
    expect(keysOf(lines[0] ?? '').filter((key) => key === 'service')).toEqual(['service'])
  })
})

describe("the logger's level", () => {
  test.each(['trace', 'info', 'warn', 'error', 'fatal'])('%s drops no line', (level) => {
    expect(
      written([record, { ...record, lifecycle: 'note', event: 'X' }, { ...record, seq: 2 }], { level }).length,
    ).toBe(3)
  })

  test('silent drops all lines', () => {
    expect(written([record, { ...record, lifecycle: 'rejected', event: 'X' }], { level: 'silent' })).toEqual([])
  })

  test('is info, warn or error by the kind and the outcome of a line', () => {
    const levels = written([
      record,
      { ...record, outcome: 'error' },
      { ...record, outcome: 'aborted' },
      { ...record, lifecycle: 'rejected', event: 'X' },
      { ...record, lifecycle: 'stuck', event: 'X' },
    ])
    expect(levels.map((line) => (JSON.parse(line) as { level: number }).level)).toEqual([30, 50, 30, 40, 40])
  })
})

describe('a line has no key for what a record does not have', () => {
  const ids = { trace_id: record.trace_id, request_id: record.request_id }

  test('of a step and of a note', () => {
    expect(Object.entries(variableFields(record))).toEqual(Object.entries({ ...ids, seq: 1 }))
    const note = {
      ...ids,
      lifecycle: 'note',
      time: record.time,
      service: SERVICE,
      event: 'X',
      state: 'Received',
    } as const
    expect(Object.entries(variableFields(note))).toEqual(Object.entries(ids))
  })

  test('of a first line', () => {
    const constant = constantFields({ lifecycle: 'transition', state: 'Received' })
    expect(Object.entries(constant)).toEqual([
      ['lifecycle', 'transition'],
      ['state', 'Received'],
    ])
  })
})

test('the message of a line without an event is still a message', () => {
  expect(message({ lifecycle: 'note', state: 'Received' })).toBe(' in Received')
  expect(message({ lifecycle: 'rejected', state: 'Received' })).toBe(' rejected in Received')
})

test.each([
  ['transition', {}],
  ['note', { event: '' }],
])('a %s without a service, and without an event, is read with empty ones', (lifecycle, event) => {
  const { service: _service, event: _event, from: _from, ...rest } = record
  const { seq, ...note } = { ...rest, lifecycle }
  const line = lifecycle === 'transition' ? { ...note, seq } : note
  expect(readRecord(line)).toEqual({ ...line, service: '', ...event })
})

test.each([
  ['an error without a type', { message: 'no luck' }, { type: 'Error', message: 'no luck' }],
  ['an error without a message', { type: 'Denied' }, { type: 'Denied', message: '' }],
])('%s is read', (_, error, expected) => {
  expect(readRecord({ ...record, error })).toMatchObject({ error: expected })
})

test.each([
  ['seq', '1'],
  ['seq', 1.5],
  ['seq', -1],
])('a line whose %s is %j is damaged', (name, value) => {
  expect(readRecord({ ...record, [name]: value })).toBe('damaged')
})

test.each([
  ['attempt', -1],
  ['attempt', '1'],
  ['dwell_ms', '1'],
  ['dwell_ms', null],
])('a %s of %j is left out', (name, value) => {
  expect(readRecord({ ...record, [name]: value })).toEqual(record)
})
