import { formatDuration } from '../../machine/duration.ts'
import { parseTimestamp } from '../../record/timestamp.ts'
import { fieldOf, isObject } from './field.ts'
import { messageIn, nameIn } from './values.ts'

/**
 * The records of one line of OTLP's JSON, which holds many, each as another logger would have written it: log records
 * of `resourceLogs`, and spans of `resourceSpans` as `span NAME 12ms` at the time of their beginning. What the resource
 * has stands under `resource`.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
 * @returns undefined for a line of another kind
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

function recordsIn(resources: unknown, scopes: string, records: string, read: (record: object) => object): object[] {
  return objectsIn(resources).flatMap((from) => {
    // One object for all records: to copy it into each would cost as much as their product.
    const resource = valuesOf(fieldOf(from, 'resource.attributes'))
    const found = objectsIn(fieldOf(from, scopes)).flatMap((scope) => objectsIn(fieldOf(scope, records)))
    return found.map((record) => ({ ...read(record), resource }))
  })
}

function logRecord(record: object): object {
  const body = fieldOf(record, 'body')
  const text = messageIn(scalar(body))
  const time = parseTimestamp(fieldOf(record, 'timeUnixNano')) ?? fieldOf(record, 'observedTimeUnixNano')
  const level = nameIn(fieldOf(record, 'severityText')) ?? fieldOf(record, 'severityNumber')
  const said =
    text === undefined ? valuesOf(isObject(body) ? fieldOf(body, 'kvlistValue.values') : undefined) : { msg: text }
  return { ...valuesOf(fieldOf(record, 'attributes')), ...said, ...identity(record), time, level }
}

function spanRecord(record: object): object {
  const start = parseTimestamp(fieldOf(record, 'startTimeUnixNano'))
  const end = parseTimestamp(fieldOf(record, 'endTimeUnixNano'))
  const took = start === undefined || end === undefined ? undefined : formatDuration(end - start)
  const code = fieldOf(record, 'status.code')
  const failed = code === 2 || code === 'STATUS_CODE_ERROR' ? 'error' : undefined
  const what = ['span', messageIn(fieldOf(record, 'name')), took, failed].filter((part) => part !== undefined).join(' ')
  const reason = messageIn(fieldOf(record, 'status.message'))
  return {
    ...identity(record),
    time: start,
    msg: failed === undefined || reason === undefined ? what : `${what}: ${reason}`,
  }
}

/** Where a record itself names no trace, as the protocol allows, its attributes may. */
function identity(record: object): object {
  const traceId = nameIn(fieldOf(record, 'traceId'))
  const spanId = nameIn(fieldOf(record, 'spanId'))
  return {
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    ...(spanId === undefined ? {} : { request_id: spanId }),
  }
}

function objectsIn(value: unknown): object[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : []
}

/** A list of `{ key, value }` as an object. */
function valuesOf(pairs: unknown): object {
  return Object.fromEntries(
    objectsIn(pairs).map((pair) => [nameIn(fieldOf(pair, 'key')) ?? '', scalar(fieldOf(pair, 'value'))]),
  )
}

/** A value without the name of its type. Lists and objects are left out: nobody looks into them. */
function scalar(value: unknown): unknown {
  if (!isObject(value)) return undefined
  return (
    fieldOf(value, 'stringValue') ??
    fieldOf(value, 'intValue') ??
    fieldOf(value, 'doubleValue') ??
    fieldOf(value, 'boolValue')
  )
}
