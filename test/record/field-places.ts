import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { BatchWriter } from '../../src/logs/scan/batch-writer.ts'
import { FastParser } from '../../src/logs/scan/fast-parser.ts'
import { PADDING_BYTES } from '../../src/logs/scan/file-blocks.ts'
import { LineScanner } from '../../src/logs/scan/scan-lines.ts'
import type { Field, Fields } from '../../src/record/field-types.ts'
import { readRecord } from '../../src/record/line.ts'
import { ROW } from '../../src/record/record-batch.ts'
import { lineFields } from '../../src/sinks/line-fields.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import { keysOf } from '../lines.ts'
import { root } from '../sources.ts'
import { LINE_SORTS, namesOn, sampleLine, sampleRecord, sortsWith, VALUES, type LineSort } from './field-samples.ts'

/** A place that has to know the fields of a line. */
export interface Place {
  /** The file, and the function if it is one. */
  readonly name: string
  /** What to do if it lacks a field. */
  readonly fix: string
  /** The names of the fields that it lacks. */
  missingIn(fields: Fields): readonly string[]
}

/** One message for each field that a place lacks. */
export function complaints(place: Place, fields: Fields): string[] {
  return place.missingIn(fields).map((field) => `${place.name} lacks ${field}: ${place.fix}`)
}

export const PLACES: readonly Place[] = [
  {
    name: 'src/record/write-fields.ts, variableFields()',
    fix: 'run `npm run generate`',
    missingIn: (fields) => missingOnLines(fields, (sort) => ({ ...lineFields(sampleRecord(sort, fields)) })),
  },
  {
    name: 'src/record/line.ts, readRecord()',
    fix: 'it reads the fields of FIELDS: add a row',
    missingIn: (fields) =>
      missingOnLines(withoutLineOnly(fields), (sort) => {
        const line = sampleLine(sort, fields)
        const record: unknown = readRecord(line)
        return Object.fromEntries(
          namesOn(sort, fields)
            .filter((name) => isDeepStrictEqual(valueAt(record, name), line[name]))
            .map((name) => [name, true]),
        )
      }),
  },
  {
    name: 'src/record/write-fields.ts, appendFields()',
    fix: 'run `npm run generate`',
    missingIn: missingInTemplates,
  },
  {
    name: 'src/logs/scan/fast-parser.ts',
    fix: 'an audit needs its value: read it there, or add it to SLOW_FIELDS in test/record/field-places.ts',
    missingIn: missingInFastParser,
  },
  {
    name: 'src/record/record-extras.ts',
    fix: 'an audit depends on it: it is an extra unless a row has it',
    missingIn: (fields) =>
      Object.entries(fields).flatMap(([name, field]) =>
        field.audited && !isScanned(name, field, fields) ? [name] : [],
      ),
  },
  {
    name: 'docs/schema/lifecycle-line.schema.json',
    fix: 'describe it on the lines that have it, and refuse it on the others',
    missingIn: (fields) =>
      lacking(fields, schemaProperties(JSON.parse(text('docs/schema/lifecycle-line.schema.json')))),
  },
  {
    name: 'docs/log-format.md, "Fields"',
    fix: 'add a row',
    missingIn: (fields) =>
      lacking(
        fields,
        rowsOf(section('docs/log-format.md', '## Fields')).flatMap(([cell]) => codesIn(cell)),
      ),
  },
  {
    name: 'docs/wire-format.md, "Required fields" and "Optional fields"',
    fix: 'add a row to one of them',
    missingIn: (fields) =>
      lacking(fields, [...wireFormatFields('Required fields'), ...wireFormatFields('Optional fields')]),
  },
  {
    name: 'examples/other-languages/go/lifecycle.go',
    fix: 'add it to the type line, or to NOT_IN_EXAMPLES in test/record/field-places.ts',
    missingIn: (fields) => lacking(fields, [...fieldsInGo(), ...NOT_IN_EXAMPLES]),
  },
  {
    name: 'examples/other-languages/python',
    fix: 'write it in lifecycle.py or service.py, or add it to NOT_IN_EXAMPLES in test/record/field-places.ts',
    missingIn: (fields) => lacking(fields, [...fieldsInPython(Object.keys(fields)), ...NOT_IN_EXAMPLES]),
  },
  {
    name: 'test/record/golden.ndjson',
    fix: 'write it in src/tracking/build-records.ts, and have a request of golden.test.ts with it',
    missingIn: (fields) => lacking(fields, text('test/record/golden.ndjson').split('\n').flatMap(keysOf)),
  },
]

/** The services in Go and Python report every step, receive no messages and add no data. */
export const NOT_IN_EXAMPLES: readonly string[] = ['implied', 'attempt', 'due', 'data']

