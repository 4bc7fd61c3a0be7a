import { constantFields, levelOf, message, type LineLevel } from '../record/line.ts'
import type { LifecycleRecord } from '../record/record.ts'
import { variableFields } from '../record/write-fields.ts'

/** All fields of a line, in the order in which they are written. */
export type LineFields = { readonly level: LineLevel } & LifecycleRecord & { readonly msg: string }

/**
 * The line of a record as a plain object, for a sink that writes to a logger other than pino.
 *
 * `level` is the name of a level, which is also the name of a method of most loggers; `msg` is the message. Write the
 * other fields at the top level and unchanged, on every line: the audit reads them there.
 *
 * @example
 * const write = (record) => {
 *   const { level, msg, ...fields } = lineFields(record)
 *   logger.log({ ...fields, level, message: msg })
 * }
 */
export function lineFields(record: LifecycleRecord): LineFields {
  const { lifecycle, time, service } = record
  const level = levelOf(lifecycle, lifecycle === 'transition' ? record.outcome : undefined)
  const fields = { level, time, service, ...constantFields(record), ...variableFields(record), msg: message(record) }
  // The constant and the variable fields together are those of the record, under the same names.
  return fields as unknown as LineFields
}
