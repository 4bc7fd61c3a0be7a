import { describe, expect, test } from 'vitest'
import { trackerFixture, START } from '../../tracker-fixture.ts'
import { linesOf } from '../../log-lines.ts'
import { folderOf, runCommand } from '../../cli/_run-command.ts'
import type { StoryReport } from '../../../src/story/report.ts'
import { HEX, OTLP_SPANS } from './_samples.ts'

const TRACE = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'
const at = (ms: number): string => new Date(START + ms).toISOString()

/** Logs of a gateway with throughline, a Go service with slog, a Java service with ECS, and OTLP spans. */
function logs(): { files: (name: string) => string; gateway: string } {
  const { tracker, records, clock } = trackerFixture({ service: 'gateway', newTraceId: () => TRACE })
  const request = tracker.start(undefined, { method: 'GET', path: '/orders/7' })
  clock.time += 10
  request.authenticated()
  request.processing()
  clock.time += 500
  request.responded()
  const go = {
    time: at(100),
    level: 'INFO',
    msg: 'priced',
    service: 'pricing',
    trace_id: HEX,
    span_id: 'aaaaaaaaaaaaaaaa',
  }
  const own = {
    time: at(50),
    level: 'DEBUG',
    msg: 'asking for prices',
    service: 'gateway',
    trace_id: TRACE.toUpperCase(),
    span_id: request.requestId,
  }
  const java = {
    '@timestamp': at(200),
    'log.level': 'WARN',
    message: 'stock is low',
    'service.name': 'stock',
    'trace.id': HEX,
  }
  const unrelated = { ...go, msg: 'of another trace', trace_id: 'abc-123' }
  const files = folderOf({
    'gateway.log': `${linesOf(records).join('\n')}\n`,
    'others.log': [java, go, own, unrelated, OTLP_SPANS].map((line) => `${JSON.stringify(line)}\n`).join(''),
  })
  return { files, gateway: request.requestId }
}

describe('a story of one service with throughline and several without', () => {
  test('has the lines of all services by time, in every notation of the trace id', async () => {
    const { files, gateway } = logs()
    const { status, out } = await runCommand(
      'story',
      TRACE,
      files('gateway.log'),
      files('others.log'),
      '--format',
      'json',
    )
    // What the command prints as JSON.
    const { requests, services, lines } = JSON.parse(out) as StoryReport
    expect(status).toBe(0)
    expect(requests.map(({ service, state, outcome }) => [service, state, outcome])).toEqual([
      ['gateway', 'Responded', 'ok'],
    ])
    expect(services).toEqual(['gateway', 'pricing', 'stock'])
    expect(lines.map(({ service, request_id, msg }) => [service, request_id, msg])).toEqual([
      ['gateway', gateway, 'asking for prices'],
      ['pricing', 'aaaaaaaaaaaaaaaa', 'priced'],
      ['pricing', 'b7ad6b7169203331', 'span GET /price 12ms'],
      ['pricing', 'b7ad6b7169203332', 'span SELECT 2.5ms error: deadline exceeded'],
      ['pricing', 'b7ad6b7169203333', 'span cache'],
      ['stock', null, 'stock is low'],
    ])
  })

  test('shows a line below the request that its span id names', async () => {
    const { files } = logs()
    const { out } = await runCommand('story', TRACE, files('*.log'))
    const rows = out.split('\n').map((row) => row.replace(/^\s*\+\S+ [ ·━]*/, ''))
    const rowOf = (text: string): number => rows.findIndex((row) => row.includes(text))
    expect(rows).toContain('- DEBUG asking for prices')
    expect(rows).toContain('- INFO priced (pricing)')
    expect(rowOf('Processing')).toBeLessThan(rowOf('asking for prices'))
    expect(rowOf('asking for prices')).toBeLessThan(rowOf('Responded after'))
  })

  test('works without any lifecycle lines', async () => {
    const { files } = logs()
    const { status, out } = await runCommand('story', HEX, files('others.log'), '--format', 'json')
    expect(status).toBe(0)
    expect((JSON.parse(out) as StoryReport).lines).toHaveLength(6)
  })
})
