import { withSqlComment } from '../trace/sql-comment.ts'
import { isThenable } from '../tracking/thenable.ts'
import { currentRequest, runWith } from '../tracking/context.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { overlay, type Replacement } from './_overlay.ts'

/** The members of pg's `Pool` and `Client` that are touched. */
export interface PgClient {
  query(...args: never[]): unknown
  connect(...args: never[]): unknown
}

/**
 * The same pool or client, whose queries carry the trace id of the request in hand as a sqlcommenter comment.
 *
 * So pg_stat_activity, the slow query log and a database proxy can name the request. Clients that the pool gives
 * out do the same, and a callback finds the request that asked, though a pooled socket would have forgotten it.
 *
 * Sent as they are: queries outside of a request; prepared statements, which a text of their own for each request
 * would rob of their plan; what submits itself (cursors, query streams); texts that already hold a comment.
 *
 * @example const pool = propagate(new pg.Pool())
 */
export function propagate<T extends PgClient>(client: T): T {
  return overlay(client, METHODS)
}

const METHODS: Readonly<Record<string, Replacement>> = {
  query: (query) => (config, ...rest) => {
    const request = currentRequest()
    return query(request === undefined ? config : commented(config, request), ...rest.map((arg) => (isCallback(arg) ? within(request, arg) : arg)))
  },
  connect: (connect) => (callback, ...rest) => {
    if (isCallback(callback)) {
      const request = currentRequest()
      return connect(within(request, (error, client, ...more) => callback(error, clientOf(client), ...more)), ...rest)
    }
    const connected = connect(callback, ...rest)
    return isThenable(connected) ? connected.then(clientOf) : connected
  },
}

type Callback = (...args: unknown[]) => unknown

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}

/** The callback in the context of its caller: a pool calls it in that of whoever released the client. */
function within(request: TrackedRequest | undefined, callback: Callback): Callback {
  return (...args) => runWith(request, () => callback(...args))
}

/** What `connect` gives: a client, which is to carry the comment too, or nothing. */
function clientOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'query' in value && 'connect' in value ? overlay(value, METHODS) : value
}

function commented(query: unknown, request: TrackedRequest): unknown {
  if (typeof query === 'string') return withSqlComment(query, request.headers())
  if (!isUnnamed(query)) return query
  const text = withSqlComment(query.text, request.headers())
  // The caller's object is not ours to write to, and it may be of a class (a tagged template) whose getters pg reads.
  const descriptors = { ...Object.getOwnPropertyDescriptors(query), text: { value: text, enumerable: true, writable: true, configurable: true } }
  return Object.create(Object.getPrototypeOf(query) as object | null, descriptors)
}

/** A query that pg sends as a statement without a name. */
function isUnnamed(query: unknown): query is { readonly text: string } {
  if (typeof query !== 'object' || query === null || !('text' in query) || typeof query.text !== 'string') return false
  const named = 'name' in query && Boolean(query.name)
  return !named && !('submit' in query)
}
