import { currentRequest } from '../tracking/current-request.ts'
import { isRecord } from './_send.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { withTraceComment, wrapResult, preserveContext } from './_sql.ts'

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

/** What `connect` gives: a client, which is to carry the comment too, or nothing. */
function clientOf(value: unknown): unknown {
  return isRecord(value) && 'query' in value && 'connect' in value ? wrapMethods(value, METHODS) : value
}

/** A prepared statement, or what submits itself. */
function isPreparedOrSubmittable(query: unknown): boolean {
  return isRecord(query) && (Boolean(query.name) || 'submit' in query)
}
