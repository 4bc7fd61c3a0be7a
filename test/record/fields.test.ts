import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { renderWriters, WRITERS_FILE } from '../../.ci/render-writers.ts'
import type { Field, FieldKind, FieldLines } from '../../src/record/field-types.ts'
import { FIELD_NAMES, FIELDS } from '../../src/record/record.ts'
import { lineFields } from '../../src/sinks/line-fields.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import { linesOf } from '../log-lines.ts'
import { filesIn, root } from '../sources.ts'
import {
  complaints,
  isScanned,
  logFormatRows,
  PLACES,
  SLOW_FIELDS,
  takesFastPath,
  wireFormatFields,
} from './field-places.ts'
import { LINE_SORTS, sampleRecord } from './field-samples.ts'

const rows = Object.entries<Field>(FIELDS)

test.each(PLACES)('$name has every field', (place) => {
  expect(complaints(place, FIELDS)).toEqual([])
})

test('no other source lists the fields', () => {
  // A field that is only written and read: nothing else needs its name.
  const files = filesIn('src').filter((file) => readFileSync(join(root, file), 'utf8').includes('rejected_length'))
  expect(files).toEqual([
    'src/record/record.ts',
    // Generated.
    'src/record/write-fields.ts',
    'src/tracking/build-records.ts',
  ])
})

test.each(LINE_SORTS)('the fields of a %s line are written in the order of the table', (sort) => {
  const keys = Object.keys(lineFields(sampleRecord(sort)))
  expect(keys).toEqual(FIELD_NAMES.filter((name) => keys.includes(name)))
})

test('the writers are those that `npm run generate` derives from the table', async () => {
  const source = readFileSync(join(root, WRITERS_FILE), 'utf8')
  expect(source, `${WRITERS_FILE} is not in step with FIELDS: run \`npm run generate\``).toBe(
    await renderWriters(FIELDS),
  )
})

describe('the scanner', () => {
  const templates = new LineTemplates('alpha')
  const optional = rows.flatMap(([name, { presence }]) =>
    presence === 'optional' && !SLOW_FIELDS.includes(name) ? [name] : [],
  )
  /** As the default sink writes it. */
  const written = (...args: Parameters<typeof sampleRecord>): string => {
    const record = sampleRecord(...args)
    return templates.render(record)?.trimEnd() ?? linesOf([record])[0] ?? ''
  }

  test.each(LINE_SORTS)('reads a %s line by the fast path, whichever optional fields it has', (sort) => {
    const known = written(sort, FIELDS, () => false)
    expect(
      takesFastPath(
        written(sort, FIELDS, (name) => optional.includes(name)),
        known,
      ),
    ).toBe(true)
    fc.assert(
      fc.property(fc.subarray(optional), (names) => {
        expect(
          takesFastPath(
            written(sort, FIELDS, (name) => names.includes(name)),
            known,
          ),
        ).toBe(true)
      }),
    )
  })

  test.each(rows)('gives an audit the value of %s only if the table says so', (name, field) => {
    expect(isScanned(name, field, FIELDS)).toBe(field.audited)
  })
})

describe('docs/log-format.md', () => {
  const LINES: Readonly<Record<FieldLines, RegExp>> = {
    all: /^(all|any)$/,
    resumed: /^all lines of a resumed request$/,
    'not-first': /^all but `seq` 0$/,
    transition: /^transition$/,
    first: /^`seq` 0(,|$)/,
    step: /^transition, but not `seq` 0$/,
    final: /^transition to a final state$/,
  }
  const TYPES: Readonly<Record<FieldKind, string>> = {
    level: 'number',
    time: 'number',
    lifecycle: 'string',
    string: 'string',
    'trace-id': 'string',
    'request-id': 'string',
    integer: 'number',
    number: 'number',
    milliseconds: 'number',
    true: '`true`',
    outcome: 'string',
    error: 'object',
    data: 'any JSON',
    message: 'string',
  }

  test.each(rows)('describes %s as the table does', (name, { kind, on, maxBytes }) => {
    const [, lines = '', type, meaning = ''] = logFormatRows().find(([cell]) => cell === `\`${name}\``) ?? []
    expect(lines).toMatch(LINES[on])
    expect(type).toBe(TYPES[kind])
    if (maxBytes !== undefined && kind !== 'request-id') expect(meaning).toContain(maxBytes.toLocaleString('en-US'))
  })
})

test.each([
  ['Required fields', ['essential', 'required']],
  ['Optional fields', ['optional']],
])('docs/wire-format.md, "%s" has the %j fields', (heading, presences) => {
  const names = rows.filter(([, { presence }]) => presences.includes(presence)).map(([name]) => name)
  expect(wireFormatFields(heading).sort()).toEqual(names.sort())
})
