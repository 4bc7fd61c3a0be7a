import { formatDuration } from '../../machine/duration.ts'
import { parseTimestamp } from '../../record/timestamp.ts'
import { fieldOf, isObject } from './field.ts'
import { readMessage, readName } from './values.ts'

/**
 * Splits a line of OTLP/JSON into its records, each in the flat form of other loggers: the log records of
 * `resourceLogs`, and the spans of `resourceSpans` as `span NAME 12ms` at their start time. The resource's attributes
 * are nested under `resource`.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
 * @returns undefined for a line in another format
 */
export function otlpRecords(fields: object): object[] | undefined {
  const logs = fieldOf(fields, 'resourceLogs')
  const spans = fieldOf(fields, 'resourceSpans')
  if (!Array.isArray(logs) && !Array.isArray(spans)) return undefined
  return [
    ...recordsIn(logs, 'scopeLogs', 'logRecords', logRecord),
    ...recordsIn(spans, 'scopeSpans', 'spans', spanRecord),
  ]
}

function recordsIn(resources: unknown, scopes: string, records: string, toFlat: (record: object) => object): object[] {
  return objectsIn(resources).flatMap((entry) => {
    // Shared by all records: a copy in each would cost records × attributes.
    const resource = attributesOf(fieldOf(entry, 'resource.attributes'))
    const found = objectsIn(fieldOf(entry, scopes)).flatMap((scope) => objectsIn(fieldOf(scope, records)))
    return found.map((record) => ({ ...toFlat(record), resource }))
  })
}

function logRecord(record: object): object {
  const body = fieldOf(record, 'body')
  const text = readMessage(scalarOf(body))
  const time = parseTimestamp(fieldOf(record, 'timeUnixNano')) ?? fieldOf(record, 'observedTimeUnixNano')
  const level = readName(fieldOf(record, 'severityText')) ?? fieldOf(record, 'severityNumber')
  const bodyFields =
    text === undefined ? attributesOf(isObject(body) ? fieldOf(body, 'kvlistValue.values') : undefined) : { msg: text }
  return { ...attributesOf(fieldOf(record, 'attributes')), ...bodyFields, ...idsOf(record), time, level }
}

function spanRecord(record: object): object {
  const start = parseTimestamp(fieldOf(record, 'startTimeUnixNano'))
  const end = parseTimestamp(fieldOf(record, 'endTimeUnixNano'))
  const duration = start === undefined || end === undefined ? undefined : formatDuration(end - start)
  const code = fieldOf(record, 'status.code')
  const failed = code === 2 || code === 'STATUS_CODE_ERROR' ? 'error' : undefined
  const summary = ['span', readMessage(fieldOf(record, 'name')), duration, failed]
    .filter((part) => part !== undefined)
    .join(' ')
  const reason = readMessage(fieldOf(record, 'status.message'))
  return {
    ...idsOf(record),
    time: start,
    msg: failed === undefined || reason === undefined ? summary : `${summary}: ${reason}`,
  }
}

/** The ids of a record. A missing one is left out, since the attributes may have it instead. */
function idsOf(record: object): object {
  const traceId = readName(fieldOf(record, 'traceId'))
  const spanId = readName(fieldOf(record, 'spanId'))
  return {
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    ...(spanId === undefined ? {} : { request_id: spanId }),
  }
}

function objectsIn(value: unknown): object[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : []
}

/** A list of `{ key, value }` as an object. */
function attributesOf(pairs: unknown): object {
  return Object.fromEntries(
    objectsIn(pairs).map((pair) => [readName(fieldOf(pair, 'key')) ?? '', scalarOf(fieldOf(pair, 'value'))]),
  )
}

/** The scalar in an OTLP `AnyValue`. Lists and objects are dropped: no field of a story is one. */
function scalarOf(value: unknown): unknown {
  if (!isObject(value)) return undefined
  return (
    fieldOf(value, 'stringValue') ??
    fieldOf(value, 'intValue') ??
    fieldOf(value, 'doubleValue') ??
    fieldOf(value, 'boolValue')
  )
}
