import { currentRequest } from '../tracking/current-request.ts'
import { isObject } from './_objects.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { withTraceComment, wrapResult, preserveContext } from './_sql.ts'

/** The members of pg's `Pool` and `Client` that are used. */
export interface PgClient {
  query(...args: never[]): unknown
  connect(...args: never[]): unknown
}

/**
 * Wraps a pool or client: its queries carry the trace of the current request as a sqlcommenter comment.
 *
 * The comment appears in pg_stat_activity, the slow query log and database proxies. The clients that a pool returns do
 * the same. Callbacks run in the context of their caller, which a pooled connection would lose.
 *
 * These queries are not changed: queries outside a request; prepared statements, whose plan depends on an unchanged
 * text; objects that submit themselves (cursors, query streams); and queries that already have a comment.
 *
 * @example const pool = propagate(new pg.Pool())
 */
export function propagate<T extends PgClient>(client: T): T {
  return wrapMethods(client, METHODS)
}

const METHODS: Readonly<Record<string, MethodWrapper>> = {
  query:
    (query) =>
    (config, ...rest) => {
      const request = currentRequest()
      return query(
        request === undefined || isPreparedOrSubmittable(config) ? config : withTraceComment(config, 'text', request),
        ...preserveContext(rest),
      )
    },
  connect: wrapResult(clientOf),
}

/** The result of `connect`: a client, which is wrapped too, or nothing. */
function clientOf(value: unknown): unknown {
  return isObject(value) && 'query' in value && 'connect' in value ? wrapMethods(value, METHODS) : value
}

/** True for a prepared statement, and for an object that submits itself. */
function isPreparedOrSubmittable(query: unknown): boolean {
  return isObject(query) && (Boolean(query.name) || 'submit' in query)
}
