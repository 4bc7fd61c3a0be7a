import { expect, test } from 'vitest'
import { requestMachine } from '../../../machines/request.ts'
import { emptyPins, RequestTable } from '../../../src/audit/batch/request-table.ts'
import { compile } from '../../../src/machine/compile.ts'
import type { Field } from '../../../src/record/field-types.ts'
import { PADDING_BYTES } from '../../../src/logs/scan/file-blocks.ts'
import { LineScanner } from '../../../src/logs/scan/scan-lines.ts'
import { FIELDS, type LifecycleRecord } from '../../../src/record/record.ts'
import { LINE_SORTS, sampleLine, type LineSort } from '../../record/field-samples.ts'
import { SLOW_FIELDS } from '../../record/field-places.ts'

/** The records of a batch audit, of lines that are no complete request. */
function recordsOf(lines: readonly object[]): LifecycleRecord[] {
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const padded = Buffer.concat([bytes, Buffer.alloc(PADDING_BYTES)])
  const requests = new RequestTable(compile(requestMachine), { pinned: emptyPins(), rereadable: true })
  const block = new LineScanner().scan({ bytes: padded, start: 0, end: bytes.length }, false)
  requests.add({ ...block, file: '', index: 0, startTime: -Infinity })
  const histories = [...requests.remaining(() => 0)]
  return histories
    .flatMap(({ transitions, notes }) => [...transitions, ...notes])
    .sort((a, b) => a.line - b.line)
    .map(({ record }) => record)
}

const isAudited = (name: string): boolean =>
  Object.entries<Field>(FIELDS).some(([key, { audited }]) => key === name && audited)

/** Three requests with such a line each. The first takes the slow path. */
function linesLike(sort: LineSort, includes: (name: string) => boolean): Record<string, unknown>[] {
  // No reader but the slow one returns an error in the data.
  const data = { data: { error: 'late' } }
  return ['1', '2', '3'].map((digit) => ({
    ...sampleLine(sort, FIELDS, includes),
    ...(includes('data') ? data : {}),
    request_id: `b7ad6b716920333${digit}`,
  }))
}

test.each(LINE_SORTS.flatMap((sort) => [[sort, 'slow'] as const, [sort, 'fast'] as const]))(
  'the records of a batch audit have the audited fields of a %s line that takes the %s path',
  (sort, path) => {
    const lines = linesLike(sort, (name) => path === 'slow' || ![...SLOW_FIELDS, 'data'].includes(name))
    const expected = lines.map((line) => Object.fromEntries(Object.entries(line).filter(([name]) => isAudited(name))))
    expect(expected[0]).toHaveProperty('error')
    expect(recordsOf(lines)).toEqual(expected)
  },
)
