import { describe, expect, test } from 'vitest'
import type { StoryReport } from '../../src/story/report.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { lokiStandIn, type LokiStandIn } from '../logs/loki/_loki.ts'
import { BEGUN, ndjson, SYNC, TRACE, transitions } from '../sample-log.ts'
import { folderOf, runCommand } from './_run-command.ts'

const own = {
  level: 40,
  time: BEGUN + 500,
  service: 'gateway',
  trace_id: TRACE,
  request_id: 'b7ad6b7169203331',
  msg: 'the cache is cold',
}
const LOG =
  ndjson([...transitions(SYNC), own]) +
  ndjson(transitions(SYNC, { trace_id: 'abc-123', request_id: 'b7ad6b7169203332' }))
const ids = (json: string): unknown =>
  (JSON.parse(json) as { requests: { request_id: string }[] }).requests.map(({ request_id }) => request_id)

describe('a trace is found', () => {
  test.each([
    ['by its UUID', TRACE, ['b7ad6b7169203331']],
    ['by its UUID in upper case', TRACE.toUpperCase(), ['b7ad6b7169203331']],
    ['by its 32 hex digits', TRACE.replaceAll('-', ''), ['b7ad6b7169203331']],
    ['by its 32 hex digits in upper case', TRACE.replaceAll('-', '').toUpperCase(), ['b7ad6b7169203331']],
    ['by an id that is not a UUID', 'abc-123', ['b7ad6b7169203332']],
  ])('%s', async (_, id, requests) => {
    const file = folderOf({ 'a.log': LOG })
    const { status, out, err } = await runCommand('story', id, file('a.log'), '--format', 'json')
    expect([status, err]).toEqual([0, ''])
    expect(ids(out)).toEqual(requests)
  })

  test('also in a service that only received the traceparent of an id that is not a UUID', async () => {
    const dashed = w3cTraceId('abc-123').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    const file = folderOf({
      'a.log':
        LOG + ndjson(transitions(SYNC, { trace_id: dashed, request_id: 'b7ad6b7169203333', service: 'catalog' }, 5)),
    })
    const { out } = await runCommand('story', 'abc-123', file('a.log'), '--format', 'json')
    expect(ids(out)).toEqual(['b7ad6b7169203332', 'b7ad6b7169203333'])
  })

  test.each([
    ['text', /^trace 019a2b3c[^]*the cache is cold/],
    ['mermaid', /^sequenceDiagram\n/],
    ['json', /^\{\n {2}"trace_id": "019a2b3c/],
  ])('and printed as %s', async (format, expected) => {
    const file = folderOf({ 'a.log': LOG })
    expect((await runCommand('story', TRACE, file('a.log'), '--format', format)).out).toMatch(expected)
  })

  test('or not, with status 1 and one line on stderr', async () => {
    const file = folderOf({ 'a.log': LOG })
    expect(await runCommand('story', 'ABC-123', file('a.log'))).toEqual({
      status: 1,
      out: '',
      err: 'throughline: no line of trace ABC-123 in these logs\n',
    })
  })
})

describe('--field', () => {
  test('names the fields of other loggers, and may be repeated', async () => {
    const foreign = { who: 'till', said: 'the drawer is open', when: BEGUN + 600, ticket: { no: TRACE } }
    const file = folderOf({ 'a.log': LOG + ndjson([foreign]) })
    const lines = async (...flags: string[]): Promise<unknown> =>
      (JSON.parse((await runCommand('story', TRACE, file('a.log'), '--format', 'json', ...flags)).out) as StoryReport)
        .lines
    const known = { service: 'gateway', msg: 'the cache is cold' }
    expect(await lines()).toMatchObject([known])
    expect(
      await lines(
        '--field',
        'trace_id=ticket.no',
        '--field',
        'time=when',
        '--field',
        'service=who',
        '--field',
        'msg=said',
      ),
    ).toMatchObject([known, { time: BEGUN + 600, service: 'till', msg: 'the drawer is open' }])
  })
})

describe('--loki', () => {
  const range = ['--since', String(BEGUN - 1), '--until', String(BEGUN + 60_000)]
  const stored = async (log: string): Promise<LokiStandIn> =>
    lokiStandIn(
      log
        .trim()
        .split('\n')
        .map((line, index) => ({ labels: { app: 'api' }, time: BigInt(BEGUN + index) * 1_000_000n, line })),
    )

  test('gives the same story as a file with the same lines', async () => {
    const file = folderOf({ 'a.log': LOG })
    const { url, queries } = await stored(LOG)
    const { status, out, err } = await runCommand('story', TRACE, '--loki', url, '--query', '{app="api"}', ...range)
    expect([status, err]).toEqual([0, ''])
    expect(out).toBe((await runCommand('story', TRACE, file('a.log'))).out)
    expect(queries.map((query) => query.get('query'))).toEqual([expect.stringMatching(/^\{app="api"\} \|~ /)])
  })

  test('says how to search further if nothing is found without a query', async () => {
    const { url } = await stored(LOG)
    const none = 'throughline: no line of trace ABC-123 in these logs'
    const all = await runCommand('story', 'ABC-123', '--loki', url, ...range)
    expect(all).toEqual({
      status: 1,
      out: '',
      err: `${none}: select your labels with --query, or pass an earlier --since\n`,
    })
    expect((await runCommand('story', 'ABC-123', '--loki', url, '--query', '{app="api"}', ...range)).err).toBe(
      `${none}\n`,
    )
  })
})
