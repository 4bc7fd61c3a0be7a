import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino, type Logger, type LoggerOptions } from 'pino'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PinoInstrumentationConfig } from '@opentelemetry/instrumentation-pino'
import { story, type FieldNames } from '../../src/queries/story.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import { keysOf, linesStream } from '../lines.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { root } from '../sources.ts'

type Line = Readonly<Record<string, unknown>>

const run = promisify(execFile)
const IDS = { trace_id: 'trace-1', request_id: '0000000000000001' }

/** Parses a line; fails the test if a key is repeated. */
function parsed(line: string): Line {
  expect(keysOf(line), line).toEqual([...new Set(keysOf(line))])
  return JSON.parse(line) as Line
}

/** The fields that are logged within a request, without level, message and time. */
function logged(options: LoggerOptions, log: (logger: Logger) => unknown): Line {
  const { stream, lines } = linesStream()
  const logger = pino({ base: null, timestamp: false, ...options }, stream)
  trackerFixture()
    .tracker.start()
    .run(() => log(logger))
  const [line = ''] = lines
  const { level: _level, msg: _msg, ...rest } = parsed(line)
  return rest
}

describe('no key is repeated, and the trace can still be found', () => {
  const mixin = traceMixin

  test('if only the mixin writes ids', () => {
    expect(logged({ mixin }, (logger) => logger.info('x'))).toEqual(IDS)
    expect(
      logged({ mixin }, (logger) => logger.child({ nested: { trace_id: 'inner', request_id: 'inner' } }).info('x')),
    ).toEqual({ ...IDS, nested: { trace_id: 'inner', request_id: 'inner' } })
  })

  test.each<[string, (logger: Logger) => unknown, Line]>([
    [
      'the logger binds another trace id',
      (logger) => logger.child({ trace_id: 'theirs' }).info('x'),
      { trace_id: 'theirs', request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    [
      'a parent of the logger binds another trace id',
      (logger) => logger.child({ trace_id: 'theirs' }).child({ a: 1 }).info('x'),
      { trace_id: 'theirs', a: 1, request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    ['the logger binds the same trace id', (logger) => logger.child({ trace_id: IDS.trace_id }).info('x'), IDS],
    [
      'the logger binds a request id',
      (logger) => logger.child({ request_id: 7 }).info('x'),
      { trace_id: IDS.trace_id, request_id: 7 },
    ],
    [
      'the logger binds all ids',
      (logger) => logger.child({ trace_id: 'a', request_id: 'b', x_trace_id: 'c' }).info('x'),
      { trace_id: 'a', request_id: 'b', x_trace_id: 'c' },
    ],
    [
      'the logger binds a trace id that is null',
      (logger) => logger.child({ trace_id: null }).info('x'),
      { trace_id: null, request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    [
      'the bindings were set later',
      (logger) => {
        logger.setBindings({ trace_id: 'theirs' })
        logger.info('x')
      },
      { trace_id: 'theirs', request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    [
      'the line itself has a trace id',
      (logger) => logger.info({ trace_id: 'theirs' }),
      { trace_id: 'theirs', request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
  ])('if %s', (_, log, line) => {
    expect(logged({ mixin }, log)).toEqual(line)
  })

  test('if the same 128 bits are bound in another spelling', () => {
    const bits = '019a2b3c4d5e7f608a1b2c3d4e5f6071'
    const { stream, lines } = linesStream()
    const request = trackerFixture().tracker.start({ 'x-trace-id': '019A2B3C-4D5E-7F60-8A1B-2C3D4E5F6071' })
    request.run(() => pino({ base: null, mixin }, stream).child({ trace_id: bits }).info('x'))
    const line = parsed(lines[0] ?? '')
    expect([line.trace_id, line.request_id, line.x_trace_id]).toEqual([bits, request.requestId, undefined])
  })

  test.each<[string, LoggerOptions['mixin'], Line]>([
    [
      'whose fields come first',
      (...line) => ({ trace_id: 'theirs', tenant: 'cave', ...traceMixin(...line) }),
      { trace_id: 'theirs', tenant: 'cave', request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    [
      'whose fields come last',
      (...line) => ({ ...traceMixin(...line), trace_id: 'theirs' }),
      { trace_id: 'theirs', request_id: IDS.request_id, x_trace_id: IDS.trace_id },
    ],
    ['with other fields', (...line) => ({ ...traceMixin(...line), tenant: 'cave' }), { ...IDS, tenant: 'cave' }],
    ['that does not pass its arguments', () => ({ trace_id: 'theirs', ...traceMixin() }), IDS],
  ])('if it is combined with a mixin %s', (_, combined, line) => {
    expect(logged({ ...(combined === undefined ? {} : { mixin: combined }) }, (logger) => logger.info('x'))).toEqual(
      line,
    )
  })

  test('if a combined mixin throws, its error is thrown and later lines are not affected', () => {
    const failing: LoggerOptions['mixin'] = (...line) => {
      traceMixin(...line)
      throw new Error('no tenant')
    }
    expect(() => logged({ mixin: failing }, (logger) => logger.info('x'))).toThrow('no tenant')
    expect(logged({ mixin }, (logger) => logger.info('x'))).toEqual(IDS)
  })
})

/** The lines of the instrumented program, and a function that finds one by its message. */
async function instrumented(
  modules: 'ESM' | 'CommonJS' | 'CommonJS, late',
  config: PinoInstrumentationConfig = {},
): Promise<{ lines: Line[]; lineOf: (msg: string) => Line | undefined }> {
  const file = (name: string): string => join(root, 'test/tracking/otel', name)
  const required = [...(modules === 'CommonJS, late' ? ['pino'] : []), file('instrumented.ts'), file('program.ts')]
  const args =
    modules === 'ESM'
      ? ['--import', 'tsx', '--import', file('hooks.ts'), '--import', file('instrumented.ts'), file('program.ts')]
      : ['--require', 'tsx/cjs', '-e', required.map((name) => `require(${JSON.stringify(name)})`).join('\n')]
  const env = { ...process.env, PINO_INSTRUMENTATION: JSON.stringify(config) }
  const { stdout, stderr } = await run(process.execPath, args, { cwd: root, env })
  // OpenTelemetry warns if it cannot send logs, and if it was loaded too late.
  expect(stderr).toMatch(modules === 'CommonJS, late' ? /^.* Module pino has been loaded before .*\n$/ : /^$/)
  const lines = stdout.trim().split('\n').map(parsed)
  return { lines, lineOf: (msg) => lines.find((line) => line.msg === msg) }
}

const REQUEST_ID = /^[0-9a-f]{16}$/
// The messages of one run: started, AUTH_OK, two notes, PROCESS, RESPOND.
const STEPS = [
  'Received',
  'Received -> Authenticated',
  'LOOKED in Authenticated',
  'FOUND in Authenticated',
  'Authenticated -> Processing',
  'Processing -> Responded',
]

describe.each(['ESM', 'CommonJS', 'CommonJS, late'] as const)(
  "with OpenTelemetry's instrumentation of pino, %s",
  (modules) => {
    let lines: Line[]
    let lineOf: (msg: string) => Line | undefined

    beforeAll(async () => {
      ;({ lines, lineOf } = await instrumented(modules))
    })

    test('the instrumentation is active', () => {
      const span = lineOf('span')
      expect(lineOf('not stamped')).toMatchObject({ trace_id: span?.traceId, span_id: span?.spanId, trace_flags: '01' })
      expect(lineOf('no request')).toMatchObject({ trace_id: span?.traceId, span_id: span?.spanId })
    })

    test("the span's trace id stays, and ours is written beside it", () => {
      const span = lineOf('span')
      const beside = {
        trace_id: span?.traceId,
        span_id: span?.spanId,
        trace_flags: '01',
        request_id: expect.stringMatching(REQUEST_ID) as unknown,
        x_trace_id: 'abc-123',
      }
      expect(lineOf('another trace')).toMatchObject(beside)
      expect(lineOf('another trace, composed')).toMatchObject({ ...beside, tenant: 'cave' })
      expect(lineOf('explicit')).toMatchObject({ ...beside, trace_id: 'explicit' })
      expect(lineOf('bound')).toMatchObject({ ...beside, trace_id: 'bound', request_id: 'bound' })
    })

    test('a story finds the lines by either id', async () => {
      const messagesOf = async (traceId: unknown, fields?: FieldNames): Promise<string[]> => {
        const report = await story(String(traceId), lines, fields === undefined ? {} : { fields })
        return report?.lines.map(({ msg }) => msg) ?? []
      }
      expect(await messagesOf(lineOf('span')?.traceId)).toEqual(
        expect.arrayContaining(['another trace', 'another trace, composed', 'the same trace', 'joined']),
      )
      expect(await messagesOf('abc-123', { trace_id: ['x_trace_id'] })).toEqual(
        expect.arrayContaining(['another trace', 'another trace, composed', 'bound', 'explicit', 'no span']),
      )
    })

    test("ours replaces the span's if a mixin does not pass its arguments to ours", () => {
      expect(lineOf('another trace, no arguments')).toMatchObject({
        trace_id: 'abc-123',
        span_id: lineOf('span')?.spanId,
        tenant: 'cave',
      })
    })

    test.each(['the same trace', 'joined'])("no second id is written if the span's trace id is ours: %s", (msg) => {
      const span = lineOf('span')
      expect(lineOf(msg)).toMatchObject({
        trace_id: span?.traceId,
        span_id: span?.spanId,
        request_id: expect.stringMatching(REQUEST_ID) as unknown,
      })
      expect(lineOf(msg)).not.toHaveProperty('x_trace_id')
    })

    test.each(['no span', 'no span, bound'])('without a span the trace id is ours: %s', (msg) => {
      expect(lineOf(msg)).toMatchObject({
        trace_id: 'abc-123',
        request_id: expect.stringMatching(REQUEST_ID) as unknown,
      })
      expect(Object.keys(lineOf(msg) ?? {})).toEqual(['level', 'time', 'trace_id', 'request_id', 'msg'])
    })

    test.each(['default', 'stamping', 'binding'])(
      "all lines of requests have the request's trace id: %s",
      (service) => {
        const own = lines
          .filter((line) => line.service === service && line.trace_id === 'abc-123')
          .slice(0, 2 * STEPS.length)
        expect(own.map(({ msg }) => msg)).toEqual([...STEPS, ...STEPS])
        for (const half of [own.slice(0, STEPS.length), own.slice(STEPS.length)]) {
          expect(new Set(half.map(({ request_id }) => request_id)).size).toBe(1)
          expect(half.map(({ seq, state }) => [seq, state])).toEqual([
            [0, 'Received'],
            [1, 'Authenticated'],
            [undefined, 'Authenticated'],
            [undefined, 'Authenticated'],
            [2, 'Processing'],
            [3, 'Responded'],
          ])
        }
        expect(own.filter((line) => 'x_trace_id' in line)).toEqual([])
      },
    )

    test("a line of a request has the active span's id only if the user's logger adds it, and never another's", () => {
      const spans = (service: string): unknown[] =>
        lines
          .filter((line) => line.service === service && line.trace_id === 'abc-123')
          .slice(0, 2 * STEPS.length)
          .map(({ span_id }) => span_id)
      expect(new Set(spans('default'))).toEqual(new Set([undefined]))
      expect(new Set(spans('binding'))).toEqual(new Set(['theirs']))
      const stamped = spans('stamping')
      // In each run, three steps are in a span, each in a different one.
      expect(stamped.map((span) => span !== undefined)).toEqual([
        false,
        true,
        false,
        true,
        false,
        true,
        false,
        true,
        false,
        true,
        false,
        true,
      ])
      expect(new Set(stamped).size).toBe(7)
    })

    test("a request that uses the span's trace id is in the same trace", () => {
      expect(lines.find(({ service }) => service === 'joined')).toMatchObject({
        trace_id: lineOf('span')?.traceId,
        state: 'Received',
      })
    })
  },
)

describe('with options of the instrumentation', () => {
  test('with other field names, both ids are written', async () => {
    const { lineOf } = await instrumented('ESM', {
      logKeys: { traceId: 'otel_trace', spanId: 'otel_span', traceFlags: 'otel_flags' },
    })
    const span = lineOf('span')
    expect(lineOf('another trace')).toMatchObject({
      trace_id: 'abc-123',
      otel_trace: span?.traceId,
      otel_span: span?.spanId,
    })
    expect(lineOf('another trace')).not.toHaveProperty('x_trace_id')
  })

  test('with field names of ours, lines of requests are unchanged', async () => {
    const { lines, lineOf } = await instrumented('ESM', {
      logKeys: { traceId: 'request_id', spanId: 'state', traceFlags: 'lifecycle' },
    })
    expect(lineOf('another trace')).toMatchObject({
      trace_id: 'abc-123',
      request_id: expect.stringMatching(REQUEST_ID) as unknown,
    })
    const own = lines.filter(({ service }) => service === 'stamping')
    expect(own.map(({ msg }) => msg)).toEqual([...STEPS, ...STEPS])
    for (const line of own)
      expect(line).toMatchObject({
        trace_id: 'abc-123',
        request_id: expect.stringMatching(REQUEST_ID) as unknown,
        lifecycle: expect.stringMatching(/^(transition|note)$/) as unknown,
      })
  })

  test('with disableLogCorrelation, the trace id is ours', async () => {
    const { lineOf } = await instrumented('CommonJS', { disableLogCorrelation: true })
    expect(lineOf('another trace')).toMatchObject({ trace_id: 'abc-123' })
    expect(Object.keys(lineOf('another trace') ?? {})).toEqual(['level', 'time', 'trace_id', 'request_id', 'msg'])
  })
})
