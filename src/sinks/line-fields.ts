import { constantFields, levelOf, message, variableFields, type LineLevel } from '../record/line.ts'
import type { LifecycleRecord } from '../record/record.ts'

/** All that the line of a record says, in the order in which it is written. */
export type LineFields = { readonly level: LineLevel } & LifecycleRecord & { readonly msg: string }

/**
 * The line of a record as a plain object: for a sink that writes to another logger than pino.
 *
 * `level` is the name of the level, which is also the name of a method of most loggers, and `msg` the line in words.
 * The rest stands in the log as it is: an audit needs the fields at the top, and all of the lines.
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
  // The constant and the variable fields are together those of the record, each under its own name.
  return fields as unknown as LineFields
}
