import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { loggedData, loggedError, loggedName, loggedPath } from '../../src/record/truncate.ts'
import { readRecord } from '../../src/record/line.ts'
import { keysOf, linesStream } from '../lines.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { dispatch } from '../../src/tracking/signals.ts'
import { propertyRuns } from '../property-runs.ts'

const oops = (): never => {
  throw new Error('oops')
}
const circular: Record<string, unknown> = { a: 1 }
circular.self = circular
const revoked = Proxy.revocable({}, {})
revoked.revoke()

const HOSTILE: readonly unknown[] = [
  circular,
  10n,
  Symbol('s'),
  oops,
  revoked.proxy,
  new Proxy({}, { get: oops, ownKeys: oops, has: oops, getPrototypeOf: oops }),
  {
    get message() {
      return oops()
    },
  },
  { toJSON: oops },
  { toJSON: () => 10n },
  { toString: oops, name: 'x', message: { toString: oops } },
  Object.assign(new Error('\ud800'.repeat(3_000)), { name: '\u0000'.repeat(3_000) }),
  new Error('💥'.repeat(3_000)),
  '\ud83d'.repeat(5_000),
  '"'.repeat(5_000),
  'ü'.repeat(2_000),
  Array(5_000).fill(null),
  { trace_id: 'taken', level: 60, msg: 'mine', lifecycle: 'note', ['__proto__']: { state: 'x' }, 'a"\n\u2028b': 1 },
  JSON.parse('['.repeat(400) + ']'.repeat(400)),
]

// In functions, because fast-check would inspect the values.
const hostile: fc.Arbitrary<() => unknown> = fc.oneof(
  fc
    .anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    .map((value) => () => value),
  fc.string({ unit: 'binary', maxLength: 5_000 }).map((value) => () => value),
  fc.nat(HOSTILE.length - 1).map((index) => () => HOSTILE[index]),
)

const machine = createMachine({
  initial: '"'.repeat(32),
  states: { ['"'.repeat(32)]: { on: { ['E'.repeat(64)]: 'ü'.repeat(32) } }, ['ü'.repeat(32)]: { type: 'final' } },
})

describe('a line is shorter than 4,096 bytes, whole, and has our fields', () => {
  test('for any error, data, path, names and ids', () => {
    const { stream, lines } = linesStream()
    const { tracker, records } = trackerFixture({
      logger: pino(stream),
      machine,
      service: 's'.repeat(64),
      newTraceId: () => 't'.repeat(128),
    })
    fc.assert(
      fc.property(hostile, hostile, fc.string({ unit: 'binary', maxLength: 3_000 }), (thrown, given, text) => {
        const [error, data] = [thrown(), given()]
        const [lineCount, recordCount] = [lines.length, records.length]
        const request = tracker.start(
          { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
          { method: text, path: text },
        )
        request.note(text, data)
        request.emitNote('rejected', text, { error, data })
        dispatch(request, 'E'.repeat(64), { error, data, outcome: 'error', status: -1.5e300, implied: true })
        expect(lines.length - lineCount).toBe(4)
        for (const [index, line] of lines.slice(lineCount).entries()) {
          expect(Buffer.byteLength(line) + 1).toBeLessThan(4_096)
          expect(readRecord(JSON.parse(line))).toEqual({
            ...records[recordCount + index],
            time: expect.any(Number) as unknown,
          })
          const keys = keysOf(line)
          expect(new Set(keys).size).toBe(keys.length)
          expect(JSON.parse(line)).toMatchObject({
            trace_id: request.traceId,
            request_id: request.requestId,
            service: 's'.repeat(64),
          })
        }
        expect(tracker.stats.faults).toBe(0)
      }),
      { numRuns: propertyRuns(300) },
    )
  })

  test('data is never written at the top level', () => {
    const { tracker, records } = trackerFixture()
    tracker.start().send('AUTH_OK', { trace_id: 'taken', state: 'Failed', outcome: 'ok', seq: 99 })
    expect(records.at(-1)).toMatchObject({
      trace_id: 'trace-1',
      state: 'Authenticated',
      seq: 1,
      data: { trace_id: 'taken', state: 'Failed', outcome: 'ok', seq: 99 },
    })
    expect(records.at(-1)).not.toHaveProperty('outcome')
  })

  test('the text that throughline writes itself is ASCII', async () => {
    const { stream, lines } = linesStream()
    const { tracker } = trackerFixture({ logger: pino(stream) })
    const run = tracker.trackRequest((fails: boolean) => (fails ? Promise.reject(new Error('no')) : 1), { path: '/x' })
    void run(false)
    await Promise.resolve(run(true)).catch(() => undefined)
    const request = tracker.start()
    request.send('COMPLETE')
    request.failed('no')
    expect(lines.length).toBe(11)
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]+$/)
  })
})

