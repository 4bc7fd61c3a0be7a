import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLine } from '../../src/logs/parse-line.ts'
import { linesOf } from '../log-lines.ts'
import { REQUEST, TRACE, transition } from '../sample-log.ts'

const record = transition({ seq: 1, event: 'AUTH_OK', from: 'Received', state: 'Authenticated', dwell_ms: 1.5 })
const [LINE = '', FIRST = ''] = linesOf([record, transition()])
const NEXT = LINE.replace('"seq":1', '"seq":2')
const FOREIGN = '{"level":30,"time":1790000000000,"pid":1,"hostname":"h","msg":"hello"}'
const half = LINE.length >> 1

const kinds = (text: string): string[] => parseLine(text).map(({ kind }) => kind)
const changed = (fields: object): string => JSON.stringify({ ...(JSON.parse(LINE) as object), ...fields })

describe('a line is', () => {
  test.each<[what: string, text: string, kinds: string[]]>([
    ['nothing if it is empty', '', []],
    ['nothing if it is blank', ' \t\r', []],
    ['a record', LINE, ['record']],
    ['a record with white space around it', ` ${LINE} \r`, ['record']],
    ['a record after a byte order mark', `\ufeff${LINE}`, ['record']],
    ['a record after the name of a container', `gateway-1  | ${LINE}`, ['record']],
    ['a record after a coloured name', `\u001b[36mgateway-1  | \u001b[0m${LINE}`, ['record']],
    ['a record in colour', `\u001b[32m${LINE}\u001b[39m`, ['record']],
    ['a record whose parts are coloured', LINE.replaceAll(':', '\u001b[90m:\u001b[39m'), ['record']],
    ['a colour alone', '\u001b[0m', ['other']],
    ['a record after the NULs of a truncated file', `${'\0'.repeat(500)}${LINE}`, ['record']],
    ['a record after a date', `2026-01-31T12:00:00Z stdout F ${LINE}`, ['record']],
    ['another pino line', FOREIGN, ['other']],
    ['text', 'Server listening on port 80', ['other']],
    ['text with braces', 'listening on { port: 80 }!', ['other']],
    ['text with invalid UTF-8', '\ufffd\ufffd caf\ufffd', ['other']],
    ['binary', '\0\u0001\u001f\u008b', ['other']],
    ['a number', '12', ['other']],
    ['a huge number', '1e999999', ['other']],
    ['null', 'null', ['other']],
    ['a string', '"{}"', ['other']],
    ['an array', `[${LINE}]`, ['other']],
    ['an empty object', '{}', ['other']],
    ['a third-party lifecycle field', '{"lifecycle":"started"}', ['other']],
    ['a throughline line without required fields', '{"lifecycle":"note"}', ['damaged']],
    ['the first half', LINE.slice(0, half), ['damaged']],
    ['the second half', LINE.slice(half), ['damaged']],
    ['the first half of a foreign line', FOREIGN.slice(0, 40), ['damaged']],
    ['two lines in one', LINE + NEXT, ['record', 'record']],
    ['two lines and a foreign one', LINE + FOREIGN + NEXT, ['record', 'other', 'record']],
    ['half a line and a whole one', LINE.slice(0, half) + NEXT, ['damaged', 'record']],
    ['a line inside another one', LINE.slice(0, half) + NEXT + LINE.slice(half), ['damaged', 'damaged']],
    ['a brace', '{', ['damaged']],
    ['deeply nested and unclosed', '{"a":'.repeat(50_000), ['damaged']],
  ])('%s', (_, text, expected) => {
    expect(kinds(text)).toEqual(expected)
  })

  test.each(['time', 'trace_id', 'request_id', 'state', 'seq'])('damaged if %s has the wrong type', (field) => {
    for (const wrong of [null, {}, [], true, '']) expect(kinds(changed({ [field]: wrong }))).toEqual(['damaged'])
  })

  test('damaged if its time or seq is not a finite number', () => {
    expect(kinds(LINE.replace(/"time":\d+/, '"time":1e999'))).toEqual(['damaged'])
    expect(kinds(LINE.replace('"seq":1', '"seq":99999999999999999999'))).toEqual(['damaged'])
  })
})

describe('a record is parsed', () => {
  const read = (text: string): unknown =>
    parseLine(text).map((entry) => (entry.kind === 'record' ? entry.record : entry.kind))

  test('with the time and the level of other pino settings', () => {
    expect(read(changed({ time: new Date(record.time).toISOString(), level: 'info' }))).toEqual([record])
  })

  test('with the last value of a duplicate key', () => {
    expect(read(LINE.replace('{', '{"state":"Queued",'))).toEqual([record])
  })

  test('from its own keys only', () => {
    expect(read(LINE.replace('{', '{"__proto__":{"attempt":7,"outcome":"ok"},"constructor":1,'))).toEqual([record])
    expect(kinds('{"__proto__":{"lifecycle":"note","time":1,"trace_id":"a","request_id":"b","state":"c"}}')).toEqual([
      'other',
    ])
  })
})

describe('the readable fields of a damaged line are kept', () => {
  test('of the first half: time, service and transition', () => {
    expect(parseLine(LINE.slice(0, LINE.indexOf('"trace_id"') + 24))).toEqual([
      {
        kind: 'damaged',
        fragment: expect.objectContaining({
          time: record.time,
          service: 'gateway',
          event: 'AUTH_OK',
          from: 'Received',
          state: 'Authenticated',
        }) as unknown,
      },
    ])
  })

  test.each([0, 1, 5, 12])(
    'of the second half: request id, seq and transition, if %i characters of the field name are lost',
    (lost) => {
      const secondHalf = LINE.slice(LINE.indexOf('"request_id"') + lost)
      expect(parseLine(secondHalf)).toEqual([
        {
          kind: 'damaged',
          fragment: { isWholeTrace: false, requestSuffix: REQUEST, seq: 1, from: 'Received', state: 'Authenticated' },
        },
      ])
    },
  )

  test('but not of a note or of a first line, which change no state', () => {
    for (const line of [changed({ lifecycle: 'note' }), FIRST]) {
      const [entry] = parseLine(line.slice(0, line.indexOf(TRACE) + 20))
      expect(entry).toEqual({ kind: 'damaged' })
    }
  })
})

describe('any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom(
      LINE,
      FOREIGN,
      '{',
      '}',
      '"',
      '\0',
      '\u001b[31m',
      '{"level":',
      '"lifecycle":"transition"',
      '"trace_id":"',
    ),
  )
  const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''))

  test('is parsed without an exception', () => {
    fc.assert(
      fc.property(text, (line) => {
        parseLine(line)
      }),
      { numRuns: 2_000 },
    )
  })

  test('gives at least one entry, unless it is blank', () => {
    fc.assert(
      fc.property(text, (line) => parseLine(line).length > 0 === (line.trim() !== '')),
      { numRuns: 500 },
    )
  })

  test('does not hide a whole line that follows it', () => {
    fc.assert(
      fc.property(fc.nat(LINE.length), (at) => {
        expect(kinds(LINE.slice(0, at) + NEXT).at(-1)).toBe('record')
        expect(kinds(LINE.slice(0, at)).includes('record')).toBe(at === LINE.length)
      }),
    )
  })
})
