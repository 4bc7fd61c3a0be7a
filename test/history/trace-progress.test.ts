import { describe, expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { Histories } from '../../src/history/history.ts'
import { progressOf } from '../../src/history/trace-progress.ts'
import { compile } from '../../src/machine/compile.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { note, QUEUED, REQUEST, SYNC, transitions } from '../sample-log.ts'

const TABLE = compile(requestMachine)
const OTHER = 'b7ad6b7169203332'

function progress(records: readonly LifecycleRecord[]): string {
  const histories = new Histories()
  for (const record of records) histories.add(record)
  return progressOf(histories, TABLE)
}

const sent = note('ENQUEUE', { state: 'Processing', data: { child: true } })
const child = transitions(SYNC, { request_id: OTHER, service: 'worker' })
/** A first line that tells whose child the request is, with the method by which it was called. */
const begun = (method?: string): LifecycleRecord[] =>
  child.map((record) =>
    record.seq === 0 ? { ...record, parent_id: REQUEST, ...(method === undefined ? {} : { method }) } : record,
  )

const CALLER = 'b7ad6b7169203000'
/** A request that has sent a call. */
const caller = transitions(SYNC, { request_id: CALLER }).map((record) =>
  record.seq === 3 ? { ...record, calls: 1 } : record,
)
/** The request that the call has begun. */
const called = child.map((record) =>
  record.seq === 0 ? { ...record, parent_id: 'b7ad6b7169203001', method: 'GET' } : record,
)

describe('the progress of a trace is', () => {
  test.each([
    ['unknown', 'without any line', []],
    ['unknown', 'where a line is missing', transitions(SYNC).slice(1)],
    ['unknown', 'where a line of one of two requests is missing', [...transitions(SYNC).slice(1), ...child]],
    ['unknown', 'where only a note is there', [note('CACHE_MISS')]],
    ['open', 'while a request has not ended', transitions(['AUTH_OK'])],
    ['open', 'while one is queued', transitions(QUEUED)],
    ['open', 'while one of two has not ended', [...transitions(SYNC), ...transitions(QUEUED, { request_id: OTHER })]],
    ['open', 'while a message has not arrived that was sent beside', [...transitions(SYNC), sent]],
    ['open', 'where a call has arrived, but not the message', [...transitions(SYNC), sent, ...begun('GET')]],
    ['open', 'while a call has left no line', caller],
    ['over', 'when each call has its line', [...caller, ...called]],
    [
      'over',
      'when every request has ended',
      [...transitions(SYNC), ...transitions([...QUEUED, 'COMPLETE'], { request_id: OTHER })],
    ],
    [
      'over',
      'when a note about something else has the same data',
      [...transitions(SYNC), note('CACHE_MISS', { state: 'Processing', data: { child: true } })],
    ],
    ['over', 'when the message was worked on', [...transitions(SYNC), sent, ...begun()]],
    [
      'over',
      'when no message was sent after all',
      [...transitions(SYNC), note('ENQUEUE', { state: 'Processing', data: { declined: true } })],
    ],
  ])('%s %s', (expected, _, records) => {
    expect(progress(records)).toBe(expected)
  })
})
