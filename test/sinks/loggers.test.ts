import { Console } from 'node:console'
import { EventEmitter } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { multistream, pino, type Logger, type LoggerOptions } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import winston from 'winston'
import { audit } from '../../src/queries/audit.ts'
import { FdWriter } from '../../src/sinks/fd-writer.ts'
import { lineFields } from '../../src/sinks/line-fields.ts'
import { pinoSink } from '../../src/sinks/pino.ts'
import type { PinoLogger } from '../../src/sinks/pino-internals.ts'
import { stdoutSink } from '../../src/sinks/stdout.ts'
import { traceMixin } from '../../src/tracking/trace-mixin.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Field } from '../../src/record/field-types.ts'
import { FIELD_NAMES, FIELDS, type LifecycleRecord } from '../../src/record/record.ts'
import type { Sink } from '../../src/record/sink.ts'
import { readRecord } from '../../src/record/line.ts'
import { keysOf, linesStream } from '../lines.ts'
import { linesOf } from '../log-lines.ts'
import { trackerFixture, type TrackerFixture } from '../tracker-fixture.ts'
import { lifecycleRecord, SERVICE } from '../record/records.ts'

type Line = Readonly<Record<string, unknown>>

const fail = (error: unknown): never => expect.unreachable(String(error))

/** Runs requests with every outcome, and one with a rejected event, a stuck one, a resumed one and an open one. */
function runRequests({ tracker, clock }: TrackerFixture): void {
  const start = (authorized: boolean): ReturnType<typeof tracker.start> => {
    const request = tracker.start({ 'x-trace-id': 'abc-123' }, { method: 'GET', path: '/cave' })
    clock.time += 3
    if (authorized) request.authenticated()
    return request
  }
  start(false).failed(new Error('who is there?'))
  const good = start(true)
  // Winston's `splat` replaces these placeholders.
  good.note('100%s of %d', { shelf: '%s', message: 'mine', level: 'mine', trace_id: 'mine' })
  good.completed()
  good.processing()
  good.responded({ status: 200 })
  const bad = start(true)
  bad.processing()
  bad.responded({ status: 500, error: new TypeError('broken\nin two') })
  start(true).processing()
  tracker
    .resume({ 'x-trace-id': 'abc-123', 'x-lifecycle': '00000000000000aa;Queued;3;1790000000000' }, { attempt: 2 })
    .completed()
  tracker.start({ 'x-trace-id': '%s' })
  clock.time += 3_600_000
  const late = start(true)
  late.processing()
}