/** The fields that a table of docs/wire-format.md has. */
export function wireFormatFields(heading: string): string[] {
  return rowsOf(section('docs/wire-format.md', `### ${heading}`)).flatMap(([cell]) => codesIn(cell))
}

/** Lines with such a field take the slow path: no fast reader returns its value. */
export const SLOW_FIELDS: readonly string[] = ['due']

/** The cells of each row of the field table in docs/log-format.md. */
export function logFormatRows(): string[][] {
  return rowsOf(section('docs/log-format.md', '## Fields')).filter(([cell]) => codesIn(cell).length > 0)
}

/** Whether the scanner reads the line without parsing it, once it knows that kind of line. */
export function takesFastPath(line: string, known: string): boolean {
  const writer = new BatchWriter()
  writer.reset(1)
  const parser = new FastParser(writer)
  parser.learn(Buffer.from(known))
  const bytes = padded(`${line}\n`)
  parser.startBlock(bytes, bytes.length - PADDING_BYTES)
  return parser.read(0, 0) > 0
}

/** Whether the value of a field makes a difference to what an audit gets from the scanner. */
export function isScanned(name: string, field: Field, fields: Fields): boolean {
  const sort = name === 'lifecycle' ? 'note' : sortsWith(field).includes('final') ? 'final' : sortsWith(field)[0]
  if (sort === undefined) throw new Error(`no line can have ${name}`)
  const [first, second] = VALUES[field.kind].map((value) => scanned({ ...sampleLine(sort, fields), [name]: value }))
  return !isDeepStrictEqual(first, second)
}

/** The row, kinds and extras of a line that has occurred before: it takes the fast path, if it can. */
function scanned(line: Readonly<Record<string, unknown>>): unknown {
  const bytes = padded(`${JSON.stringify(line)}\n`.repeat(2))
  const { batch, kinds, extras } = new LineScanner().scan({ bytes, start: 0, end: bytes.length - PADDING_BYTES }, false)
  return {
    row: batch.words.slice(ROW.words, 2 * ROW.words),
    kinds,
    extras: extras.filter(({ at }) => at === 1),
  }
}

function padded(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(PADDING_BYTES)])
}

function missingOnLines(fields: Fields, keysFor: (sort: LineSort) => object): string[] {
  return unique(
    LINE_SORTS.flatMap((sort) => {
      const keys = keysFor(sort)
      return namesOn(sort, fields).filter((name) => !(name in keys))
    }),
  )
}

function missingInTemplates(fields: Fields): string[] {
  const templates = new LineTemplates('alpha')
  return unique(
    (['first', 'step', 'final'] as const).flatMap((sort) =>
      namesOn(sort, fields).filter((name) => {
        const line = templates.render(sampleRecord(sort, fields, (other) => other === name))
        return line !== undefined && !keysOf(line).includes(name)
      }),
    ),
  )
}

function missingInFastParser(fields: Fields): string[] {
  return unique(
    LINE_SORTS.flatMap((sort) => {
      const known = JSON.stringify(sampleLine(sort, fields, () => false))
      return namesOn(sort, fields).filter(
        (name) =>
          !SLOW_FIELDS.includes(name) &&
          !takesFastPath(JSON.stringify(sampleLine(sort, fields, (other) => other === name)), known),
      )
    }),
  )
}

function withoutLineOnly(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, { kind }]) => kind !== 'level' && kind !== 'message'))
}

function lacking(fields: Fields, known: readonly string[]): string[] {
  return Object.keys(fields).filter((name) => !known.includes(name))
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)]
}

function valueAt(record: unknown, name: string): unknown {
  return typeof record === 'object' && record !== null ? Reflect.get(record, name) : undefined
}

function text(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The part of a page from a heading to the next heading. */
function section(file: string, heading: string): string {
  const [, after = ''] = text(file).split(`\n${heading}\n`)
  return after.split(/^#/m)[0] ?? ''
}

/** The cells of each row of the tables in a text. */
function rowsOf(markdown: string): string[][] {
  return [...markdown.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
}

function codesIn(cell = ''): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map(([, code = '']) => code)
}

/** The names of the properties at any depth of a schema. */
function schemaProperties(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) => [
    ...(key === 'properties' && typeof value === 'object' && value !== null ? Object.keys(value) : []),
    ...schemaProperties(value),
  ])
}

function fieldsInGo(): string[] {
  const [, struct = ''] =
    /^type line struct \{\n(.*?)^\}/ms.exec(text('examples/other-languages/go/lifecycle.go')) ?? []
  return [...struct.matchAll(/`json:"(\w+)/g)].map(([, name = '']) => name)
}

function fieldsInPython(names: readonly string[]): string[] {
  const source =
    text('examples/other-languages/python/lifecycle.py') + text('examples/other-languages/python/service.py')
  return names.filter((name) => source.includes(`"${name}":`) || source.includes(`${name}=`))
}
