import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { pinoSink } from '../../src/sinks/pino.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { lifecycleRecord, SERVICE } from '../record/records.ts'

test('plain transitions are rendered byte for byte as pino writes them, and all others are left to pino', () => {
  let written = ''
  let time = 0
  const fail = (error: unknown): never => expect.unreachable(String(error))
  const byPino = pinoSink(
    pino({ base: null, timestamp: () => `,"time":${String(time)}` }, { write: (text) => void (written = text) }),
    SERVICE,
    fail,
  )
  const templates = new LineTemplates(SERVICE)
  let rendered = 0
  fc.assert(
    // Several of one edge, time and request, because these are cached.
    fc.property(
      lifecycleRecord,
      fc.array(fc.record({ seq: fc.nat(), dwell_ms: fc.nat(5e6).map((micros) => micros / 1_000) })),
      (record, others) => {
        const { error: _error, data: _data, attempt: _attempt, due: _due, ...rest } = record
        const records: LifecycleRecord[] = [
          record,
          rest,
          ...others.map((other) => ({ ...rest, ...(rest.lifecycle === 'transition' ? other : {}) })),
        ]
        for (const each of records) {
          time = each.time
          byPino.write(each)
          const leftToPino =
            each.lifecycle !== 'transition' ||
            each.error !== undefined ||
            each.data !== undefined ||
            each.attempt !== undefined ||
            each.due !== undefined
          expect(templates.render(each)).toBe(leftToPino ? undefined : written)
          if (!leftToPino) rendered += 1
        }
      },
    ),
    { numRuns: 500 },
  )
  expect(rendered).toBeGreaterThan(200)
})

test('two requests with the same id in different traces get their own trace ids', () => {
  const templates = new LineTemplates(SERVICE)
  const record: TransitionRecord = {
    lifecycle: 'transition',
    time: 1,
    service: SERVICE,
    state: 'Received',
    trace_id: 'a',
    request_id: '00000000000000aa',
    seq: 0,
  }
  expect(templates.render(record)).toContain('"trace_id":"a"')
  expect(templates.render({ ...record, trace_id: 'b' })).toContain('"trace_id":"b"')
})
