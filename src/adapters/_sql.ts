import { withSqlComment } from '../trace/sql-comment.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { runWith } from '../tracking/storage.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { withProperty, isRecord } from './_send.ts'
import { isFunction, type MethodWrapper } from './_wrap-methods.ts'

/**
 * A query with the comment of its request: a text, or an object that has one under `key`.
 *
 * The caller's object is not ours to write to, and it may be of a class (a tagged template) whose getters the driver
 * reads: a copy of it has another text.
 */
export function withTraceComment(query: unknown, key: string, request: TrackedRequest): unknown {
  if (typeof query === 'string') return withSqlComment(query, request.headers())
  const text = isRecord(query) ? query[key] : undefined
  if (!isRecord(query) || typeof text !== 'string') return query
  const told = withSqlComment(text, request.headers())
  return told === text ? query : withProperty(query, key, told)
}

/** A method whose callbacks find the request of their caller: a pool calls them in the context of whoever released the connection. */
export const bindCallbacks: MethodWrapper =
  (method) =>
  (...args) =>
    method(...preserveContext(args))

/** The arguments of a call with their callbacks in the context of the caller. */
export function preserveContext(args: readonly unknown[]): readonly unknown[] {
  const request = currentRequest()
  return args.map((arg) => (isFunction(arg) ? (...given: unknown[]) => runWith(request, () => arg(...given)) : arg))
}

/** {@link bindCallbacks}, for a method that gives out something else than it has: to a callback, by a promise, or at once. */
export function wrapResult(as: (value: unknown) => unknown): MethodWrapper {
  return (method) =>
    (...args) => {
      const given = method(
        ...preserveContext(
          args.map((arg) =>
            isFunction(arg)
              ? (error: unknown, value: unknown, ...more: unknown[]) => arg(error, as(value), ...more)
              : arg,
          ),
        ),
      )
      return isThenable(given) ? given.then(as) : as(given)
    }
}
