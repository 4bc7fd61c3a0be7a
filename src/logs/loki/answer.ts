/** One line as Loki holds it. */
export interface LokiLine {
  readonly text: string
  /** The labels of its stream, in order of name: `{app="api",pod="x"}`. */
  readonly stream: string
  /** Nanoseconds since the epoch: more than a number can hold. */
  readonly time: bigint
}

/**
 * Reads an answer of query_range: the lines of all its streams, in order of time, then of stream.
 *
 * @returns what is wrong with it, where it is no such answer
 */
export function readAnswer(body: string): LokiLine[] | string {
  const answer = parsed(body)
  if (answer === undefined) return /^\s*</.test(body) ? 'a web page' : 'something that is no JSON, or not all of it'
  const data = member(answer, 'data')
  const [type, result] = [member(data, 'resultType'), member(data, 'result')]
  if (typeof type === 'string' && type !== 'streams')
    return `a ${type.slice(0, 20)} instead of log lines: ask for lines, without rate() and the like`
  if (type !== 'streams' || !Array.isArray(result)) return 'JSON that is no answer of query_range'
  const lines: LokiLine[] = []
  // Array.isArray makes any of what is unknown; each member is looked at as unknown again.
  for (const one of result as readonly unknown[]) {
    const [labels, values] = [member(one, 'stream'), member(one, 'values')]
    if (typeof labels !== 'object' || labels === null || !Array.isArray(values))
      return 'a stream without labels or values'
    const stream = labelSet(labels)
    for (const value of values as readonly unknown[]) {
      // A third element holds structured metadata, which is not part of the line.
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
    // The caller says what the body is instead.
    return undefined
  }
}

function member(value: unknown, name: string): unknown {
  // The cast only names what an object is: any key may hold anything.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function labelSet(labels: object): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => compare(a, b))
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
