import { describe, expect, it } from 'vitest'
import { lokiForAudit, lokiForStory, type LokiContext, type LokiFlags } from '../../src/cli/loki-flags.ts'
import { TRACE } from '../sample-log.ts'

const NOW = 1_790_000_000_000
const HOUR = 3_600_000
const LOKI = { loki: 'http://loki:3100', query: '{app="api"}' }
/** The time in the id, a UUID version 7. */
const TRACE_START = Number.parseInt(TRACE.replaceAll('-', '').slice(0, 12), 16)

function context(env: LokiContext['env'] = {}, ...names: string[]): LokiContext {
  return { names, env, now: NOW }
}

function range(flags: LokiFlags): unknown {
  const source = lokiForAudit({ ...LOKI, ...flags }, context())
  return [source?.start, source?.end]
}

describe('lokiForAudit', () => {
  it('is undefined without --loki, with any environment', () => {
    expect(
      lokiForAudit({}, context({ LOKI_ORG_ID: 'shop', LOKI_USERNAME: 'ada', LOKI_BEARER_TOKEN: 'both' }, 'a.log')),
    ).toBeUndefined()
  })

  it('reads the lifecycle lines of the last hour', () => {
    expect(lokiForAudit(LOKI, context())).toEqual({
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
  ])('parses the range of %j', (flags, expected) => {
    expect(range(flags)).toEqual(expected)
  })

  it.each<[LokiContext['env'], LokiFlags, object]>([
    [{ LOKI_USERNAME: 'ada', LOKI_PASSWORD: 'hush' }, {}, { auth: { username: 'ada', password: 'hush' } }],
    [{ LOKI_PASSWORD: 'hush' }, {}, { auth: { username: '', password: 'hush' } }],
    [{ LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: '' }, {}, { auth: { bearer: 'hush' } }],
    [{ LOKI_ORG_ID: 'shop' }, {}, { tenant: 'shop' }],
    [{ LOKI_ORG_ID: 'shop' }, { lokiTenant: 'bank' }, { tenant: 'bank' }],
    [{ LOKI_ORG_ID: '', LOKI_PASSWORD: '' }, {}, {}],
  ])('takes tenant and credentials from %j and %j', (env, flags, expected) => {
    const { url, query, start, end, ...identity } = lokiForAudit({ ...LOKI, ...flags }, context(env)) ?? {}
    expect(identity).toEqual(expected)
    expect([url, query, start, end]).not.toContain(undefined)
  })

  it.each<[string, LokiFlags, LokiContext, RegExp]>([
    ['no query', { loki: LOKI.loki }, context(), /--loki needs --query.*--query '\{app=~"api\|worker"\}'/],
    ['a query without --loki', { query: '{}' }, context(), /--query is for Loki: add --loki http:\/\/loki:3100/],
    ['a start without --loki', { since: '1h' }, context({}, 'a.log'), /--since is for Loki/],
    ['an end without --loki', { until: '1h' }, context(), /--until is for Loki/],
    ['a tenant without --loki', { lokiTenant: 'shop' }, context(), /--loki-tenant is for Loki/],
    ['files as well', LOKI, context({}, 'a.log', 'b.log'), /a\.log, b\.log from files: use one of them/],
    [
      'an invalid URL',
      { ...LOKI, loki: 'loki:3100' },
      context(),
      /"loki:3100" is not a Loki URL: write it as http:\/\/loki:3100/,
    ],
    ['a metric query', { ...LOKI, query: 'rate({app="api"}[5m])' }, context(), /metric query/],
    [
      'an invalid time',
      { ...LOKI, since: 'yesterday' },
      context(),
      /--since "yesterday" is not a duration or a time: write 6h, 2026-01-31T12:00:00Z or epoch milliseconds/,
    ],
    [
      'a day that does not exist',
      { ...LOKI, until: '2026-99-99' },
      context(),
      /--until "2026-99-99" is not a duration or a time/,
    ],
    [
      'a start in the future',
      { ...LOKI, since: String(NOW + 1) },
      context(),
      /--since 1790000000001 is not in the past/,
    ],
    [
      'an end before the start',
      { ...LOKI, since: '1h', until: '2h' },
      context(),
      /--since 1h is not before --until 2h: swap them/,
    ],
    [
      'both kinds of credentials',
      LOKI,
      context({ LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: 'ada' }),
      /LOKI_BEARER_TOKEN is set, and so is LOKI_USERNAME or LOKI_PASSWORD: unset one/,
    ],
  ])('rejects %s', (_, flags, given, message) => {
    expect(() => lokiForAudit(flags, given)).toThrow(message)
    expect(() => lokiForAudit(flags, given)).not.toThrow(/hush/)
  })

  it('accepts contradictory credentials in the environment if the URL has some', () => {
    const env = { LOKI_BEARER_TOKEN: 'hush', LOKI_USERNAME: 'ada' }
    expect(lokiForAudit({ ...LOKI, loki: 'http://bob:secret@loki:3100' }, context(env))).toMatchObject({
      url: 'http://bob:secret@loki:3100',
    })
  })
})

describe('lokiForStory', () => {
  it('reads the lines of a trace from all services, since the trace began', () => {
    expect(lokiForStory(TRACE, { loki: LOKI.loki }, context())).toEqual({
      url: LOKI.loki,
      query: `{service_name=~".+"} |~ "(?i:${TRACE}|${TRACE.replaceAll('-', '')})"`,
      start: TRACE_START - 300_000,
      end: NOW,
    })
  })

  it('reads the last hour if the id contains no time, or a later one', () => {
    const late = 'ffffffff-ffff-7f60-8a1b-2c3d4e5f6071'
    for (const id of ['abc-123', late])
      expect(lokiForStory(id, LOKI, context())).toMatchObject({ start: NOW - HOUR, end: NOW })
    expect(lokiForStory('00000000-0000-7f60-8a1b-2c3d4e5f6071', LOKI, context())).toMatchObject({ start: 0 })
  })

  it('reads the given range and services', () => {
    expect(lokiForStory(TRACE, { ...LOKI, since: '2h', until: '1h' }, context())).toMatchObject({
      start: NOW - 2 * HOUR,
      end: NOW - HOUR,
    })
    expect(lokiForStory('abc-123', LOKI, context())?.query).toMatch(/^\{app="api"\} \|~ "abc-123\|\(\?i:/)
  })

  it('is undefined without --loki', () => {
    expect(lokiForStory(TRACE, {}, context())).toBeUndefined()
  })
})
