import type { CallTarget } from '../../tracking/calls.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { isPrivateHost } from '../_private-host.ts'
import { shouldPropagate, type IsTarget } from '../_propagation-targets.ts'

/** Where a request goes, as far as Node's client knows. */
export interface Destination {
  readonly protocol: string
  /** The host of the connection: a name, or an address without brackets. */
  readonly host: string
  readonly port: unknown
  readonly path: unknown
  /** The `Host` header, if it is already set. */
  readonly hostHeader: unknown
}

/**
 * Whether a request reaches only hosts that receive the trace.
 *
 * The host that a request names may differ from the one that it is sent to: with a proxy or sidecar, or if a `Host`
 * header was forwarded to a third party together with other headers. So the host that it is sent to must be a target
 * too, or private.
 */
export function reachesTarget(request: TrackedRequest, isTarget: IsTarget, destination: Destination): boolean {
  const sentTo = connectionUrl(destination)
  const named = targetUrl(destination) ?? sentTo
  if (sentTo === undefined || named === undefined || !shouldPropagate(request, isTarget, named)) return false
  return (
    named.hostname === sentTo.hostname || isPrivateHost(sentTo.hostname) || shouldPropagate(request, isTarget, sentTo)
  )
}

/** Where a call goes, for its record. */
export function targetOf(destination: Destination, method: unknown): CallTarget {
  const url = targetUrl(destination) ?? connectionUrl(destination)
  return {
    target: url?.host ?? destination.host,
    method: typeof method === 'string' && method !== '' ? method.toUpperCase() : 'GET',
    path: url?.pathname,
  }
}

function connectionUrl({ protocol, host, port, path }: Destination): URL | undefined {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return urlOf(
    `${protocol}//${name}${typeof port === 'number' || typeof port === 'string' ? `:${port}` : ''}${originForm(path)}`,
  )
}

/**
 * The URL that a request names: an absolute one in a request to a proxy, or else that of its Host header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#name-reconstructing-the-target-u
 */
function targetUrl({ protocol, path, hostHeader }: Destination): URL | undefined {
  if (typeof path === 'string' && /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return urlOf(path)
  return typeof hostHeader === 'string' ? urlOf(`${protocol}//${hostHeader}${originForm(path)}`) : undefined
}

function originForm(path: unknown): string {
  return typeof path === 'string' && path.startsWith('/') ? path : '/'
}

/** Undefined for an invalid URL, which the client reports itself. */
function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
