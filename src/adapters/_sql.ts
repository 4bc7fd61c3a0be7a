import { withSqlComment } from '../trace/sql-comment.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { isThenable } from '../tracking/promises.ts'
import { runWith } from '../tracking/storage.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { isObject, withProperty } from './_objects.ts'
import { isFunction, type MethodWrapper } from './_wrap-methods.ts'

/**
 * A query with the comment of its request: a string, or an object with one under `key`.
 *
 * An object is copied and not changed: it is the caller's, and may be of a class (a tagged template) whose getters the
 * driver reads.
 */
export function withTraceComment(query: unknown, key: string, request: TrackedRequest): unknown {
  if (typeof query === 'string') return withSqlComment(query, request)
  const sql = isObject(query) ? query[key] : undefined
  if (!isObject(query) || typeof sql !== 'string') return query
  const commented = withSqlComment(sql, request)
  return commented === sql ? query : withProperty(query, key, commented)
}

/**
 * Wraps a method so that its callbacks run in the context of the caller; a pool runs them in that of the code that
 * released the connection.
 */
export const bindCallbacks: MethodWrapper =
  (method) =>
  (...args) =>
    method(...preserveContext(args))

/** The arguments of a call, with callbacks that run in the caller's context. */
export function preserveContext(args: readonly unknown[]): readonly unknown[] {
  const request = currentRequest()
  return args.map((arg) => (isFunction(arg) ? (...results: unknown[]) => runWith(request, () => arg(...results)) : arg))
}

/** {@link bindCallbacks}, for a method whose result is wrapped: it is passed to a callback, promised, or returned. */
export function wrapResult(wrap: (value: unknown) => unknown): MethodWrapper {
  return (method) =>
    (...args) => {
      const result = method(
        ...preserveContext(
          args.map((arg) =>
            isFunction(arg)
              ? (error: unknown, value: unknown, ...more: unknown[]) => arg(error, wrap(value), ...more)
              : arg,
          ),
        ),
      )
      return isThenable(result) ? result.then(wrap) : wrap(result)
    }
}
