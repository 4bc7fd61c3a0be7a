import { parseTimestamp } from '../../record/timestamp.ts'
import { firstOf } from './field.ts'
import { otlpRecords } from './otlp.ts'
import { DEFAULT_FIELD_NAMES, type FieldNames, type Role } from './field-names.ts'
import { readLevel, readMessage, readName, readRequestId, readTraceId } from './values.ts'
import { wideMessage } from './wide-event.ts'
import type { StoryLine } from '../report.ts'

/** A line that is no lifecycle record, and the trace that it belongs to. */
export interface ForeignLine {
  /** As logged, or the 128 bits within the logged value. */
  readonly traceId: string
  readonly line: StoryLine
}

/**
 * Reads a log line of the application or of another service, written by any logger that adds the trace id.
 *
 * Fields are found by the given names, then by the default ones: flat, dotted or nested. A line without a message gets
 * one built from its method, path and status, or from its event name.
 *
 * @param fields a parsed JSON object of any shape
 * @param names tried before the default names
 * @returns one line, several for OTLP, none if the trace id or the time is missing
 */
export function foreignLines(fields: object, names: FieldNames = NO_NAMES): readonly ForeignLine[] {
  const records = otlpRecords(fields) ?? [fields]
  return records.flatMap((record) => lineOf(record, names))
}

const NO_NAMES: FieldNames = Object.freeze({})

function lineOf(fields: object, names: FieldNames): ForeignLine[] {
  const find = <T>(role: Role, read: (value: unknown) => T | undefined): T | undefined =>
    firstOf(fields, names[role] ?? [], read) ?? firstOf(fields, DEFAULT_FIELD_NAMES[role], read)
  const traceId = find('trace_id', readTraceId)
  const time = traceId === undefined ? undefined : find('time', parseTimestamp)
  if (traceId === undefined || time === undefined) return []
  const line: StoryLine = {
    time,
    service: find('service', readName) ?? '',
    request_id: find('request_id', readRequestId) ?? null,
    level: find('level', readLevel) ?? null,
    msg: find('msg', readMessage) ?? wideMessage(fields),
  }
  return [{ traceId, line }]
}
