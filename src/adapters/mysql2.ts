import { currentRequest } from '../tracking/current-request.ts'
import { isObject } from './_objects.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { bindCallbacks, withTraceComment, wrapResult, preserveContext } from './_sql.ts'

/** The members of mysql2's pools and connections that are used, with callbacks and with promises. */
export interface MysqlClient {
  query(...args: never[]): unknown
  execute(...args: never[]): unknown
}

/** The members of mysql2's pool clusters that are used. */
export interface MysqlCluster {
  getConnection(...args: never[]): unknown
  of(...args: never[]): unknown
}

/**
 * Wraps a pool, connection or pool cluster: its queries carry the trace of the current request as a sqlcommenter
 * comment.
 *
 * The comment appears in the process list, the slow query log and database proxies. The connections that a pool returns
 * do the same. Callbacks run in the context of their caller, which a pooled connection would lose.
 *
 * These queries are not changed: queries outside a request; `execute` and `prepare`, where each comment would make
 * another statement for the server to prepare and cache; queries that already have a comment; and definitions of
 * procedures, functions, triggers and events, which the server stores with their comments.
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
        request === undefined || staysUnchanged(sql) ? sql : withTraceComment(sql, 'sql', request),
        ...preserveContext(rest),
      )
    },
  prepare: wrapResult((value) =>
    isObject(value) && 'execute' in value && 'close' in value ? wrapMethods(value, STATEMENT) : value,
  ),
  connect: wrapResult(clientOf),
  getConnection: wrapResult(clientOf),
  of: wrapResult(clientOf),
  promise: wrapResult(clientOf),
  // The pool expects the connection itself.
  releaseConnection: (release) => (connection) =>
    release(isObject(connection) ? (unwrapped.get(connection) ?? connection) : connection),
}

const STATEMENT: Readonly<Record<string, MethodWrapper>> = { execute: bindCallbacks }

/** The original of each wrapped client. */
const unwrapped = new WeakMap<object, object>()

/** A connection, or another form of a pool, wrapped too; any other value unchanged. */
function clientOf(value: unknown): unknown {
  if (!isObject(value) || !('query' in value) || !('execute' in value)) return value
  const client = wrapMethods(value, METHODS)
  if (client !== value) unwrapped.set(client, value)
  return client
}

/** True for a command object, and for the definition of something that the server stores. */
function staysUnchanged(query: unknown): boolean {
  if (isObject(query) && 'onResult' in query) return true
  const sql = isObject(query) ? query.sql : query
  return (
    typeof sql === 'string' &&
    /(?:^|;)\s*(?:create|alter)\s/i.test(sql) &&
    /\b(?:procedure|function|trigger|event|package)\b/i.test(sql)
  )
}
