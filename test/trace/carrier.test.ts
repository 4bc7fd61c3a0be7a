import { validateHeaderName, validateHeaderValue } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extract, inject, type Carrier, type TraceContext } from '../../src/trace/carrier.ts'
import { formatResumption, parseResumption, type Resumption } from '../../src/trace/resumption.ts'
import { isRequestId, isTraceId, newRequestId, newTraceId } from '../../src/trace/trace-id.ts'
import { CARRIERS, DOUBLED } from './carriers.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const DASHED = '0af76519-16cd-43dd-8448-eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`
const LIFECYCLE = `${PARENT};Queued;3;1790000000000`

describe.each(CARRIERS)('ids that come in, in %s', (kind, make) => {
  const read = (pairs: Readonly<Record<string, string>>): ReturnType<typeof extract> => extract(make(pairs), 'edge')

  test('an X-Trace-ID comes before a traceparent', () => {
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
  ])('the X-Trace-ID %j is not used, and only its length is told', (id) => {
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

describe.each(DOUBLED)('a header that is sent twice, as %s', (_, make) => {
  test.each(['x-trace-id', 'traceparent'])('%s is not used', (name) => {
    const values = name === 'traceparent' ? ([TRACEPARENT, TRACEPARENT] as const) : (['one', 'two'] as const)
    const { rejectedLength, ...rest } = extract(make(name, values), 'message')
    expect(rest).toEqual({ flags: 3 })
    expect(rejectedLength).toBeGreaterThanOrEqual(values.join('').length)
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

// Wrapped, since fast-check would look into them.
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

describe('whatever comes in', () => {
  test('extract never throws, and what it gives can be sent', () => {
    fc.assert(
      fc.property(carrier, fc.constantFrom('edge', 'message'), (make, from) => {
        // What hosts without types pass may be anything.
        const extracted = extract(make() as Carrier, from)
        if (extracted.traceId !== undefined) expect(isTraceId(extracted.traceId)).toBe(true)
        if (extracted.parentId !== undefined) expect(isRequestId(extracted.parentId)).toBe(true)
        if (from === 'edge') expect(extracted).not.toHaveProperty('resumption')
        expectSendable({ traceId: newTraceId(), requestId: newRequestId(), ...extracted }, extracted.resumption)
      }),
      { numRuns: 1_000 },
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

  test('what is sent is what is read, in every kind of carrier', () => {
    fc.assert(
      fc.property(
        context,
        fc.option(resumption, { nil: undefined }),
        fc.constantFrom(...CARRIERS),
        (sent, handedOver, [, make]) => {
          const headers = expectSendable(sent, handedOver)
          const { tracestate: passed, requestId: parentId, ...rest } = sent
          const expected = {
            ...rest,
            parentId,
            ...(passed === undefined ? {} : { tracestate: passed }),
            ...(handedOver === undefined ? {} : { resumption: handedOver }),
          }
          const read = extract(make(headers), 'message')
          expect(read).toEqual(expected)
          expect(
            inject({ ...read, traceId: read.traceId ?? '', requestId: read.parentId ?? '' }, read.resumption),
          ).toEqual(headers)
        },
      ),
      { numRuns: 300 },
    )
  })

  test("a state's name is percent-encoded, and any other x-lifecycle is no resumption", () => {
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
      `${PARENT};${'x'.repeat(600)};3;5`,
    ]) {
      expect(parseResumption(bad)).toBeUndefined()
    }
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
