import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FIELD_ROLES, DEFAULT_FIELD_NAMES, type Role } from '../../../src/story/foreign/field-names.ts'
import { foreignLines } from '../../../src/story/foreign/foreign-line.ts'
import { HEX, LINES, OTLP_LOGS, OTLP_SPANS, SPAN } from './_samples.ts'

const TIME = 1_790_000_000_123

describe('foreignLines reads', () => {
  test.each(Object.entries(LINES))('a line of %s', (_, [fields, expected]) => {
    expect(foreignLines(fields)).toEqual([{ traceId: HEX, line: { time: TIME, ...expected } }])
  })

  test('our own line, whose request_id comes before a span_id', () => {
    const fields = {
      level: 30,
      time: TIME,
      service: 'api',
      trace_id: 'abc-123',
      request_id: SPAN,
      span_id: 'b7ad6b7169203332',
      msg: 'hi',
      other: {},
    }
    expect(foreignLines(fields)).toEqual([
      { traceId: 'abc-123', line: { time: TIME, service: 'api', request_id: SPAN, level: 30, msg: 'hi' } },
    ])
  })

  test('an OTLP line with several log records', () => {
    expect(foreignLines(OTLP_LOGS)).toEqual([
      { traceId: HEX, line: { time: TIME, service: 'pricing', request_id: SPAN, level: 'INFO', msg: 'priced' } },
      {
        traceId: HEX.toUpperCase(),
        line: { time: TIME + 1, service: 'pricing', request_id: null, level: 17, msg: 'no price' },
      },
      { traceId: HEX, line: { time: TIME + 2, service: 'pricing', request_id: null, level: null, msg: 'GET /a 503' } },
    ])
    expect(foreignLines(OTLP_LOGS, { service: ['resource.k8s.pod.name'] }).map(({ line }) => line.service)).toEqual([
      'pricing-7',
      'pricing-7',
      'pricing-7',
    ])
  })

  test('an OTLP line with several spans', () => {
    expect(foreignLines(OTLP_SPANS).map(({ line }) => [line.time, line.service, line.request_id, line.msg])).toEqual([
      [TIME, 'pricing', SPAN, 'span GET /price 12ms'],
      [TIME + 1, 'pricing', 'b7ad6b7169203332', 'span SELECT 2.5ms error: deadline exceeded'],
      [TIME + 2, 'pricing', 'b7ad6b7169203333', 'span cache'],
    ])
  })

  test('fields under every default name, flat or nested', () => {
    const values: Readonly<Record<Role, unknown>> = {
      trace_id: HEX,
      request_id: SPAN,
      time: TIME,
      service: 'pricing',
      level: 'warn',
      msg: 'priced',
    }
    const fieldPlaces = fc.record(
      Object.fromEntries(
        FIELD_ROLES.map((role) => [role, fc.tuple(fc.constantFrom(...DEFAULT_FIELD_NAMES[role]), fc.boolean())]),
      ),
    )
    fc.assert(
      fc.property(fieldPlaces, (places) => {
        const fields: Record<string, unknown> = {}
        for (const role of FIELD_ROLES) {
          const [name, flat] = places[role] ?? ['', true]
          const path = flat ? [name] : name.split('.')
          const nested = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), values[role])
          // Two roles may share a parent, such as mdc.
          for (const [key, value] of Object.entries(nested as object)) {
            fields[key] =
              typeof value === 'object' && typeof fields[key] === 'object'
                ? { ...fields[key], ...(value as object) }
                : (fields[key] ?? value)
          }
        }
        fc.pre(new Set(FIELD_ROLES.map((role) => places[role]?.[0].split('.')[0])).size === FIELD_ROLES.length)
        const { trace_id: traceId, ...line } = values
        expect(foreignLines(fields)).toEqual([{ traceId, line }])
      }),
    )
  })
})

describe('a line without a message gets', () => {
  const base = { time: TIME, trace_id: HEX }
  test.each([
    ['its request', { method: 'GET', path: '/orders/7', status: 200, duration: '12ms' }, 'GET /orders/7 200'],
    [
      'its request, without the query',
      { req: { method: 'GET', url: 'https://shop.test/orders?token=hush' }, res: { statusCode: 404 } },
      'GET /orders 404',
    ],
    [
      'its request and its error',
      { method: 'POST', path: '/orders', status: 500, error: { message: 'boom' } },
      'POST /orders 500: boom',
    ],
    ['its event name', { event: { name: 'order.placed' } }, 'order.placed'],
    ['its event name and its error', { action: 'charge', error: 'no funds' }, 'charge: no funds'],
    ['its error', { err: { message: 'boom' } }, 'boom'],
    ['an empty message', { status: 7, user: 'u1', msg: '' }, ''],
  ])('%s', (_, fields, msg) => {
    expect(foreignLines({ ...base, ...fields }).map(({ line }) => line.msg)).toEqual([msg])
  })
})

describe('the trace id', () => {
  const ids = (value: unknown, extra: object = {}): string[] =>
    foreignLines({ time: TIME, trace_id: value, ...extra }).map(({ traceId }) => traceId)

  test.each([
    ['a UUID', '019A2B3C-4d5e-7f60-8a1b-2c3d4e5f6071', '019A2B3C-4d5e-7f60-8a1b-2c3d4e5f6071'],
    ['any valid X-Trace-ID', 'abc-123', 'abc-123'],
    ['a traceparent', `00-${HEX}-${SPAN}-01`, HEX],
    ['a traceparent in upper case', `00-${HEX}-${SPAN}-01`.toUpperCase(), HEX],
    ['a Google Cloud resource', `projects/shop-1/traces/${HEX}`, HEX],
  ])('may be %s', (_, value, id) => expect(ids(value)).toEqual([id]))

  test.each([
    '',
    '0'.repeat(32),
    '00000000-0000-0000-0000-000000000000',
    '-'.repeat(16),
    'a b',
    'x'.repeat(600),
    7,
    null,
    {},
  ])('cannot be %o', (value) => {
    expect(ids(value)).toEqual([])
    expect(ids(value, { traceId: HEX })).toEqual([HEX])
  })
})