/** The lines of these requests, as the default sink writes them and as another one does. */
function linesThrough(
  sink: (lines: string[]) => Sink,
  lines: string[] = [],
): { ours: string[]; theirs: string[]; end: number } {
  const folder = mkdtempSync(join(tmpdir(), 'loggers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'default.ndjson')
  const all = trackerFixture({
    sinks: [stdoutSink('api', 'line', fail, new FdWriter(openSync(file, 'w'))), sink(lines)],
  })
  runRequests(all)
  all.tracker.close()
  return { ours: readFileSync(file, 'utf8').trim().split('\n'), theirs: lines, end: all.clock.time + 60_000 }
}

const LEVELS: Readonly<Record<string, number>> = { info: 30, warn: 40, error: 50 }

describe('a logger other than pino', () => {
  test.each([
    ['json', winston.format.json()],
    [
      'timestamp, splat, errors and json',
      winston.format.combine(
        winston.format.timestamp(),
        winston.format.splat(),
        winston.format.errors({ stack: true }),
        winston.format.json(),
      ),
    ],
  ])('winston with %s: the audit of its lines is that of the default sink', async (_, format) => {
    const { stream, lines } = linesStream()
    // Winston's types declare its transports as classes and instances in one.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
    const logger = winston.createLogger({ format, transports: [new winston.transports.Stream({ stream })] })
    const sink = {
      write: (record: LifecycleRecord) => {
        const { level, msg, ...fields } = lineFields(record)
        logger.log({ ...fields, level, message: msg })
      },
    }
    const { ours, theirs, end } = linesThrough(() => sink, lines)
    const report = await audit(ours, { now: end })
    expect([
      report.checked.damaged_lines,
      report.checked.other_lines,
      report.stuck.length > 1,
      report.checked.requests > 5,
    ]).toEqual([0, 0, true, true])
    expect(await audit(theirs, { now: end })).toEqual(report)
    // Only the message has another name, and the level is a name.
    expect(theirs.map((line) => asOurs(JSON.parse(line) as Line))).toEqual(ours.map((line) => JSON.parse(line) as Line))
    for (const line of theirs) expect(keysOf(line)).toEqual([...new Set(keysOf(line))])
  })

  test('the console: its lines are those of the default sink, except for the level', async () => {
    const { stream, lines } = linesStream()
    const console = new Console(stream)
    const sink = { write: (record: LifecycleRecord) => console.log(JSON.stringify(lineFields(record))) }
    const { ours, theirs, end } = linesThrough(() => sink, lines)
    expect(
      theirs.map((line) =>
        line.replace(/^\{"level":"(\w+)"/, (_, level: string) => `{"level":${String(LEVELS[level])}`),
      ),
    ).toEqual(ours)
    expect(await audit(theirs, { now: end })).toEqual(await audit(ours, { now: end }))
  })

  test('a record as JSON can be audited', async () => {
    const { ours, theirs, end } = linesThrough((lines) => ({
      write: (record) => void lines.push(JSON.stringify(record)),
    }))
    expect(await audit(theirs, { now: end })).toEqual(await audit(ours, { now: end }))
  })
})

function asOurs({ level, message, timestamp: _timestamp, ...fields }: Line): Line {
  return { ...fields, level: LEVELS[String(level)], msg: message }
}

test("lineFields has the fields of pino's line, in the same order, for any record", () => {
  fc.assert(
    fc.property(lifecycleRecord, (record) => {
      const [line = ''] = linesOf([{ ...record, service: SERVICE }])
      const fields = JSON.stringify(lineFields(record))
      expect(keysOf(fields)).toEqual(keysOf(line))
      const { level, ...rest } = JSON.parse(fields) as Line
      expect({ ...rest, level: LEVELS[String(level)] }).toEqual(JSON.parse(line))
    }),
    { numRuns: 300 },
  )
})

/** The names that a user's logger must not add to our lines. */
const NAMES = [...FIELD_NAMES, 'message', 'x_trace_id']
const others = (from = NAMES): Record<string, unknown> =>
  Object.fromEntries(from.map((name) => [name, `their ${name}`]))
/** A service that the user's logger binds, which replaces ours. */
const SERVICE_BOUND = 'their service'

type CreateLogger = (stream: NodeJS.WritableStream) => PinoLogger

/** Runs these requests with a logger, and expects the fields of their records on the lines, without a key twice. */
function expectRecords(logger: CreateLogger, service = 'api'): Line[] {
  const { stream, lines } = linesStream()
  const all = trackerFixture({ logger: logger(stream) })
  // The current request is not always the one whose line is written.
  all.tracker.start({ 'x-trace-id': 'current' }).run(() => runRequests(all))
  expect(lines.length).toBe(all.records.length)
  return lines.map((line, index) => {
    expect(keysOf(line), line).toEqual([...new Set(keysOf(line))])
    const parsed = JSON.parse(line) as Line
    const { time: _time, service: written, ...read } = readRecord({ time: 1, ...parsed }) as LifecycleRecord
    const { time: _clock, service: _service, ...record } = all.records[index] ?? fail(index)
    expect(read).toEqual(JSON.parse(JSON.stringify(record)))
    expect(written).toBe(service)
    expect(parsed).not.toHaveProperty('x_trace_id')
    return parsed
  })
}

describe("a user's pino cannot replace a field of ours, or write a key twice", () => {
  const cases: [string, CreateLogger, string?][] = [
    ['with the trace mixin', (stream) => pino({ mixin: traceMixin }, stream)],
    ['that binds all fields', (stream) => pino({}, stream).child(others()), SERVICE_BOUND],
    ['with all fields in its base', (stream) => pino({ base: others() }, stream), SERVICE_BOUND],
    [
      'that binds them twice',
      (stream) => {
        const logger = pino({}, stream)
          .child(others())
          .child({ ...others(), a: 1 })
          .child({ a: 2 })
        logger.setBindings(others())
        return logger
      },
      SERVICE_BOUND,
    ],
    [
      'that binds them to every child',
      (stream) => pino({ onChild: (child) => child.setBindings(others()) }, stream),
      SERVICE_BOUND,
    ],
    ['whose mixin returns them', (stream) => pino({ mixin: () => others() }, stream)],
    [
      'whose mixin overrides the fields of a line',
      (stream) => pino({ mixin: () => others(), mixinMergeStrategy: (line, mixed) => ({ ...line, ...mixed }) }, stream),
    ],
    [
      'whose formatter adds them',
      (stream) =>
        pino(
          {
            formatters: { log: (line) => ({ ...line, ...others(NAMES.filter((name) => !CHANGEABLE.includes(name))) }) },
          },
          stream,
        ),
    ],
    [
      'whose formatter returns another object',
      (stream) =>
        pino(
          {
            formatters: {
              log: (line) => ({
                ...others(['level', 'time', 'msg', 'trace_id', 'state']),
                ...line,
                trace_id: 'theirs',
                request_id: 'theirs',
                state: 'theirs',
              }),
            },
          },
          stream,
        ),
    ],
    [
      'that does all of these',
      (stream) =>
        pino(
          {
            base: others(),
            mixin: (...line) => ({ ...others(), ...traceMixin(...line) }),
            mixinMergeStrategy: (line, mixed) => ({ ...line, ...mixed }),
            formatters: { log: (line) => ({ ...line, trace_id: 'theirs', service: 'theirs' }) },
            onChild: (child) => child.setBindings(others()),
          },
          stream,
        ),
      SERVICE_BOUND,
    ],
    ['whose error key is ours', (stream) => pino({ errorKey: 'error' }, stream)],
    ['that has a serializer for errors', (stream) => pino({ serializers: { error: pino.stdSerializers.err } }, stream)],
    [
      'with a prefix, other levels and times in ISO 8601',
      (stream) =>
        pino(
          {
            msgPrefix: '[cave] ',
            customLevels: { shout: 35 },
            timestamp: pino.stdTimeFunctions.isoTime,
            formatters: { level: (level) => ({ severity: level }) },
          },
          stream,
        ),
    ],
    [
      'with custom levels only',
      (stream) => pino({ customLevels: { quiet: 5, warn: 42 }, useOnlyCustomLevels: true, level: 'warn' }, stream),
    ],
    [
      'of another copy of pino, with a mixin and bindings',
      (stream) => anotherPino()({ mixin: traceMixin }, stream).child({ trace_id: 'theirs', state: 'theirs' }),
    ],
    ...NAMES.map((messageKey): [string, CreateLogger, string?] => [
      `whose message key is ${messageKey}`,
      (stream) => pino({ messageKey, mixin: traceMixin }, stream),
    ]),
    ...NAMES.map((messageKey): [string, CreateLogger, string?] => [
      `whose message key is ${messageKey}, which is bound`,
      (stream) => pino({ messageKey, base: null }, stream).child({ [messageKey]: SERVICE_BOUND }),
      messageKey === 'service' ? SERVICE_BOUND : 'api',
    ]),
  ]

  test.each(cases)('%s', (_, logger, service) => {
    expectRecords(logger, service)
  })
})

/** The fields that a formatter may change: those that do not identify the line, of those that pass through it. */
const CHANGEABLE = Object.entries<Field>(FIELDS)
  .filter(([name, { identity }]) => identity !== true && !['level', 'time', 'service', 'msg'].includes(name))
  .map(([name]) => name)

/** A second copy of pino, which has its own symbols. */
function anotherPino(): typeof pino {
  const require = createRequire(import.meta.url)
  const loaded = Object.keys(require.cache).filter((file) => file.includes('/node_modules/pino/'))
  const before = loaded.map((file) => [file, require.cache[file]] as const)
  for (const file of loaded) Reflect.deleteProperty(require.cache, file)
  // The type of the package.
  const other = require('pino') as typeof pino
  for (const [file, module] of before) require.cache[file] = module
  expect(other.symbols.mixinSym).not.toBe(pino.symbols.mixinSym)
  return other
}

describe("what a user's pino adds is kept", () => {
  const written = (
    options: LoggerOptions,
    write: (sink: Sink, record: LifecycleRecord) => void,
    error = { type: 'TypeError', message: 'card 4711' },
  ): Line => {
    const { stream, lines } = linesStream()
    const record: LifecycleRecord = {
      lifecycle: 'note',
      event: 'X',
      time: 1,
      service: 'api',
      state: 'Received',
      trace_id: 'abc-123',
      request_id: '00000000000000aa',
      error,
      data: { card: 4711 },
    }
    write(pinoSink(pino({ base: null, timestamp: false, ...options }, stream), 'api', fail), record)
    expect(keysOf(lines[0] ?? '')).toEqual([...new Set(keysOf(lines[0] ?? ''))])
    return JSON.parse(lines[0] ?? '') as Line
  }
  const plainly = (sink: Sink, record: LifecycleRecord): void => sink.write(record)
  const record = {
    level: 30,
    service: 'api',
    lifecycle: 'note',
    event: 'X',
    state: 'Received',
    trace_id: 'abc-123',
    request_id: '00000000000000aa',
    msg: 'X in Received',
  }

  test('under other names: bindings, then fields of a mixin, then of a formatter; the first value is kept', () => {
    const line = written(
      {
        base: { tenant: 'bound' },
        mixin: () => ({ tenant: 'mixed', host: 'mixed' }),
        formatters: { log: (fields) => ({ ...fields, zone: 'formatted' }) },
      },
      plainly,
    )
    expect(line).toEqual({
      ...record,
      tenant: 'bound',
      host: 'mixed',
      zone: 'formatted',
      error: { type: 'TypeError', message: 'card 4711' },
      data: { card: 4711 },
    })
  })

  test('a formatter may mask fields, or leave them out', () => {
    const log = ({ data: _data, ...line }: Record<string, unknown>): Record<string, unknown> => ({
      ...line,
      error: '[hidden]',
    })
    expect(written({ formatters: { log } }, plainly)).toEqual({ ...record, error: '[hidden]' })
    // The identity fields are kept even if a formatter returns an empty object.
    const { data: _data, error: _error, ...bare } = lineFields({ ...record, lifecycle: 'note', time: 1 })
    const { time: _time, level: _level, ...named } = bare
    expect(written({ formatters: { log: () => ({}) } }, plainly)).toEqual({ ...named, level: 30 })
  })

  test.each<[string, (error: { message: string }) => unknown, unknown]>([
    ['a string', () => '[hidden]', { type: 'TypeError', message: '[hidden]' }],
    [
      'an object',
      (error) => ({ message: error.message.replace(/\d/g, '*'), stack: 'x' }),
      { type: 'TypeError', message: 'card ****' },
    ],
    ['nothing', () => undefined, undefined],
    ['a number', () => 7, 7],
  ])('a serializer for errors may mask the message: it returns %s', (_, error, expected) => {
    expect(written({ serializers: { error } }, plainly).error).toEqual(expected)
  })

  test('redaction', () => {
    expect(written({ redact: ['data.card', 'error.message'] }, plainly)).toMatchObject({
      data: { card: '[Redacted]' },
      error: { message: '[Redacted]' },
    })
  })

  test('the logger still writes its own lines as before', () => {
    const { stream, lines } = linesStream()
    const logger = pino(
      {
        base: { state: 'NY' },
        timestamp: false,
        mixin: () => ({ event: 'E' }),
        formatters: { log: (fields) => ({ ...fields, path: '/' }) },
      },
      stream,
    )
    logger.info('own')
    runRequests(trackerFixture({ logger }))
    logger.info('own')
    expect(lines.length).toBeGreaterThan(20)
    expect([lines[0], lines.at(-1)]).toEqual(
      Array(2).fill('{"level":30,"state":"NY","event":"E","path":"/","msg":"own"}'),
    )
  })
})

test('a mixin that adds a note while a line is being written does not damage that line', () => {
  const { stream, lines } = linesStream()
  let inMixin = false
  const logger = pino(
    {
      base: null,
      mixin: () => {
        if (inMixin) return {}
        inMixin = true
        request.note('MIXED')
        inMixin = false
        return { n: 1 }
      },
    },
    stream,
  )
  const tracker = createTracker({ service: 'api', logger: false, sinks: [{ write: (record) => sink.write(record) }] })
  const sink = pinoSink(logger, 'api', fail)
  inMixin = true
  const request = tracker.start()
  inMixin = false
  request.authenticated()
  const parsed = lines.map((line) => JSON.parse(line) as Line)
  expect(parsed.map(({ msg, event, seq, n }) => [msg, event, seq, n])).toEqual([
    ['Received', undefined, 0, undefined],
    ['MIXED in Authenticated', 'MIXED', undefined, undefined],
    ['Received -> Authenticated', 'AUTH_OK', 1, 1],
  ])
})

describe("the errors of a user's stream are counted", () => {
  class Destination extends EventEmitter {
    write(): boolean {
      return true
    }
  }

  test.each<[string, (stream: Destination) => Logger]>([
    [
      'within a multistream',
      (stream) =>
        pino({}, multistream([{ stream: { write: () => undefined } }, { stream: multistream([{ stream }]) }])),
    ],
    ['of another copy of pino', (stream) => anotherPino()({}, stream)],
  ])('%s', (_, logger) => {
    const stream = new Destination()
    const tracker = createTracker({ service: 'api', logger: logger(stream) })
    stream.emit('error', new Error('disk full'))
    expect(tracker.stats.faults).toBe(1)
  })
})
