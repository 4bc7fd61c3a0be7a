import { describe, expect, test } from 'vitest'
import { recoverPartialRecord } from '../../src/record/partial-record.ts'

const LINE =
  '{"level":30,"time":1790000000123,"service":"worker","lifecycle":"transition","event":"COMPLETE","from":"Queued",' +
  '"state":"Completed","trace_id":"019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071","request_id":"b7ad6b7169203331","seq":14,' +
  '"dwell_ms":1.5,"outcome":"ok","duration_ms":2.5,"attempt":12,"msg":"Queued -> Completed"}'

const WHOLE = {
  time: 1_790_000_000_123,
  service: 'worker',
  event: 'COMPLETE',
  from: 'Queued',
  state: 'Completed',
  tracePrefix: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071',
  isWholeTrace: true,
  requestSuffix: 'b7ad6b7169203331',
  seq: 14,
  attempt: 12,
}

/** The line up to a text, and from it on. */
const upTo = (text: string): string => LINE.slice(0, LINE.indexOf(text))
const from = (text: string): string => LINE.slice(LINE.indexOf(text))

describe('of a damaged line, what is readable is recovered:', () => {
  test('all fields', () => {
    expect(recoverPartialRecord(LINE)).toEqual(WHOLE)
  })

  test.each([
    ['the trace id', upTo('4d5e'), { tracePrefix: '019a2b3c-' }],
    ['the quote after the trace id', upTo('","request_id"'), {}],
  ])('the beginning, cut in %s', (_, text, trace) => {
    const { time, service, event, from: left, state, tracePrefix } = WHOLE
    expect(recoverPartialRecord(text)).toEqual({
      ...{ time, service, event, from: left, state, tracePrefix, isWholeTrace: false },
      ...trace,
    })
  })

  test('the beginning, cut in the state: the event may tell it', () => {
    const { time, service, event, from: left } = WHOLE
    expect(recoverPartialRecord(upTo('leted","trace_id"'))).toEqual({
      ...{ time, service, event, from: left, isWholeTrace: false },
    })
  })

  test.each([
    ['all of the request id', from('"b7ad6b7169203331"'), 'b7ad6b7169203331'],
    ['six digits of the request id', from('203331"'), '203331'],
  ])('the end, with %s', (_, text, requestSuffix) => {
    const { from: left, state, seq, attempt } = WHOLE
    expect(recoverPartialRecord(text)).toEqual({
      ...{ from: left, state, isWholeTrace: false, requestSuffix, seq, attempt },
    })
  })

  test('the end, cut in the request id: fewer than six digits would be of too many requests', () => {
    const { from: left, state, seq, attempt } = WHOLE
    expect(recoverPartialRecord(from('03331"'))).toEqual({ from: left, state, isWholeTrace: false, seq, attempt })
  })

  test('a request id alone, of a line that has lost its message', () => {
    const text = '"lifecycle":"transition" ... "request_id":"b7ad6b7169203331"'
    expect(recoverPartialRecord(text)).toEqual({ isWholeTrace: false, requestSuffix: WHOLE.requestSuffix })
  })
})

describe('a number that may have lost digits is not used:', () => {
  test.each([
    ['a time', '{"lifecycle":"transition","from":"Queued","time":17900000'],
    ['a seq', '{"lifecycle":"transition","from":"Queued","seq":1'],
    ['an attempt', '{"lifecycle":"transition","from":"Queued","attempt":1'],
  ])('%s at the end of the text', (_, text) => {
    expect(recoverPartialRecord(text)).toEqual({ from: 'Queued', isWholeTrace: false })
  })
})

describe('nothing is recovered from', () => {
  test.each([
    ['a note', LINE.replace('"transition"', '"note"').replace('Queued -> Completed', 'CACHE_MISS in Queued')],
    ['text', 'Error: connect ECONNREFUSED 127.0.0.1:5432'],
    ['a line that names neither its request nor the state before', upTo('"from"')],
    ['an empty name', '{"lifecycle":"transition","from":""'],
    ['a long name', `{"lifecycle":"transition","from":"${'x'.repeat(65)}"`],
    ['five digits before seq', '"lifecycle":"transition" 03331","seq":4,'],
    ['seventeen digits before seq', '"lifecycle":"transition" 0b7ad6b7169203331","seq":4,'],
  ])('%s', (_, text) => {
    expect(recoverPartialRecord(text)).toBeUndefined()
  })
})