describe('given field names', () => {
  const fields = {
    ts: '2026-09-21T14:13:20.123Z',
    time: 'later',
    trace_id: 'abc',
    meta: { 'corr.id': HEX, app: 'pricing' },
    said: 'priced',
    'a.b': 'flat',
    a: { b: 'nested' },
  }

  test('are tried before the default ones', () => {
    const names = { trace_id: ['gone', 'meta.corr.id'], service: ['meta.app'], msg: ['said'] }
    expect(foreignLines(fields, names)).toEqual([
      { traceId: HEX, line: { time: TIME, service: 'pricing', request_id: null, level: null, msg: 'priced' } },
    ])
    expect(foreignLines(fields, { trace_id: ['gone'] })[0]?.traceId).toBe('abc')
  })

  test('match a whole key before a nested path', () => {
    expect(foreignLines(fields, { msg: ['a.b'] })[0]?.line.msg).toBe('flat')
  })

  test('do not match inherited properties', () => {
    expect(foreignLines(fields, { msg: ['constructor.name'], service: ['__proto__.x'] })[0]?.line).toMatchObject({
      msg: '',
      service: '',
    })
  })
})

describe('foreignLines with hostile input', () => {
  const keys = fc.constantFrom(
    ...Object.values(DEFAULT_FIELD_NAMES)
      .flat()
      .flatMap((name) => [name, ...name.split('.')]),
    'resourceLogs',
    'resourceSpans',
    'scopeLogs',
    'logRecords',
    '__proto__',
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5, withCrossShrink: true }, tie('leaf'), tie('list'), tie('object')),
    leaf: fc.oneof(
      fc.constantFrom(HEX, SPAN, TIME, 'x'),
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.constant(null),
      fc.boolean(),
    ),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc
      .array(fc.tuple(keys, tie('value')), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries) as object),
  }))

  test('returns well-formed lines and never throws', () => {
    let read = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, value)), fc.boolean(), (entries, withIds) => {
        const ids = withIds ? Object.entries({ trace_id: HEX, time: TIME }) : []
        // In parsed JSON, __proto__ is a key like any other.
        const fields = JSON.parse(JSON.stringify(Object.fromEntries([...entries, ...ids]))) as object
        const lines = foreignLines(fields)
        read += lines.length
        for (const { traceId, line } of lines) {
          expect(traceId).toMatch(/^[A-Za-z0-9._:-]{1,128}$/)
          expect(line).toEqual({
            time: expect.any(Number) as unknown,
            service: expect.any(String) as unknown,
            msg: expect.any(String) as unknown,
            level: line.level,
            request_id: line.request_id,
          })
          expect(line.request_id ?? SPAN).toMatch(/^[0-9a-f]{16}$/)
          expect(['string', 'number', 'object']).toContain(typeof line.level)
        }
      }),
      { numRuns: 500 },
    )
    expect(read).toBeGreaterThan(0)
  })

  test('reads objects nested ten thousand times', () => {
    const deep = (key: string): string => `${`{"${key}":`.repeat(10_000)}1${'}'.repeat(10_000)}`
    for (const key of ['trace', 'error', 'body', 'req', 'resourceLogs', 'kvlistValue', '__proto__']) {
      const fields = JSON.parse(`{"trace_id":"${HEX}","time":${String(TIME)},"${key}":${deep(key)}}`) as object
      expect(foreignLines(fields)).toHaveLength(1)
      expect(foreignLines(fields, { msg: [`${key}.`.repeat(50) + key] })).toHaveLength(1)
    }
  })

  test('truncates long strings with a mark, never within a character', () => {
    const long = {
      time: TIME,
      trace_id: HEX,
      msg: `${'x'.repeat(1_999)}\u{1f600}y`,
      service: 's'.repeat(1_000),
      level: 'l'.repeat(1_000),
    }
    expect(foreignLines(long)[0]?.line).toMatchObject({
      msg: `${'x'.repeat(1_999)}...`,
      service: `${'s'.repeat(64)}...`,
      level: `${'l'.repeat(64)}...`,
    })
    expect(foreignLines({ ...long, msg: 'x'.repeat(2_000) })[0]?.line.msg).toBe('x'.repeat(2_000))
  })

  test('reads 20,000 records with 20,000 attributes', () => {
    const repeat = <T>(item: T): T[] => Array.from({ length: 20_000 }, () => item)
    const [record] = OTLP_LOGS.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? []
    const attributes = repeat(0).map((_, index) => ({ key: `k${String(index)}`, value: { stringValue: 'v' } }))
    expect(
      foreignLines({ resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: repeat(record) }] }] }),
    ).toHaveLength(20_000)
  })
})

test('a line without a trace id or a time is skipped', () => {
  for (const fields of [
    {},
    [],
    { time: TIME },
    { trace_id: HEX },
    { trace_id: HEX, time: 'soon' },
    { resourceLogs: [null, 7, {}] },
  ])
    expect(foreignLines(fields)).toEqual([])
})
