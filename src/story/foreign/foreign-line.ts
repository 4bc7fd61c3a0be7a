import { parseTimestamp } from '../../record/timestamp.ts'
import { firstOf } from './field.ts'
import { otlpRecords } from './otlp.ts'
import { USUAL_NAMES, type FieldNames, type Role } from './field-names.ts'
import { levelIn, messageIn, nameIn, requestIdIn, traceIdIn } from './values.ts'
import { wideMessage } from './wide-event.ts'
import type { StoryLine } from '../report.ts'

/** A line that is not ours, and the trace that it belongs to. */
export interface ForeignLine {
  /** As it was logged, or the 128 bits within what was logged. */
  readonly traceId: string
  readonly line: StoryLine
}

/**
 * Reads a line of the application's own or of another service, written by any logger that stamps the trace id.
 *
 * The fields are found by their usual names, flat, dotted or nested, and by those that are given. A line without a
 * message gets one made of its method, path and status, or of its event.
 *
 * @param fields a parsed JSON object, whatever it holds
 * @param names looked at before the usual ones
 * @returns mostly one line; none without a trace id or a time; many of a line of OTLP
 */
export function foreignLines(fields: object, names: FieldNames = NO_NAMES): readonly ForeignLine[] {
  const records = otlpRecords(fields) ?? [fields]
  return records.flatMap((record) => lineOf(record, names))
}

const NO_NAMES: FieldNames = Object.freeze({})

function lineOf(fields: object, names: FieldNames): ForeignLine[] {
  const found = <T>(role: Role, read: (value: unknown) => T | undefined): T | undefined =>
    firstOf(fields, names[role] ?? [], read) ?? firstOf(fields, USUAL_NAMES[role], read)
  const traceId = found('trace_id', traceIdIn)
  const time = traceId === undefined ? undefined : found('time', parseTimestamp)
  if (traceId === undefined || time === undefined) return []
  const line: StoryLine = {
    time,
    service: found('service', nameIn) ?? '',
    request_id: found('request_id', requestIdIn) ?? null,
    level: found('level', levelIn) ?? null,
    msg: found('msg', messageIn) ?? wideMessage(fields),
  }
  return [{ traceId, line }]
}
