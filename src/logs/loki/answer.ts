import { isObject } from '../is-object.ts'

/** A line as Loki returns it. */
export interface LokiLine {
  readonly text: string
  /** The labels of its stream, sorted by name: `{app="api",pod="x"}`. */
  readonly stream: string
  /** Nanoseconds since the epoch, which exceed the precision of a number. */
  readonly time: bigint
}

/**
 * Parses a query_range response.
 *
 * @returns the lines of all streams, sorted by time and stream; or a description of the response, if it is invalid
 */
export function readAnswer(body: string): LokiLine[] | string {
  const answer = parsed(body)
  if (answer === undefined) return /^\s*</.test(body) ? 'a web page' : 'incomplete or invalid JSON'
  const data = member(answer, 'data')
  const [type, result] = [member(data, 'resultType'), member(data, 'result')]
  if (typeof type === 'string' && type !== 'streams')
    return `a ${type.slice(0, 20)} instead of log lines: query lines, without rate() and similar functions`
  if (type !== 'streams' || !Array.isArray(result)) return 'JSON that is not a query_range response'
  const lines: LokiLine[] = []
  // Array.isArray turns unknown into any[]. Each member is checked, so it is unknown again.
  for (const one of result as readonly unknown[]) {
    const [labels, values] = [member(one, 'stream'), member(one, 'values')]
    if (!isObject(labels) || !Array.isArray(values)) return 'a stream without labels or values'
    const stream = labelSet(labels)
    for (const value of values as readonly unknown[]) {
      // A third element is structured metadata, which is not part of the line.
      const [time, text] = Array.isArray(value) ? (value as readonly unknown[]) : []
      if (typeof time !== 'string' || !/^\d{1,19}$/.test(time) || typeof text !== 'string')
        return 'a value that is not [nanoseconds, line]'
      lines.push({ text, stream, time: BigInt(time) })
    }
  }
  return lines.sort((a, b) => compare(a.time, b.time) || compare(a.stream, b.stream))
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // The caller describes the body instead.
    return undefined
  }
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined
}

function labelSet(labels: object): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => compare(a, b))
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
