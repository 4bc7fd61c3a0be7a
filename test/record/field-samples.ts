import type { Field, FieldKind, FieldLines, Fields } from '../../src/record/field-types.ts'
import { FIELDS, type LifecycleRecord } from '../../src/record/record.ts'

/** The lines that differ in which fields they can have. */
export const LINE_SORTS = ['first', 'step', 'final', 'note', 'rejected', 'stuck'] as const
export type LineSort = (typeof LINE_SORTS)[number]

const SORTS: Readonly<Record<FieldLines, readonly LineSort[]>> = {
  all: LINE_SORTS,
  resumed: ['step', 'final', 'note', 'rejected', 'stuck'],
  'not-first': ['step', 'final', 'note', 'rejected', 'stuck'],
  transition: ['first', 'step', 'final'],
  first: ['first'],
  step: ['step', 'final'],
  final: ['final'],
}

/** The lines that can have a field. */
export function sortsWith({ on }: Field): readonly LineSort[] {
  return SORTS[on]
}

/** Two values of each kind. All but the second `data` are in the form that the fast parser of the scanner reads. */
export const VALUES: Readonly<Record<FieldKind, readonly [unknown, unknown]>> = {
  level: [30, 40],
  time: [1_790_000_000_123, 1_790_000_000_124],
  lifecycle: ['note', 'rejected'],
  string: ['alpha', 'beta'],
  'trace-id': ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', 'abc-123'],
  'request-id': ['b7ad6b7169203331', 'b7ad6b7169203332'],
  integer: [2, 3],
  number: [200, 201],
  milliseconds: [1.5, 2.5],
  true: [true, undefined],
  outcome: ['ok', 'aborted'],
  error: [
    { type: 'Error', message: 'boom' },
    { type: 'Error', message: 'bang' },
  ],
  data: [{ shelf: 3 }, { error: { type: 'Error', message: 'late' } }],
  message: ['alpha in beta', 'beta in alpha'],
}

/** Names of the fields that a line of this sort can have, in the order of the table. */
export function namesOn(sort: LineSort, fields: Fields = FIELDS): string[] {
  return Object.keys(fields).filter((name) => fields[name] !== undefined && sortsWith(fields[name]).includes(sort))
}

/**
 * A line, in the order of the table: with the fields that it must have, and the optional ones that are chosen.
 *
 * @param includes chooses among the optional fields; by default all are included
 */
export function sampleLine(
  sort: LineSort,
  fields: Fields = FIELDS,
  includes: (name: string) => boolean = () => true,
): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  for (const name of namesOn(sort, fields)) {
    const field = fields[name]
    if (field === undefined || (field.presence === 'optional' && !isOnEveryLine(field) && !includes(name))) continue
    line[name] = VALUES[field.kind][0]
  }
  line.lifecycle = sort === 'note' || sort === 'rejected' || sort === 'stuck' ? sort : 'transition'
  if (sort === 'first') line.seq = 0
  return line
}

/** Our own writer adds these to every line. */
function isOnEveryLine({ kind }: Field): boolean {
  return kind === 'level' || kind === 'message'
}

/** The record of such a line. */
export function sampleRecord(...args: Parameters<typeof sampleLine>): LifecycleRecord {
  const { level: _level, msg: _msg, ...record } = sampleLine(...args)
  // The samples are of the kinds in FIELDS, whose type matches that of a record.
  return record as unknown as LifecycleRecord
}
