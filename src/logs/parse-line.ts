import { recoverPartialRecord, type PartialRecord } from '../record/partial-record.ts'
import { readRecord } from '../record/line.ts'
import type { LifecycleRecord } from '../record/record.ts'
import { isObject } from './is-object.ts'

/** What a line of a log contains. */
export type LogEntry =
  | { readonly kind: 'record'; readonly record: LifecycleRecord; readonly fields: object }
  /** Another logger's line, or plain text. `fields` is present for a JSON object. */
  | { readonly kind: 'other'; readonly fields?: object }
  /** A throughline line that was torn, truncated or overwritten. `fragment` has the fields that can still be read. */
  | { readonly kind: 'damaged'; readonly fragment?: PartialRecord }

/** Where a whole line may start inside a damaged one: two processes have mixed their output, or a line end was lost. */
const LINE_START = /(?=\{"(?:level|time|lifecycle|service|severity|timestamp)":)/

/** An escape sequence that colours text on a terminal. */
const COLOUR = /\u001b\[[0-9;]*m/g

/**
 * Parses one line of a log.
 *
 * A line that is not JSON is searched for whole lines in it. Prefixes that other tools write before a line, such as the
 * name of a container or a colour, are skipped.
 *
 * @param text without its line end
 * @returns no entry for an empty line, usually one, and several for a torn line
 */
export function parseLine(text: string): LogEntry[] {
  // JSON does not contain a raw escape character, so each one starts a colour sequence.
  const trimmed = (text.includes('\u001b') ? text.replace(COLOUR, '') : text).trim()
  if (trimmed === '') return text.trim() === '' ? [] : [{ kind: 'other' }]
  const whole = parseObject(trimmed)
  if (whole !== undefined) return [whole]
  const start = trimmed.indexOf('{')
  if (start === -1) return [looksTorn(trimmed) ? damaged(trimmed) : { kind: 'other' }]
  const prefixed = start === 0 ? undefined : parseObject(trimmed.slice(start))
  if (prefixed !== undefined) return [prefixed]
  const parts = trimmed.slice(start).split(LINE_START)
  if (parts.length === 1) return [trimmed.startsWith('{') || looksTorn(trimmed) ? damaged(trimmed) : { kind: 'other' }]
  return parts.map((part) => parseObject(part.trim()) ?? damaged(part))
}

function parseObject(text: string): LogEntry | undefined {
  if (!text.startsWith('{')) return isJson(text) ? { kind: 'other' } : undefined
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    // Invalid JSON is a result, not an error: the caller examines the line further.
    return undefined
  }
  if (!isObject(fields)) return { kind: 'other' }
  const record = readRecord(fields)
  if (record === 'other') return { kind: 'other', fields }
  return record === 'damaged' ? damaged(text) : { kind: 'record', record, fields }
}

/** Whether the text is a JSON value other than an object, such as a number, a string or an array. */
function isJson(text: string): boolean {
  if (!/^(?:\[.*\]|".*"|-?\d[\d.eE+-]*|true|false|null)$/s.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    // It looks like JSON but is not valid.
    return false
  }
}

/** Whether the text looks like the second half of a line of throughline or of another JSON logger. */
function looksTorn(text: string): boolean {
  return text.endsWith('}') || /"(?:lifecycle|trace_id|request_id)":/.test(text)
}

function damaged(text: string): LogEntry {
  const fragment = recoverPartialRecord(text)
  return fragment === undefined ? { kind: 'damaged' } : { kind: 'damaged', fragment }
}
