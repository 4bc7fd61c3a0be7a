import { currentRequest } from '../tracking/current-request.ts'
import { isRecord } from './_send.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { bindCallbacks, withTraceComment, wrapResult, preserveContext } from './_sql.ts'

/** The members of mysql2's pools and connections that are touched, in the form with callbacks and in that with promises. */
export interface MysqlClient {
  query(...args: never[]): unknown
  execute(...args: never[]): unknown
}

/** The members of its pool clusters. */
export interface MysqlCluster {
  getConnection(...args: never[]): unknown
  of(...args: never[]): unknown
}

/**
 * The same pool, connection or pool cluster, whose queries carry the trace id of the request in hand as a sqlcommenter comment.
 *
 * So the process list, the slow query log and a database proxy can name the request. Connections that are given out
 * do the same, and a callback finds the request that asked, though a pooled socket would have forgotten it.
 *
 * Sent as they are: queries outside of a request; `execute` and `prepare`, where a text of its own for each request would
 * be a statement of its own for the server to prepare and keep; texts that already hold a comment; and definitions of
 * procedures, functions, triggers and events, which the server would keep with the comment in them.
 *
 * @example const pool = propagate(mysql.createPool(url))
 */
export function propagate<T extends MysqlClient | MysqlCluster>(client: T): T {
  return wrapMethods(client, METHODS)
}

const METHODS: Readonly<Record<string, MethodWrapper>> = {
  ...Object.fromEntries(
    ['execute', 'beginTransaction', 'commit', 'rollback', 'ping', 'reset', 'changeUser', 'end'].map((name) => [
      name,
      bindCallbacks,
    ]),
  ),
  query:
    (query) =>
    (sql, ...rest) => {
      const request = currentRequest()
      return query(
        request === undefined || isPreparedOrSubmittable(sql) ? sql : withTraceComment(sql, 'sql', request),
        ...preserveContext(rest),
      )
    },
  prepare: wrapResult((value) =>
    isRecord(value) && 'execute' in value && 'close' in value ? wrapMethods(value, STATEMENT) : value,
  ),
  connect: wrapResult(clientOf),
  getConnection: wrapResult(clientOf),
  of: wrapResult(clientOf),
  promise: wrapResult(clientOf),
  // The pool has to get back the connection that it gave out.
  releaseConnection: (release) => (connection) =>
    release(isRecord(connection) ? (bare.get(connection) ?? connection) : connection),
}

const STATEMENT: Readonly<Record<string, MethodWrapper>> = { execute: bindCallbacks }

const bare = new WeakMap<object, object>()

/** What is given out: a connection or another form of a pool, which is to carry the comment too; or something else. */
function clientOf(value: unknown): unknown {
  if (!isRecord(value) || !('query' in value) || !('execute' in value)) return value
  const client = wrapMethods(value, METHODS)
  if (client !== value) bare.set(client, value)
  return client
}

/** A command that was made before, and whatever defines what the server is to keep. */
function isPreparedOrSubmittable(query: unknown): boolean {
  if (isRecord(query) && 'onResult' in query) return true
  const sql = isRecord(query) ? query.sql : query
  return (
    typeof sql === 'string' &&
    /(?:^|;)\s*(?:create|alter)\s/i.test(sql) &&
    /\b(?:procedure|function|trigger|event|package)\b/i.test(sql)
  )
}
