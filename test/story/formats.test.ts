import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storyMermaid } from '../../src/story/mermaid.ts'
import type { StoryReport, StoryRequest } from '../../src/story/report.ts'
import { storyText } from '../../src/story/text.ts'
import { parseSequenceDiagram } from '../diagrams/_mermaid-parser.ts'

const T0 = 1_790_000_000_000

const request: StoryRequest = {
  request_id: '0000000000000001',
  parent_id: null,
  call: null,
  waited_ms: null,
  service: 'gateway',
  method: 'POST',
  path: '/orders',
  state: 'Queued',
  outcome: null,
  status: null,
  duration_ms: null,
  error: null,
  calls: [],
  transitions: [
    { seq: 0, time: T0, service: 'gateway', event: null, from: null, state: 'Received', dwell_ms: null },
    {
      seq: 1,
      time: T0 + 5,
      service: 'gateway',
      event: 'AUTH_OK',
      from: 'Received',
      state: 'Authenticated',
      dwell_ms: 5,
    },
    {
      seq: 2,
      time: T0 + 20,
      service: 'gateway',
      event: 'PROCESS',
      from: 'Authenticated',
      state: 'Processing',
      dwell_ms: 15,
      implied: true,
    },
    { seq: 3, time: T0 + 30, service: 'gateway', event: 'ENQUEUE', from: 'Processing', state: 'Queued', dwell_ms: 10 },
  ],
  notes: [{ time: T0 + 31, service: 'gateway', lifecycle: 'note', event: 'RESPOND', state: 'Queued' }],
  gaps: ['queued at 14:13:20.030Z, no worker line after it'],
}

const child: StoryRequest = {
  ...request,
  request_id: '0000000000000002',
  parent_id: '0000000000000001',
  service: 'auth',
  path: '/Auth/Check',
  state: 'Responded',
  outcome: 'ok',
  transitions: [{ seq: 0, time: T0 + 2, service: 'auth', event: null, from: null, state: 'Received', dwell_ms: null }],
  notes: [],
  gaps: [],
}

const report: StoryReport = {
  trace_id: 'abc-123',
  started: T0,
  duration_ms: 31,
  services: ['gateway', 'auth'],
  requests: [request, child],
  lines: [
    { time: T0 + 10, service: 'gateway', request_id: '0000000000000001', level: 40, msg: 'stock is low' },
    { time: T0 + 12, service: 'proxy', request_id: null, level: 'info', msg: 'forwarded' },
  ],
}

/** The rows of the waterfall, without times and bars. */
function rows(text: string): string[] {
  return text
    .split('\n')
    .slice(3, -1)
    .map((row) => row.slice(11).replace(/^[ ·━]*/, ''))
}

describe('the waterfall', () => {
  it('shows the tree of requests: transitions by seq, everything else between them by time', () => {
    expect(rows(storyText(report, 160))).toEqual([
      'gateway POST /orders [0000000000000001] Queued',
      'Received',
      'auth POST /Auth/Check [0000000000000002] Responded ok',
      'Received',
      'Authenticated after 5ms',
      '- warn stock is low',
      'Processing after 15ms, implied',
      'Queued after 10ms',
      'RESPOND in Queued',
      '! queued at 14:13:20.030Z, no worker line after it',
      '- info forwarded (proxy)',
    ])
  })

  it('reports clock skew and shows times as logged', () => {
    const early = { ...child, transitions: child.transitions.map((step) => ({ ...step, time: T0 - 12 })) }
    const text = storyText({ ...report, started: T0 - 12, requests: [request, early] }, 160)
    expect(text).toContain('! begins 12ms before its caller: the clocks of gateway and auth disagree')
  })

  it('fits the width of the terminal and prints no control characters', () => {
    const hostile = fc.string({ unit: 'binary', maxLength: 60 })
    fc.assert(
      fc.property(hostile, hostile, hostile, fc.integer({ min: 60, max: 200 }), (service, path, msg, width) => {
        const hostileRequest = { ...request, service, path, gaps: [msg] }
        const text = storyText(
          {
            ...report,
            services: [service],
            requests: [hostileRequest],
            lines: [{ time: T0, service, request_id: null, level: null, msg }],
          },
          width,
        )
        for (const row of text.split('\n')) expect(Array.from(row).length).toBeLessThanOrEqual(width)
        expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
      }),
    )
  })
})

describe('the sequence diagram', () => {
  it('parses with Mermaid for any service name and path', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        async (service, path) => {
          const renamed = { ...report, services: [service, 'auth'], requests: [{ ...request, service, path }, child] }
          // One call to the child, a note for each transition and gap.
          expect(await parseSequenceDiagram(storyMermaid(renamed))).toEqual({ participants: 2, messages: 7 })
        },
      ),
      { numRuns: 40 },
    )
  })
})
