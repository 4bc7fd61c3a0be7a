import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import type { Field } from '../../src/record/field-types.ts'
import { FIELD_NAMES, FIELDS } from '../../src/record/record.ts'
import { readRecord } from '../../src/record/line.ts'
import { schemaErrors } from '../lifecycle-schema.ts'
import { trueLog } from '../log-arbitraries.ts'
import { linesOf } from '../log-lines.ts'
import { root } from '../sources.ts'
import { LINE_SORTS, sampleLine, sortsWith, VALUES } from './field-samples.ts'
import { propertyRuns } from '../property-runs.ts'

type Line = Readonly<Record<string, unknown>>

const rows = Object.entries<Field>(FIELDS)

const text = (file: string): string => readFileSync(join(root, file), 'utf8')
// The lines that we write and show are objects.
const parsed = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line) as Line)
const golden = parsed(text('test/record/golden.ndjson').trim().split('\n'))
const shownIn = (file: string): Line[] =>
  parsed([...text(file).matchAll(/^```json\n(.*?)\n```$/gms)].flatMap(([, block = '']) => block.split('\n')))

describe('the schema accepts', () => {
  test.each(LINE_SORTS)('a %s line with every field that it can have', (sort) => {
    expect(schemaErrors(sampleLine(sort))).toBeUndefined()
  })

  test.each(golden.map((line) => [line.msg, line]))('the golden line %s', (_, line) => {
    expect(schemaErrors(line)).toBeUndefined()
  })

  test.each([requestMachine, requestWithRetriesMachine])('the lines of any request of the machine $id', (machine) => {
    fc.assert(
      fc.property(trueLog(machine), ({ records }) => {
        for (const line of parsed(linesOf(records))) expect(schemaErrors(line), JSON.stringify(line)).toBeUndefined()
      }),
      { numRuns: propertyRuns(50) },
    )
  })

  test.each(['docs/log-format.md', 'docs/wire-format.md'])('the lines that %s shows', (file) => {
    const shown = shownIn(file)
    expect(shown.length).toBeGreaterThan(3)
    for (const line of shown) expect(schemaErrors(line), JSON.stringify(line)).toBeUndefined()
  })

  test('additional fields, and a time in ISO 8601', () => {
    for (const line of golden) {
      for (const time of [line.time, '2026-09-21T14:13:20.123Z', '2026-09-21T16:13:20+02:00'])
        expect(schemaErrors({ ...line, time, pid: 7, hostname: 'h1', extra: { a: [1] } })).toBeUndefined()
    }
  })
})

describe('the schema refuses', () => {
  const anything = fc.oneof(
    fc.constant(undefined),
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string(),
    fc.constant([]),
    fc.constant({}),
  )

  test('every line that the reader finds damaged or does not recognize', () => {
    fc.assert(
      fc.property(fc.constantFrom(...golden), fc.constantFrom(...FIELD_NAMES), anything, (line, key, value) => {
        const changed = JSON.parse(JSON.stringify({ ...line, [key]: value })) as Line
        if (typeof readRecord(changed) === 'string')
          expect(schemaErrors(changed), JSON.stringify(changed)).toBeDefined()
      }),
      { numRuns: propertyRuns(2_000) },
    )
  })

  test.each(rows)('a %s of another type, or one that is too long', (name, field) => {
    for (const sort of sortsWith(field)) {
      if (field.kind !== 'data') expect(schemaErrors({ ...sampleLine(sort), [name]: [] })).toBeDefined()
      if (field.kind === 'string' && field.maxBytes !== undefined)
        expect(schemaErrors({ ...sampleLine(sort), [name]: 'x'.repeat(field.maxBytes + 1) })).toBeDefined()
    }
  })

  test.each(rows)('a %s on a line that cannot have it', (name, field) => {
    // Only the machine knows which step is the final one, and only the sender whether a request is resumed.
    const refusing = LINE_SORTS.filter((sort) => field.on !== 'resumed' && !(field.on === 'final' && sort === 'step'))
    for (const sort of refusing.filter((sort) => !sortsWith(field).includes(sort)))
      expect(schemaErrors({ ...sampleLine(sort), [name]: VALUES[field.kind][0] }), sort).toBeDefined()
  })

  test.each(rows.filter(([, { presence, on }]) => presence !== 'optional' && on !== 'final'))(
    'a line without %s that must have it',
    (name, field) => {
      for (const sort of sortsWith(field))
        expect(schemaErrors({ ...sampleLine(sort), [name]: undefined }), sort).toBeDefined()
    },
  )

  const [first = {}, step = {}] = golden
  const last = golden.find(({ outcome }) => outcome === 'ok') ?? {}
  test.each<readonly [string, Line]>([
    ['an unknown kind', { ...first, lifecycle: 'Transition' }],
    ['a path with a query', { ...first, path: '/orders?token=hush' }],
    ['a status without an outcome', { ...last, outcome: undefined }],
    ['an unknown outcome', { ...last, outcome: 'fine' }],
    ['a request id of zeros', { ...step, request_id: '0'.repeat(16) }],
    ['a request id in upper case', { ...step, request_id: 'B7AD6B7169203331' }],
    ['a trace id with a space', { ...step, trace_id: 'a b' }],
    ['attempt 0', { ...step, attempt: 0 }],
    ['a negative seq', { ...step, seq: -1 }],
    ['a time without an offset', { ...step, time: '2026-09-21T14:13:20' }],
    ['a time that does not exist', { ...step, time: '2026-09-21T24:13:20Z' }],
    ['an error that is a string', { ...last, error: 'boom' }],
    ['an error without a message', { ...last, error: { type: 'Error' } }],
  ])('%s', (_, line) => {
    expect(schemaErrors(line)).toBeDefined()
  })
})

test('docs/wire-format.md lists the 128 bits that the library computes', () => {
  const vectors = [...text('docs/wire-format.md').matchAll(/^\| `([A-Za-z0-9._:-]+)` \| `([0-9a-f]{32})` \|/gm)]
  expect(vectors.length).toBeGreaterThan(4)
  for (const [, id = '', bits] of vectors) expect(w3cTraceId(id)).toBe(bits)
})
