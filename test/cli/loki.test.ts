import { describe, expect, it } from 'vitest'
import { auditSource, storySource, type SourceContext, type LokiFlags } from '../../src/cli/loki-flags.ts'
import { readLoki } from '../../src/logs/loki/read-loki.ts'
import { parseLine } from '../../src/logs/parse-line.ts'
import { lokiStandIn } from '../logs/loki/_loki.ts'
import { BEGUN, ndjson, QUEUED, SYNC, TRACE, transitions } from '../sample-log.ts'

const NOW = 1_790_000_000_000
const HOUR = 3_600_000
const LOKI = { loki: 'http://loki:3100', query: '{app="api"}' }
/** Of version 7, and so it tells when it was made. */
const BORN = Number.parseInt(TRACE.replaceAll('-', '').slice(0, 12), 16)

function beside(env: SourceContext['env'] = {}, ...names: string[]): SourceContext {
  return { names, env, now: NOW }
}

function range(flags: LokiFlags): unknown {
  const source = auditSource({ ...LOKI, ...flags }, beside())
  return [source?.start, source?.end]
}

describe('auditSource', () => {
  it('is none without --loki, whatever the environment says', () => {
    expect(
      auditSource({}, beside({ LOKI_ORG_ID: 'shop', LOKI_USERNAME: 'ada', LOKI_BEARER_TOKEN: 'both' }, 'a.log')),
    ).toBeUndefined()
  })

  it('asks for the lifecycle lines of the last hour', () => {
    expect(auditSource(LOKI, beside())).toEqual({
      url: LOKI.loki,
      query: '{app="api"} |= "lifecycle"',
      start: NOW - HOUR,
      end: NOW,
    })
  })

  it.each<[LokiFlags, unknown]>([
    [{ since: '6h' }, [NOW - 6 * HOUR, NOW]],
    [{ since: '2026-09-21T00:00:00Z' }, [Date.parse('2026-09-21T00:00:00Z'), NOW]],
    [{ since: String(NOW - 5) }, [NOW - 5, NOW]],
    [{ until: '30m' }, [NOW - 1.5 * HOUR, NOW - 0.5 * HOUR]],
    [{ since: '2d', until: '1d' }, [NOW - 48 * HOUR, NOW - 24 * HOUR]],
  ])('reads the range from %j', (flags, expected) => {
    expect(range(flags)).toEqual(expected)
  })

  it.each<[SourceContext['env'], LokiFlags, object]>([
    [{ LOKI_USERNAME: 'ada', LOKI_PASSWORD: 'hush' }, {}, { auth: { username: 'ada', password: 'hush' } }],
    [{ LOKI_PASSWORD: 'hush' }, {}, { auth: { username: '', password: 'hush' } }],
    [{ LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: '' }, {}, { auth: { bearer: 'hush' } }],
    [{ LOKI_ORG_ID: 'shop' }, {}, { tenant: 'shop' }],
    [{ LOKI_ORG_ID: 'shop' }, { lokiTenant: 'bank' }, { tenant: 'bank' }],
    [{ LOKI_ORG_ID: '', LOKI_PASSWORD: '' }, {}, {}],
  ])('says who asks, by %j and %j', (env, flags, expected) => {
    const { url, query, start, end, ...who } = auditSource({ ...LOKI, ...flags }, beside(env)) ?? {}
    expect(who).toEqual(expected)
    expect([url, query, start, end]).not.toContain(undefined)
  })

  it.each<[string, LokiFlags, SourceContext, RegExp]>([
    ['no query', { loki: LOKI.loki }, beside(), /--loki needs --query.*--query '\{app=~"api\|worker"\}'/],
    ['a query for nothing', { query: '{}' }, beside(), /--query is for Loki: add --loki http:\/\/loki:3100/],
    ['a beginning for nothing', { since: '1h' }, beside({}, 'a.log'), /--since is for Loki/],
    ['an end for nothing', { until: '1h' }, beside(), /--until is for Loki/],
    ['a tenant for nothing', { lokiTenant: 'shop' }, beside(), /--loki-tenant is for Loki/],
    ['files as well', LOKI, beside({}, 'a.log', 'b.log'), /a\.log, b\.log from files: give one of them/],
    [
      'no URL',
      { ...LOKI, loki: 'loki:3100' },
      beside(),
      /"loki:3100" is no URL of a Loki: write it as http:\/\/loki:3100/,
    ],
    ['a metric query', { ...LOKI, query: 'rate({app="api"}[5m])' }, beside(), /metric query/],
    [
      'no time',
      { ...LOKI, since: 'yesterday' },
      beside(),
      /--since "yesterday" is no duration and no time: write 6h, 2026-01-31T12:00:00Z or epoch milliseconds/,
    ],
    ['no such day', { ...LOKI, until: '2026-99-99' }, beside(), /--until "2026-99-99" is no duration and no time/],
    ['a beginning to come', { ...LOKI, since: String(NOW + 1) }, beside(), /--since 1790000000001 is not in the past/],
    [
      'an end before the beginning',
      { ...LOKI, since: '1h', until: '2h' },
      beside(),
      /--since 1h is not before --until 2h: exchange them/,
    ],
    [
      'both kinds of credentials',
      LOKI,
      beside({ LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: 'ada' }),
      /LOKI_BEARER_TOKEN is set, and so is LOKI_USERNAME or LOKI_PASSWORD: unset one/,
    ],
  ])('refuses %s', (_, flags, given, message) => {
    expect(() => auditSource(flags, given)).toThrow(message)
    expect(() => auditSource(flags, given)).not.toThrow(/hush/)
  })

  it('lets credentials in the URL go before all of the environment', () => {
    const env = { LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: 'ada' }
    expect(auditSource({ ...LOKI, loki: 'http://bob:secret@loki:3100' }, beside(env))).toMatchObject({
      url: 'http://bob:secret@loki:3100',
    })
  })
})

