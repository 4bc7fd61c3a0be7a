import { readFragment, type Fragment } from './fragment.ts'
import { readFields, type LogRecord } from './record.ts'

/** What one line of a log counts as. */
export type Entry =
  | { readonly is: 'record'; readonly record: LogRecord }
  | { readonly is: 'other' }
  | { readonly is: 'damaged'; readonly fragment: Fragment | undefined }

/** How an object begins that may be a log line: two processes may have written into each other's lines. */
const OPENINGS = ['level', 'time', 'lifecycle', 'service', 'severity', 'timestamp'].map((name) => `{"${name}":`)

/** The entries in a line: none in an empty one, usually one, several where lines have run into each other. */
export function readLine(line: string): Entry[] {
  const text = withoutColours(line).trim()
  if (text === '') return line.trim() === '' ? [] : [{ is: 'other' }]
  const start = text.indexOf('{')
  const json = parse(text) ?? (start === -1 ? undefined : parse(text.slice(start)))
  if (json !== undefined) return [classify(json)]
  const pieces = start === -1 ? [] : piecesOf(text.slice(start))
  if (pieces.length > 1) {
    return pieces.map((piece) => {
      const whole = parse(piece.trim())
      return whole === undefined ? damaged(piece) : classify(whole)
    })
  }
  return [start === 0 || looksTorn(text) ? damaged(text) : { is: 'other' }]
}

/** Cuts a text before every opening of a log line. */
function piecesOf(text: string): string[] {
  const cuts = OPENINGS.flatMap((opening) => placesOf(text, opening))
  const starts = [...new Set([0, ...cuts])].sort((a, b) => a - b)
  return starts.map((start, index) => text.slice(start, starts[index + 1]))
}

function placesOf(text: string, part: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) places.push(at)
  return places
}

function looksTorn(text: string): boolean {
  return text.endsWith('}') || ['lifecycle', 'trace_id', 'request_id'].some((name) => text.includes(`"${name}":`))
}

function withoutColours(line: string): string {
  const [first = '', ...rest] = line.split('\u001b[')
  return (
    first + rest.map((part) => (/^[0-9;]*m/.test(part) ? part.replace(/^[0-9;]*m/, '') : `\u001b[${part}`)).join('')
  )
}

interface Json {
  readonly text: string
  readonly value: unknown
}

function parse(text: string): Json | undefined {
  try {
    return { text, value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

function classify({ text, value }: Json): Entry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { is: 'other' }
  const fields = new Map<string, unknown>(Object.entries(value))
  const read = readFields(fields)
  if (read === 'other') return { is: 'other' }
  return read === 'damaged' ? damaged(text) : { is: 'record', record: read }
}

function damaged(text: string): Entry {
  return { is: 'damaged', fragment: readFragment(text) }
}
