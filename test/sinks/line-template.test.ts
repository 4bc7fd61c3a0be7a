import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { pinoSink } from '../../src/sinks/pino.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { lifecycleRecord, SERVICE } from '../record/records.ts'

test('the line of a plain transition is byte for byte the one that pino writes, and all others are left to pino', () => {
  let written = ''
  let time = 0
  const fail = (error: unknown): never => expect.unreachable(String(error))
  const byPino = pinoSink(
    pino({ base: null, timestamp: () => `,"time":${String(time)}` }, { write: (text) => void (written = text) }),
    SERVICE,
    fail,
  )
  const plain = new LineTemplates(SERVICE)
  let some = 0
  fc.assert(
    // Several of one step, moment and request, since these are remembered.
    fc.property(
      lifecycleRecord,
      fc.array(fc.record({ seq: fc.nat(), dwell_ms: fc.nat(5e6).map((micros) => micros / 1_000) })),
      (record, others) => {
        const { error: _error, data: _data, attempt: _attempt, ...rest } = record
        const records: LifecycleRecord[] = [
          record,
          rest,
          ...others.map((other) => ({ ...rest, ...(rest.lifecycle === 'transition' ? other : {}) })),
        ]
        for (const each of records) {
          time = each.time
          byPino.write(each)
          const special =
            each.lifecycle !== 'transition' ||
            each.error !== undefined ||
            each.data !== undefined ||
            each.attempt !== undefined
          expect(plain.render(each)).toBe(special ? undefined : written)
          if (!special) some += 1
        }
      },
    ),
    { numRuns: 500 },
  )
  expect(some).toBeGreaterThan(200)
})

test('a request that shares its id with one of another trace is not taken for it', () => {
  const plain = new LineTemplates(SERVICE)
  const record: TransitionRecord = {
    lifecycle: 'transition',
    time: 1,
    service: SERVICE,
    state: 'Received',
    trace_id: 'a',
    request_id: '00000000000000aa',
    seq: 0,
  }
  expect(plain.render(record)).toContain('"trace_id":"a"')
  expect(plain.render({ ...record, trace_id: 'b' })).toContain('"trace_id":"b"')
})
