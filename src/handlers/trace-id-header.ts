import type { ServerResponse } from 'node:http'

/** The members of Node's response that are used: those of node:http and of node:http2's compatible one. */
export type ResponseHead = Pick<ServerResponse, 'headersSent' | 'getHeader' | 'setHeader' | 'writeHead'>

/** `(status, headers?)` or `(status, message, headers?)`. */
type WriteHead = (status: number, second?: unknown, third?: unknown) => unknown

/**
 * Sends the trace id with a response, under these names, in lower case.
 *
 * It is set at once, so that the application can read it, and again when the head is written: meanwhile a proxy may
 * have copied the headers of the answer that it got, and that service's id would replace this one's.
 */
export function sendTraceId(res: ResponseHead, names: readonly string[], traceId: string): void {
  // A host may have sent the headers already: an interim answer, or a framework that ran before.
  if (res.headersSent || names.length === 0) return
  for (const name of names) res.setHeader(name, traceId)
  // One signature for the overloads of both hosts: what is passed on is what came.
  const writeHead = res.writeHead as WriteHead
  // It is called for every head, also where the application only writes a body.
  const withTraceId: WriteHead = (status, second, third) => {
    if (!res.headersSent) for (const name of names) if (res.getHeader(name) !== traceId) res.setHeader(name, traceId)
    return writeHead.call(res, status, withoutIds(second, names), withoutIds(third, names))
  }
  res.writeHead = withTraceId as ServerResponse['writeHead']
}

/** The headers that are passed with a head, in any of their forms, without those of these names. */
function withoutIds(headers: unknown, names: readonly string[]): unknown {
  if (typeof headers !== 'object' || headers === null) return headers
  if (Array.isArray(headers)) return listWithoutIds(headers, names)
  for (const name in headers)
    if (isId(name, names)) return Object.fromEntries(Object.entries(headers).filter(([key]) => !isId(key, names)))
  return headers
}

/** A list of pairs, or one that alternates names and values. */
function listWithoutIds(headers: readonly unknown[], names: readonly string[]): readonly unknown[] {
  if (Array.isArray(headers[0])) return headers.filter((pair) => !(Array.isArray(pair) && isId(pair[0], names)))
  return headers.filter((_, index) => !isId(headers[index - (index % 2)], names))
}

function isId(name: unknown, names: readonly string[]): boolean {
  if (typeof name !== 'string') return false
  for (const each of names) if (name.length === each.length && name.toLowerCase() === each) return true
  return false
}