describe('what is truncated is marked', () => {
  test('errors', () => {
    expect(loggedError(new TypeError('no'))).toEqual({ type: 'TypeError', message: 'no' })
    expect(loggedError('text')).toEqual({ type: 'string', message: 'text' })
    expect(loggedError(null)).toEqual({ type: 'null', message: 'null' })
    expect(loggedError({ name: 'Denied', message: 'no' })).toEqual({ type: 'Denied', message: 'no' })
    expect(loggedError(new Error('x'.repeat(1_000)))).toEqual({ type: 'Error', message: 'x'.repeat(1_000) })
    expect(loggedError(new Error('x'.repeat(1_001)))).toEqual({
      type: 'Error',
      message: `${'x'.repeat(997)}...`,
      cut: true,
    })
    expect(
      loggedError({
        get message() {
          return oops()
        },
      }),
    ).toEqual({ type: 'unknown', message: expect.any(String) as unknown })
  })

  test('data', () => {
    expect(loggedData({ a: [1, 'x', null] })).toEqual({ a: [1, 'x', null] })
    expect(loggedData(undefined)).toBeUndefined()
    expect(loggedData(oops)).toBeUndefined()
    expect(loggedData('x'.repeat(998))).toBe('x'.repeat(998))
    expect(loggedData('x'.repeat(999))).toMatchObject({
      cut: true,
      json: expect.stringMatching(/^"x+\.\.\.$/) as unknown,
    })
    expect(loggedData(circular)).toMatchObject({ cut: true, reason: expect.stringContaining('circular') as unknown })
    expect(loggedData({ n: 10n })).toMatchObject({ cut: true, reason: expect.stringContaining('BigInt') as unknown })
  })

  test('a getter runs once, so that a later value cannot change the line', () => {
    let runs = 0
    loggedData({
      get n() {
        return ++runs
      },
    })
    expect(runs).toBe(1)
  })

  test.each([
    ['/orders/7', '/orders/7'],
    ['/orders?token=hush', '/orders'],
    ['/orders#part?x', '/orders'],
    ['https://anna:hush@example.test:8080/orders?x', '/orders'],
    ['https://example.test', '/'],
    ['*', '*'],
    ['/package.Service/Method', '/package.Service/Method'],
    [`/${'x'.repeat(600)}`, `/${'x'.repeat(508)}...`],
  ])('the path of %s', (url, path) => {
    expect(loggedPath(url)).toBe(path)
  })

  test('names', () => {
    expect(loggedName('x'.repeat(64))).toBe('x'.repeat(64))
    expect(loggedName('x'.repeat(65))).toBe(`${'x'.repeat(61)}...`)
  })
})

describe('the path of', () => {
  test.each([
    ['/orders?id=1', '/orders'],
    ['/orders#top', '/orders'],
    ['/orders#top?id=1', '/orders'],
    ['/orders?id=1#top', '/orders'],
    ['http://shop.example/orders?id=1', '/orders'],
    ['http://shop.example', '/'],
    ['http://shop.example/', '/'],
    ['http://shop.example/next/', '/next/'],
    ['the queue of http://shop.example/orders', 'the queue of http://shop.example/orders'],
    ['', ''],
  ])('%s is %s', (url, path) => {
    expect(loggedPath(url)).toBe(path)
  })
})

test.each([
  [null, 'null'],
  [undefined, 'undefined'],
  ['no luck', 'string'],
  [{ message: 'no luck' }, 'Error'],
  [{ message: 'no luck', name: 'Denied' }, 'Denied'],
])('the type of %j as an error is %s', (thrown, type) => {
  expect(loggedError(thrown).type).toBe(type)
})

test('what cannot be read is named', () => {
  expect(loggedError(revoked.proxy)).toEqual({ type: 'unknown', message: 'the thrown value could not be read' })
  const long = {
    toJSON: () => {
      throw new Error('x'.repeat(900))
    },
  }
  expect(loggedData(long)).toEqual({ cut: true, reason: 'x'.repeat(200) })
})
