import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { Histories } from '../../src/history/history.ts'
import { compile } from '../../src/machine/compile.ts'
import type { StoryLine, StoryReport } from '../../src/story/report.ts'
import { buildStory } from '../../src/story/story.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { longLog, T0 } from '../log-arbitraries.ts'

const table = compile(requestMachine)
const TRACE = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'

/** A request of the trace that takes these events, a millisecond each. */
function request(
  id: string,
  service: string,
  start: number,
  events: readonly string[],
  extra: Partial<TransitionRecord> = {},
): TransitionRecord[] {
  let state = table.initial
  const common = { lifecycle: 'transition', trace_id: TRACE, request_id: id.padStart(16, '0'), service } as const
  const first: TransitionRecord = { ...common, time: T0 + start, state, seq: 0, ...extra }
  return [
    first,
    ...events.map((event, index): TransitionRecord => {
      const from = state
      state = table.next[from]?.[event]?.to ?? state
      return { ...common, time: T0 + start + index + 1, event, from, state, seq: index + 1, dwell_ms: 1 }
    }),
  ]
}

const SYNC = ['AUTH_OK', 'PROCESS', 'RESPOND']
const ASYNC = ['AUTH_OK', 'PROCESS', 'ENQUEUE']

function storyOf(records: readonly LifecycleRecord[], lines: readonly StoryLine[] = []): StoryReport {
  const histories = new Histories()
  for (const record of records) histories.add(record)
  const report = buildStory(TRACE, histories, lines, table)
  if (report === undefined) throw new Error('the story is empty')
  return report
}

const line = (time: number, msg: string, requestId: string | null = null): StoryLine => ({
  time: T0 + time,
  service: 'gateway',
  request_id: requestId,
  level: 30,
  msg,
})

describe('buildStory', () => {
  it('has exactly the keys of its contract', () => {
    const report = storyOf([...request('1', 'gateway', 0, SYNC, { method: 'GET', path: '/' })], [line(1, 'hello')])
    expect(Object.keys(report)).toEqual(['trace_id', 'started', 'duration_ms', 'services', 'requests', 'lines'])
    expect(Object.keys(report.lines[0] ?? {})).toEqual(['time', 'service', 'request_id', 'level', 'msg'])
    expect(report.requests[0]).toMatchObject({
      request_id: '0000000000000001',
      parent_id: null,
      service: 'gateway',
      state: 'Responded',
      notes: [],
      gaps: [],
    })
    expect(report.requests[0]?.transitions[1]).toEqual({
      seq: 1,
      time: T0 + 1,
      service: 'gateway',
      event: 'AUTH_OK',
      from: 'Received',
      state: 'Authenticated',
      dwell_ms: 1,
    })
    expect(report).toMatchObject({ trace_id: TRACE, started: T0, duration_ms: 3, services: ['gateway'] })
  })

  it('counts no service for a line that names none', () => {
    const report = storyOf(request('1', 'gateway', 0, SYNC), [
      { time: T0 + 1, service: '', request_id: null, level: 'info', msg: 'kettles are hot' },
    ])
    expect(report.services).toEqual(['gateway'])
  })

  it('orders a parent before its children even if clocks disagree', () => {
    const parent = request('1', 'gateway', 100, SYNC)
    const child = request('2', 'auth', 40, SYNC, { parent_id: '0000000000000001' })
    const grandchild = request('3', 'catalog', 0, SYNC, { parent_id: '0000000000000002' })
    const { requests, started } = storyOf([...grandchild, ...child, ...parent])
    expect(requests.map(({ service }) => service)).toEqual(['gateway', 'auth', 'catalog'])
    // Times stay as logged.
    expect(started).toBe(T0)
    expect(requests[0]?.transitions[0]?.time).toBe(T0 + 100)
  })

  it('orders siblings and requests with an unlogged parent by time', () => {
    const orphan = request('9', 'gateway', 5, SYNC, { parent_id: 'ffffffffffffffff' })
    const later = request('8', 'gateway', 6, SYNC)
    expect(storyOf([...later, ...orphan]).requests.map(({ request_id }) => Number(request_id))).toEqual([9, 8])
  })

  it('includes every request of a cycle of parents', () => {
    const one = request('1', 'a', 0, SYNC, { parent_id: '0000000000000002' })
    const two = request('2', 'b', 1, SYNC, { parent_id: '0000000000000001' })
    expect(storyOf([...two, ...one]).requests.map(({ service }) => service)).toEqual(['a', 'b'])
  })

  it('lists what is missing', () => {
    const gapsOf = (records: readonly LifecycleRecord[]): readonly string[] => storyOf(records).requests[0]?.gaps ?? []
    const queued = request('1', 'gateway', 0, ASYNC)
    expect(gapsOf(queued)).toEqual(['queued at 14:13:20.003Z, no worker line after it'])
    const attempt: LifecycleRecord = {
      lifecycle: 'note',
      time: T0 + 10,
      service: 'worker',
      trace_id: TRACE,
      request_id: '0000000000000001',
      event: 'ATTEMPT',
      state: 'Queued',
      attempt: 1,
    }
    expect(gapsOf([...queued, attempt])).toEqual(['attempt 1 began at 14:13:20.010Z, no line of worker after it'])
    expect(gapsOf(request('1', 'gateway', 0, ['AUTH_OK']))).toEqual([
      'Authenticated since 14:13:20.001Z, nothing after it',
    ])
    expect(gapsOf(request('1', 'gateway', 0, SYNC).filter(({ seq }) => seq !== 1))).toEqual(['no line with seq 1'])
    expect(gapsOf(request('1', 'gateway', 0, SYNC))).toEqual([])
  })

  it('does not depend on the order or the repetition of lines', () => {
    fc.assert(
      fc.property(
        longLog(requestMachine, false).chain(({ records }) =>
          fc.tuple(
            fc.constant(records),
            fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2 }),
          ),
        ),
        ([records, shuffled]) => {
          expect(storyOf(shuffled)).toEqual(storyOf(records))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('is undefined without requests and lines', () => {
    expect(buildStory(TRACE, [], [], table)).toBeUndefined()
  })
})
