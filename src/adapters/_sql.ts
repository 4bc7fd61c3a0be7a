import { withSqlComment } from '../trace/sql-comment.ts'
import { currentRequest, runWith } from '../tracking/current-request.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { changed, isRecord } from './_send.ts'
import { isMethod, type Replacement } from './_wrap-methods.ts'

/**
 * A query with the comment of its request: a text, or an object that has one under `key`.
 *
 * The caller's object is not ours to write to, and it may be of a class (a tagged template) whose getters the driver
 * reads: a copy of it has another text.
 */
export function commented(query: unknown, key: string, request: TrackedRequest): unknown {
  if (typeof query === 'string') return withSqlComment(query, request.headers())
  const text = isRecord(query) ? query[key] : undefined
  if (!isRecord(query) || typeof text !== 'string') return query
  const told = withSqlComment(text, request.headers())
  return told === text ? query : changed(query, key, told)
}

/** A method whose callbacks find the request of their caller: a pool calls them in the context of whoever released the connection. */
export const callingBack: Replacement = (method) => (...args) => method(...inContext(args))

/** The arguments of a call with their callbacks in the context of the caller. */
export function inContext(args: readonly unknown[]): readonly unknown[] {
  const request = currentRequest()
  return args.map((arg) => (isMethod(arg) ? (...given: unknown[]) => runWith(request, () => arg(...given)) : arg))
}

/** {@link callingBack}, for a method that gives out something else than it has: to a callback, by a promise, or at once. */
export function givingOut(as: (value: unknown) => unknown): Replacement {
  return (method) => (...args) => {
    const given = method(...inContext(args.map((arg) => (isMethod(arg) ? (error: unknown, value: unknown, ...more: unknown[]) => arg(error, as(value), ...more) : arg))))
    return isThenable(given) ? given.then(as) : as(given)
  }
}
