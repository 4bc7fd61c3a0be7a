import { pathOf } from '../record/truncate.ts'
import type { Carrier } from '../trace/carrier.ts'
import { acceptRequest, type RequestCore, type StartOptions } from '../tracking/intake.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** Which requests are logged, and what their first line says. `source` is the host's request, as `authenticate` gets it. */
export interface RequestOptions<Source> {
  /**
   * Whether a request leaves no line and is not counted, as for probes and assets. Everything else stays: its trace id
   * travels, and its caller is authenticated. If it throws, the request is logged.
   */
  readonly ignore?: (source: Source) => boolean
  /**
   * Returns what is logged as `path`. It gets what would be: the pattern of the route, or else the whole path, without its
   * query. If it throws, no path is logged.
   */
  readonly path?: (source: Source, path: string) => string
  /** Returns the application's own fields, logged under `data` on the first line. */
  readonly fields?: (source: Source) => object
}

/** Options of a handler whose kind is only known when it is called: a function's `path` may be a name. */
type AnyRequestOptions<Source> = Omit<RequestOptions<Source>, 'path'> & {
  readonly path?: string | RequestOptions<Source>['path']
}

/** Starts the request of a call as the options of its handler say. */
export function acceptWith<Source>(
  core: RequestCore,
  { ignore, path, fields }: AnyRequestOptions<Source>,
  carrier: Carrier,
  start: StartOptions & { readonly source: Source },
): TrackedRequest {
  if (ignore === undefined && path === undefined && fields === undefined) return acceptRequest(core, carrier, start)
  const { source, method, timeLeft, ids } = start
  if (ignore !== undefined && isIgnored(core, () => ignore(source))) return acceptRequest(core.ignoring, carrier, start)
  return acceptRequest(core, carrier, {
    method,
    source,
    timeLeft,
    ids,
    path:
      typeof path === 'function' ? ownPath(core, () => path(source, pathOf(start.path ?? ''))) : (path ?? start.path),
    data: fields === undefined ? undefined : ownFields(core, () => fields(source)),
  })
}

// The user's functions are typed, but a program in JavaScript may return anything.

/** Whether a call is ignored: true alone counts, since a promise, for example, says nothing yet. */
export function isIgnored({ settings: { errors } }: RequestCore, ignore: () => unknown): boolean {
  const ignored = errors.run(ignore)
  if (ignored !== undefined && typeof ignored !== 'boolean')
    errors.report(new TypeError('ignore() must return true or false'))
  return ignored === true
}

/** The path that the user's function returns; undefined if it returns none. */
export function ownPath({ settings: { errors } }: RequestCore, path: () => unknown): string | undefined {
  const text = errors.run(path)
  if (typeof text === 'string') return text
  if (text !== undefined) errors.report(new TypeError('path() must return a text'))
  return undefined
}

/** The fields that the user's function returns; undefined if it returns no object. */
export function ownFields({ settings: { errors } }: RequestCore, fields: () => unknown): object | undefined {
  const faults = errors.count
  const object = errors.run(fields)
  if (typeof object === 'object' && object !== null && !Array.isArray(object) && !isThenable(object)) return object
  if (errors.count === faults) errors.report(new TypeError('fields() must return an object'))
  return undefined
}
