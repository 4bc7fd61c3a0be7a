import type { LineLevel } from '../record/line.ts'
import type { LifecycleRecord } from '../record/record.ts'
import { lineFields } from './line-fields.ts'

/** The numbers that pino gives to its levels. */
export const LEVEL_NUMBERS: Readonly<Record<LineLevel, number>> = { info: 30, warn: 40, error: 50 }

/** The line of a record with its line feed, byte for byte as pino writes it. */
export function jsonLine(record: LifecycleRecord): string {
  const fields = lineFields(record)
  return `${JSON.stringify({ ...fields, level: LEVEL_NUMBERS[fields.level] })}\n`
}
