import { validateHeaderName, validateHeaderValue } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extract, inject, type Carrier, type TraceContext } from '../../src/trace/carrier.ts'
import { formatResumption, parseResumption, type Resumption } from '../../src/trace/resumption.ts'
import { isRequestId, isTraceId, newRequestId, newTraceId } from '../../src/trace/trace-id.ts'
import { CARRIERS, DOUBLED } from './carriers.ts'
import { propertyRuns } from '../property-runs.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const DASHED = '0af76519-16cd-43dd-8448-eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`
const LIFECYCLE = `${PARENT};Queued;3;1790000000000`

describe.each(CARRIERS)('incoming ids in %s', (kind, make) => {
  const read = (pairs: Readonly<Record<string, string>>): ReturnType<typeof extract> => extract(make(pairs), 'edge')

  test('an X-Trace-ID takes precedence over a traceparent', () => {
    expect(read({ 'x-trace-id': 'abc-123' })).toEqual({ traceId: 'abc-123', flags: 1 })
    expect(read({ 'x-trace-id': 'abc-123', traceparent: TRACEPARENT, tracestate: 'a=1' })).toEqual({
      traceId: 'abc-123',
      flags: 1,
    })
    expect(read({ 'x-trace-id': DASHED.toUpperCase(), traceparent: TRACEPARENT, tracestate: 'a=1' })).toEqual({
      traceId: DASHED.toUpperCase(),
      parentId: PARENT,
      flags: 1,
      tracestate: 'a=1',
    })
    expect(read({ traceparent: TRACEPARENT })).toEqual({ traceId: DASHED, parentId: PARENT, flags: 1 })
    expect(read({})).toEqual({ flags: 3 })
  })

  test.each([
    '',
    'a b',
    'a,b',
    'a;b',
    'a/b',
    '<script>',
    'x'.repeat(129),
    'tr\u00e4ce',
    '"',
    '%41',
    'x'.repeat(100_000),
  ])('the X-Trace-ID %j is ignored, and its length is reported', (id) => {
    if (make({ 'x-trace-id': id }) === undefined) return
    expect(read({ 'x-trace-id': id })).toEqual({ flags: 3, rejectedLength: id.length })
    expect(read({ 'x-trace-id': id, traceparent: TRACEPARENT })).toEqual({
      traceId: DASHED,
      parentId: PARENT,
      flags: 1,
      rejectedLength: id.length,
    })
  })

  test.each(['a', 'x'.repeat(128), 'A-z_0.9:', '0'.repeat(32)])('the X-Trace-ID %s is used', (id) => {
    expect(read({ 'x-trace-id': id }).traceId).toBe(id)
  })

  test('x-lifecycle is read from messages only', () => {
    const pairs = { 'x-trace-id': DASHED, 'x-lifecycle': LIFECYCLE }
    expect(read(pairs)).toEqual({ traceId: DASHED, flags: 1 })
    const resumption = { requestId: PARENT, state: 'Queued', seq: 3, since: 1_790_000_000_000 }
    expect(extract(make(pairs), 'message'), kind).toEqual({ traceId: DASHED, flags: 1, resumption })
  })
})

describe.each(DOUBLED)('a header that was sent twice, as %s', (_, make) => {
  test.each(['x-trace-id', 'traceparent'])('%s is ignored', (name) => {
    const values = name === 'traceparent' ? ([TRACEPARENT, TRACEPARENT] as const) : (['one', 'two'] as const)
    const { rejectedLength, ...rest } = extract(make(name, values), 'message')
    expect(rest).toEqual({ flags: 3 })
    expect(rejectedLength).toBeGreaterThanOrEqual(values.join('').length)
  })
})

describe('an invalid header beside a valid one', () => {
  test('a valid X-Trace-ID is used, and the length of the traceparent is reported', () => {
    expect(extract({ 'x-trace-id': 'abc-123', traceparent: 'nonsense' }, 'edge')).toEqual({
      traceId: 'abc-123',
      flags: 1,
      rejectedLength: 8,
    })
  })

  test('of two invalid headers, the length of the X-Trace-ID is reported', () => {
    expect(extract({ 'x-trace-id': 'a b', traceparent: 'nonsense' }, 'edge')).toEqual({ flags: 3, rejectedLength: 3 })
  })

  test('of a header that was sent twice, the length of both values is reported', () => {
    expect(extract({ 'x-trace-id': ['one', 'three'] }, 'edge')).toEqual({ flags: 3, rejectedLength: 8 })
    expect(extract({ traceparent: [TRACEPARENT, TRACEPARENT] }, 'edge')).toEqual({ flags: 3, rejectedLength: 110 })
  })

  test('a tracestate is used only with a traceparent of the same trace', () => {
    expect(extract({ 'x-trace-id': DASHED, tracestate: 'a=1' }, 'edge')).toEqual({ traceId: DASHED, flags: 1 })
    expect(extract({ traceparent: TRACEPARENT, tracestate: 'A=1' }, 'edge')).toEqual({
      traceId: DASHED,
      parentId: PARENT,
      flags: 1,
    })
  })

  test.each([['nonsense'], [[LIFECYCLE, LIFECYCLE]]])('the x-lifecycle %j is ignored', (value) => {
    expect(extract({ 'x-trace-id': DASHED, 'x-lifecycle': value }, 'message')).toEqual({ traceId: DASHED, flags: 1 })
  })
})

describe('the properties of a carrier', () => {
  const id = (carrier: unknown): string | undefined =>
    // Hosts without types may pass any value.
    extract(carrier as Carrier, 'edge').traceId

  test.each([[undefined], [null], ['x-trace-id'], [7], [() => undefined]])('%s has no ids', (carrier) => {
    expect(extract(carrier as Carrier, 'edge')).toEqual({ flags: 3 })
  })

  test('an object whose get is not a function is read by its keys', () => {
    expect(id({ get: 'abc', 'x-trace-id': 'abc-123' })).toBe('abc-123')
  })

  test('the name in lower case takes precedence', () => {
    expect(id({ 'X-Trace-ID': 'other', 'x-trace-id': 'abc-123' })).toBe('abc-123')
    expect(id({ 'x-trace-id': undefined, 'X-Trace-ID': 'abc-123' })).toBe('abc-123')
  })

  test('inherited ones are ignored', () => {
    expect(id(Object.create({ 'x-trace-id': 'abc-123' }))).toBeUndefined()
    expect(id(Object.create({ 'X-Trace-ID': 'abc-123' }))).toBeUndefined()
  })

  test('names that only contain the name are ignored', () => {
    expect(id({ 'X-Trace-ID-2': 'abc-123', 'My-X-Trace-ID': 'abc-123', 'X-Trace_ID': 'abc-123' })).toBeUndefined()
  })

  test.each([[7], [true], [{}], [null], [[]], [[7, {}]]])('the value %j is ignored', (value) => {
    expect(extract({ 'x-trace-id': value }, 'edge')).toEqual({ flags: 3 })
  })

  test('bytes are read as latin1, and only those of the view', () => {
    const bytes = Buffer.from('..abc-123..')
    expect(id({ 'x-trace-id': new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 7) })).toBe('abc-123')
    expect(extract({ 'x-trace-id': Buffer.from('tr\u00e4ce', 'latin1') }, 'edge').rejectedLength).toBe(5)
  })
})

test('inject gives the headers of a trace context', () => {
  const context = { traceId: 'abc-123', requestId: PARENT, flags: 3 }
  const headers = { 'x-trace-id': 'abc-123', traceparent: `00-5942d94f524882e0f29bf0a1e5a6dcc9-${PARENT}-03` }
  expect(inject(context)).toEqual(headers)
  const resumption = { requestId: PARENT, state: 'Queued', seq: 3, since: 1_790_000_000_000 }
  expect(inject({ ...context, tracestate: 'a=1' }, resumption)).toEqual({
    ...headers,
    tracestate: 'a=1',
    'x-lifecycle': LIFECYCLE,
  })
})

const oops = (): never => {
  throw new Error('oops')
}
const NAMES = ['x-trace-id', 'X-Trace-ID', 'traceparent', 'tracestate', 'x-lifecycle', 'get', '__proto__'] as const
const value = fc.oneof(
  fc.anything(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom<unknown>(
    'abc',
    TRACEPARENT,
    [TRACEPARENT],
    'a=1,b=2',
    LIFECYCLE,
    Buffer.from('abc'),
    ['a', 'b'],
    [Buffer.from('a')],
    Symbol('s'),
    oops,
    10n,
    null,
  ),
)
const revoked = Proxy.revocable({}, {})
revoked.revoke()

// Wrapped in functions, since fast-check would call their getters when it prints them.
const carrier: fc.Arbitrary<() => unknown> = fc.oneof(
  fc.anything().map((thing) => () => thing),
  fc.dictionary(fc.constantFrom(...NAMES), value).map((pairs) => () => pairs),
  fc.dictionary(fc.constantFrom(...NAMES), value).map((pairs) => () => new Map(Object.entries(pairs))),
  fc
    .tuple(fc.constantFrom(...NAMES), value)
    .map(([name, thing]) => () => ({ get: (asked: string) => (asked === name ? thing : oops()) })),
  fc.constantFrom(...NAMES).map((name) => () => Object.defineProperty({}, name, { get: oops, enumerable: true })),
  fc.constantFrom(
    () => revoked.proxy,
    () => new Proxy({}, { get: oops }),
    () => new Proxy({}, { has: oops, ownKeys: oops, getOwnPropertyDescriptor: oops }),
    () => ({ 'x-trace-id': revoked.proxy }),
    () => ({ 'x-trace-id': [revoked.proxy, 'a'] }),
    () => ({ get: revoked.proxy }),
    () => oops,
    () => Symbol('carrier'),
  ),
)

describe('any carrier', () => {
  test('extract never throws, and its result can be sent', () => {
    fc.assert(
      fc.property(carrier, fc.constantFrom('edge', 'message'), (make, from) => {
        // Hosts without types may pass any value.
        const extracted = extract(make() as Carrier, from)
        if (extracted.traceId !== undefined) expect(isTraceId(extracted.traceId)).toBe(true)
        if (extracted.parentId !== undefined) expect(isRequestId(extracted.parentId)).toBe(true)
        if (from === 'edge') expect(extracted).not.toHaveProperty('resumption')
        expectSendable({ traceId: newTraceId(), requestId: newRequestId(), ...extracted }, extracted.resumption)
      }),
      { numRuns: propertyRuns(1_000) },
    )
  })

  const traceId = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/),
    fc.uuid(),
    fc.uuid().map((id) => id.replaceAll('-', '').toUpperCase()),
    fc.constantFrom('0', '0'.repeat(32)),
  )
  const requestId = fc.stringMatching(/^[0-9a-f]{16}$/).filter(isRequestId)
  const tracestate = fc.option(
    fc
      .array(fc.stringMatching(/^[a-z][a-z0-9_*/@-]{0,20}=[!-+\--<>-~]{1,20}$/), { minLength: 1, maxLength: 32 })
      .map((all) => all.join(',')),
    { nil: undefined },
  )
  const context: fc.Arbitrary<TraceContext> = fc.record({
    traceId,
    requestId,
    flags: fc.constantFrom(0, 1, 2, 3),
    tracestate,
  })
  const state = fc.oneof(
    fc.constantFrom('Queued', 'a b', 'x;y', '100%', 'Ünï 💥', '\n'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }),
  )
  const resumption: fc.Arbitrary<Resumption> = fc.record({
    requestId,
    state,
    seq: fc.nat(999_999_999),
    since: fc.integer({ min: 0, max: 4e12 }),
  })

  test('extract reads what inject writes, from every kind of carrier', () => {
    fc.assert(
      fc.property(
        context,
        fc.option(resumption, { nil: undefined }),
        fc.constantFrom(...CARRIERS),
        (sent, handOff, [, make]) => {
          const headers = expectSendable(sent, handOff)
          const { tracestate: passed, requestId: parentId, ...rest } = sent
          const expected = {
            ...rest,
            parentId,
            ...(passed === undefined ? {} : { tracestate: passed }),
            ...(handOff === undefined ? {} : { resumption: handOff }),
          }
          const read = extract(make(headers), 'message')
          expect(read).toEqual(expected)
          expect(
            inject({ ...read, traceId: read.traceId ?? '', requestId: read.parentId ?? '' }, read.resumption),
          ).toEqual(headers)
        },
      ),
      { numRuns: propertyRuns(300) },
    )
  })

  test("a state's name is percent-encoded, and a malformed x-lifecycle is ignored", () => {
    expect(formatResumption({ requestId: PARENT, state: 'a;b 100% Ü', seq: 0, since: 5.9 })).toBe(
      `${PARENT};a%3Bb%20100%25%20%C3%9C;0;5`,
    )
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseResumption(text) === undefined))
    for (const bad of [
      `${LIFECYCLE} `,
      ` ${LIFECYCLE}`,
      `${LIFECYCLE}\n`,
      LIFECYCLE.toUpperCase(),
      `${PARENT};;3;5`,
      `${PARENT};%;3;5`,
      `${PARENT};Queued;1e3;5`,
      `${PARENT};${'x'.repeat(577)};3;5`,
      `${PARENT};a b;3;5`,
      `${PARENT};a;b;3;5`,
      `${PARENT};Queued;;5`,
      `${PARENT};Queued;1234567890;5`,
      `${PARENT};Queued;3;`,
      `${PARENT};Queued;3;1234567890123456`,
      `${PARENT}a;Queued;3;5`,
      `${'0'.repeat(16)};Queued;3;5`,
    ]) {
      expect(parseResumption(bad), bad).toBeUndefined()
    }
    expect(parseResumption(`${PARENT};${'x'.repeat(576)};123456789;123456789012345`)).toEqual({
      requestId: PARENT,
      state: 'x'.repeat(576),
      seq: 123_456_789,
      since: 123_456_789_012_345,
    })
  })
})

function expectSendable(context: TraceContext, resumption: Resumption | undefined): Record<string, string> {
  const headers = inject(context, resumption)
  for (const [name, text] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, text)
    expect(name).toBe(name.toLowerCase())
    expect(text).toMatch(/^[\x20-\x7e]+$/)
  }
  expect(headers.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]$/)
  return headers
}
