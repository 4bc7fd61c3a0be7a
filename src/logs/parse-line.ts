import { recoverPartialRecord, type PartialRecord } from '../record/partial-record.ts'
import { readRecord } from '../record/line.ts'
import type { LifecycleRecord } from '../record/record.ts'

/** What one line of a log turned out to hold. */
export type LogEntry =
  | { readonly kind: 'record'; readonly record: LifecycleRecord; readonly fields: object }
  /** Not ours: another logger's line, or plain text. `fields` where it is a JSON object. */
  | { readonly kind: 'other'; readonly fields?: object }
  | { readonly kind: 'damaged'; readonly fragment?: PartialRecord }

/** Where a whole line may begin inside a damaged one: two processes tore each other's, or the line end was lost. */
const BEGINNING = /(?=\{"(?:level|time|lifecycle|service|severity|timestamp)":)/

const COLOUR = /\u001b\[[0-9;]*m/g

/**
 * Reads one line of a log, whatever it holds.
 *
 * A line that is not JSON is searched for whole lines in it, so that a tear costs only what it tore. Prefixes
 * that other tools set before a line (a container's name, a colour) are passed over.
 *
 * @param text without its line end
 * @returns nothing for an empty line, mostly one entry, several for what was torn
 */
export function parseLine(text: string): LogEntry[] {
  // JSON holds no escape character as it is: whatever begins with one is colour, before, in or after a line.
  const trimmed = (text.includes('\u001b') ? text.replace(COLOUR, '') : text).trim()
  if (trimmed === '') return text.trim() === '' ? [] : [{ kind: 'other' }]
  const whole = parseObject(trimmed)
  if (whole !== undefined) return [whole]
  const start = trimmed.indexOf('{')
  if (start === -1) return [looksTorn(trimmed) ? damaged(trimmed) : { kind: 'other' }]
  const prefixed = start === 0 ? undefined : parseObject(trimmed.slice(start))
  if (prefixed !== undefined) return [prefixed]
  const parts = trimmed.slice(start).split(BEGINNING)
  if (parts.length === 1) return [trimmed.startsWith('{') || looksTorn(trimmed) ? damaged(trimmed) : { kind: 'other' }]
  return parts.map((part) => parseObject(part.trim()) ?? damaged(part))
}

function parseObject(text: string): LogEntry | undefined {
  if (!text.startsWith('{')) return isJson(text) ? { kind: 'other' } : undefined
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    // That it is no JSON is an answer, not a fault: the caller looks closer.
    return undefined
  }
  if (typeof fields !== 'object' || fields === null) return { kind: 'other' }
  const record = readRecord(fields)
  if (record === 'other') return { kind: 'other', fields }
  return record === 'damaged' ? damaged(text) : { kind: 'record', record, fields }
}

/** Numbers, strings, arrays and the like: somebody's line, but no object. */
function isJson(text: string): boolean {
  if (!/^(?:\[.*\]|".*"|-?\d[\d.eE+-]*|true|false|null)$/s.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    // As above.
    return false
  }
}

/** The latter half of a line of ours or of another JSON logger's. */
function looksTorn(text: string): boolean {
  return text.endsWith('}') || /"(?:lifecycle|trace_id|request_id)":/.test(text)
}

function damaged(text: string): LogEntry {
  const fragment = recoverPartialRecord(text)
  return fragment === undefined ? { kind: 'damaged' } : { kind: 'damaged', fragment }
}