describe('storySource', () => {
  it('asks all services for the lines of a trace, from its birth on', () => {
    expect(storySource(TRACE, { loki: LOKI.loki }, beside())).toEqual({
      url: LOKI.loki,
      query: `{service_name=~".+"} |~ "(?i:${TRACE}|${TRACE.replaceAll('-', '')})"`,
      start: BORN - 300_000,
      end: NOW,
    })
  })

  it('asks for the last hour where the id tells no birth, or a later one', () => {
    const late = 'ffffffff-ffff-7f60-8a1b-2c3d4e5f6071'
    for (const id of ['abc-123', late])
      expect(storySource(id, LOKI, beside())).toMatchObject({ start: NOW - HOUR, end: NOW })
    expect(storySource('00000000-0000-7f60-8a1b-2c3d4e5f6071', LOKI, beside())).toMatchObject({ start: 0 })
  })

  it('asks for the range and the services that are named', () => {
    expect(storySource(TRACE, { ...LOKI, since: '2h', until: '1h' }, beside())).toMatchObject({
      start: NOW - 2 * HOUR,
      end: NOW - HOUR,
    })
    expect(storySource('abc-123', LOKI, beside())?.query).toMatch(/^\{app="api"\} \|~ "abc-123\|\(\?i:/)
  })

  it('is none without --loki', () => {
    expect(storySource(TRACE, {}, beside())).toBeUndefined()
  })
})

describe('what an audit reads from Loki', () => {
  it('is what it reads from files that hold the same lines', async () => {
    const lines = ndjson([...transitions(QUEUED), ...transitions(SYNC, { request_id: 'b7ad6b7169203332' }, 10)])
      .trim()
      .split('\n')
    const { url } = await lokiStandIn(
      lines.map((line, index) => ({ labels: { app: 'api' }, time: BigInt(BEGUN + index) * 1_000_000n, line })),
    )
    const source = auditSource(
      { loki: url, query: '{app="api"}', since: String(BEGUN) },
      { ...beside(), now: BEGUN + HOUR },
    )
    const read: object[] = []
    if (source !== undefined) for await (const entries of readLoki(source)) read.push(...entries)
    expect(read).toEqual(
      lines.flatMap((line, index) =>
        parseLine(line).map((entry) => ({ ...entry, file: '{app="api"}', line: index + 1 })),
      ),
    )
    expect(read).toHaveLength(8)
  })
})
