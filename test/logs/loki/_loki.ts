import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A line of a stream. Loki stores equal lines of the same time once. */
export interface Stored {
  readonly labels: Readonly<Record<string, string>>
  readonly time: bigint
  readonly line: string
}

/** The limits and failures of the stand-in. */
export interface Behaviour {
  /** max_entries_limit_per_query. */
  readonly maxEntries?: number
  /** max_query_length, in milliseconds. */
  readonly maxRangeMs?: number
  /** The failures of the first requests, in order: a status, or a broken connection. */
  readonly faults?: (number | 'reset' | 'torn')[]
  /** Called before each request; returns its failure. */
  readonly faulty?: () => number | 'reset' | 'torn' | undefined
  readonly tenant?: string
  readonly authorization?: string
}

/** A stand-in for query_range with its checks, but without LogQL: every query selects all lines. */
export interface LokiStandIn {
  readonly url: string
  /** The parameters of each query that did not fail. */
  readonly queries: URLSearchParams[]
  readonly headers: IncomingMessage['headers'][]
}

export async function lokiStandIn(stored: readonly Stored[], behaviour: Behaviour = {}): Promise<LokiStandIn> {
  const queries: URLSearchParams[] = []
  const headers: IncomingMessage['headers'][] = []
  const faults = [...(behaviour.faults ?? [])]
  const url = await serving((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://loki')
    headers.push(req.headers)
    const fault = faults.shift() ?? behaviour.faulty?.()
    if (fault === 'reset') {
      req.socket.destroy()
      return
    }
    const refusal =
      typeof fault === 'number'
        ? ([fault, fault === 429 ? 'too many outstanding requests\n' : 'context canceled\n'] as const)
        : refusalOf(req, pathname, behaviour)
    const answer = refusal ?? answerTo(searchParams, stored, behaviour)
    if (refusal === undefined) queries.push(searchParams)
    const [status, body]: Refusal = 'data' in answer ? [200, JSON.stringify(answer)] : answer
    res.writeHead(status, {
      'content-type': status === 200 ? 'application/json; charset=UTF-8' : 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    })
    if (fault === 'torn') res.write(body.slice(0, body.length >> 1), () => req.socket.destroy())
    else res.end(body)
  })
  return { url, queries, headers }
}

/** A server that is closed after the test. */
export async function serving(handler: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  // The address of a listening TCP server is an AddressInfo.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A status and a plain text, as Loki refuses a query. */
type Refusal = readonly [status: number, text: string]

function refusalOf(req: IncomingMessage, path: string, { authorization, tenant }: Behaviour): Refusal | undefined {
  if (req.method !== 'GET' || path !== '/loki/api/v1/query_range') return [404, '404 page not found\n']
  if (authorization !== undefined && req.headers.authorization !== authorization) return [401, 'unauthorized\n']
  return tenant !== undefined && req.headers['x-scope-orgid'] !== tenant ? [401, 'no org id\n'] : undefined
}

function answerTo(
  parameters: URLSearchParams,
  stored: readonly Stored[],
  { maxEntries = 5_000, maxRangeMs = Infinity }: Behaviour,
): Refusal | { readonly status: string; readonly data: object } {
  const limit = Number(parameters.get('limit') ?? 100)
  const [start, end] = [BigInt(parameters.get('start') ?? 0), BigInt(parameters.get('end') ?? 0)]
  if (!Number.isInteger(limit) || limit < 1) return [400, 'limit must be a positive value\n']
  if (end <= start) return [400, 'end timestamp must not be before or equal to start time\n']
  if (limit > maxEntries)
    return [
      400,
      `max entries limit per query exceeded, limit > max_entries_limit_per_query (${limit} > ${maxEntries})\n`,
    ]
  const length = Number(end / 1_000_000n - start / 1_000_000n)
  if (length > maxRangeMs)
    return [400, `the query time range exceeds the limit (query length: ${length}ms, limit: ${maxRangeMs}ms)\n`]
  const sign = parameters.get('direction') === 'forward' ? 1 : -1
  const found = stored
    .filter(({ time }) => time >= start && time < end)
    .map((one) => ({ ...one, key: JSON.stringify(Object.entries(one.labels).sort()) }))
    .sort((a, b) => sign * Number(a.time - b.time) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const entries = new Map(found.map((one) => [`${one.time} ${one.key} ${one.line}`, one]))
  const streams = new Map<
    string,
    { stream: object; values: (readonly [string, string] | readonly [string, string, object])[] }
  >()
  for (const { key, labels, time, line } of [...entries.values()].slice(0, limit)) {
    const stream = streams.get(key) ?? { stream: labels, values: [] }
    streams.set(key, stream)
    // Every other line has structured metadata.
    stream.values.push(
      stream.values.length % 2 === 0
        ? [String(time), line]
        : [String(time), line, { structuredMetadata: { pod: 'x' } }],
    )
  }
  // The order of streams is undefined.
  return { status: 'success', data: { resultType: 'streams', result: [...streams.values()].reverse(), stats: {} } }
}
