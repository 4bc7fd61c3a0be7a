import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { readRecord } from '../../src/record/line.ts'
import { schemaErrors } from '../lifecycle-schema.ts'
import { trueLog } from '../log-arbitraries.ts'
import { linesOf } from '../log-lines.ts'
import { root } from '../sources.ts'

type Line = Readonly<Record<string, unknown>>

const text = (file: string): string => readFileSync(join(root, file), 'utf8')
// Lines that we have written or shown ourselves are objects.
const parsed = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line) as Line)
const golden = parsed(text('test/record/golden.ndjson').trim().split('\n'))
const shownIn = (file: string): Line[] =>
  parsed([...text(file).matchAll(/^```json\n(.*?)\n```$/gms)].flatMap(([, block = '']) => block.split('\n')))

const OURS = [
  ...[
    'level',
    'time',
    'service',
    'lifecycle',
    'event',
    'from',
    'state',
    'trace_id',
    'request_id',
    'seq',
    'dwell_ms',
    'parent_id',
    'method',
    'path',
  ],
  ...['rejected_id', 'rejected_length', 'implied', 'outcome', 'status', 'duration_ms', 'attempt', 'error', 'msg'],
]

describe('a line that is written is valid', () => {
  test.each(golden.map((line) => [line.msg, line]))('%s', (_, line) => {
    expect(schemaErrors(line)).toBeUndefined()
  })

  test.each([requestMachine, requestWithRetriesMachine])('whatever requests of the machine $id do', (machine) => {
    fc.assert(
      fc.property(trueLog(machine), ({ records }) => {
        for (const line of parsed(linesOf(records))) expect(schemaErrors(line), JSON.stringify(line)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  test.each(['docs/log-format.md', 'docs/wire-format.md'])('and so is every line that %s shows', (file) => {
    const shown = shownIn(file)
    expect(shown.length).toBeGreaterThan(3)
    for (const line of shown) expect(schemaErrors(line), JSON.stringify(line)).toBeUndefined()
  })

  test('whatever stands beside our fields, and with a time as ISO 8601', () => {
    for (const line of golden) {
      for (const time of [line.time, '2026-09-21T14:13:20.123Z', '2026-09-21T16:13:20+02:00'])
        expect(schemaErrors({ ...line, time, pid: 7, hostname: 'h1', extra: { a: [1] } })).toBeUndefined()
    }
  })
})

describe('a line that is not valid', () => {
  const anything = fc.oneof(
    fc.constant(undefined),
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string(),
    fc.constant([]),
    fc.constant({}),
  )

  test('is found wherever the reader finds damage, or somebody else’s', () => {
    fc.assert(
      fc.property(fc.constantFrom(...golden), fc.constantFrom(...OURS), anything, (line, key, value) => {
        const changed = JSON.parse(JSON.stringify({ ...line, [key]: value })) as Line
        if (typeof readRecord(changed) === 'string')
          expect(schemaErrors(changed), JSON.stringify(changed)).toBeDefined()
      }),
      { numRuns: 2_000 },
    )
  })

  test.each(OURS)('has a %s of another type', (key) => {
    for (const line of golden) expect(schemaErrors({ ...line, [key]: [] })).toBeDefined()
  })

  test.each(['lifecycle', 'time', 'service', 'trace_id', 'request_id', 'state'])('has no %s', (key) => {
    for (const line of golden) expect(schemaErrors({ ...line, [key]: undefined })).toBeDefined()
  })

  const [first = {}, step = {}, note = {}] = golden
  const last = golden.find(({ outcome }) => outcome === 'ok') ?? {}
  test.each<readonly [string, Line]>([
    ['is of no kind', { ...first, lifecycle: 'Transition' }],
    ['is a transition without seq', { ...step, seq: undefined }],
    ['is a step without from', { ...step, from: undefined }],
    ['is a step without event', { ...step, event: undefined }],
    ['begins with an event', { ...first, event: 'AUTH_OK' }],
    ['begins from a state', { ...first, from: 'Received' }],
    ['names its caller too late', { ...step, parent_id: 'b7ad6b7169203331' }],
    ['shows a query', { ...first, path: '/orders?token=hush' }],
    ['is a note with seq', { ...note, seq: 1 }],
    ['is a note of nothing', { ...note, event: undefined }],
    ['has a status without an outcome', { ...last, outcome: undefined }],
    ['ends in a way of its own', { ...last, outcome: 'fine' }],
    ['has a request of zeros', { ...step, request_id: '0'.repeat(16) }],
    ['has a request in upper case', { ...step, request_id: 'B7AD6B7169203331' }],
    ['has a trace with a blank', { ...step, trace_id: 'a b' }],
    ['counts attempts from 0', { ...step, attempt: 0 }],
    ['counts backwards', { ...step, seq: -1 }],
    ['has a time without an offset', { ...step, time: '2026-09-21T14:13:20' }],
    ['has a time that never was', { ...step, time: '2026-09-21T24:13:20Z' }],
    ['has an error that is text', { ...last, error: 'boom' }],
    ['has an error without a message', { ...last, error: { type: 'Error' } }],
  ])('%s', (_, line) => {
    expect(schemaErrors(line)).toBeDefined()
  })
})

test('docs/wire-format.md has the 128 bits that the library finds', () => {
  const vectors = [...text('docs/wire-format.md').matchAll(/^\| `([A-Za-z0-9._:-]+)` \| `([0-9a-f]{32})` \|/gm)]
  expect(vectors.length).toBeGreaterThan(4)
  for (const [, id = '', bits] of vectors) expect(w3cTraceId(id)).toBe(bits)
})
