import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { isPrivateHost } from '../_private-host.ts'
import { shouldPropagate } from '../_propagation-targets.ts'

/** What node's client knows of where a request goes. */
export interface Destination {
  readonly protocol: string
  /** The machine that is connected to: a name, or an address without brackets. */
  readonly host: string
  readonly port: unknown
  readonly path: unknown
  /** The `Host` header, where one is set already. */
  readonly hostHeader: unknown
}

/**
 * Whether a request is sent to a host that is told.
 *
 * Who is meant may be another than who gets it first: behind a proxy or a sidecar, or where a `Host` header was passed on
 * to a stranger with all the others. So whoever gets it has to be told as well, or cannot be a third party.
 */
export function reachesTarget(request: TrackedRequest, told: (url: URL) => boolean, destination: Destination): boolean {
  const first = connectedTo(destination)
  const meant = addressedTo(destination) ?? first
  if (first === undefined || meant === undefined || !shouldPropagate(request, told, meant)) return false
  return meant.hostname === first.hostname || isPrivateHost(first.hostname) || shouldPropagate(request, told, first)
}

function connectedTo({ protocol, host, port, path }: Destination): URL | undefined {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return urlOf(
    `${protocol}//${name}${typeof port === 'number' || typeof port === 'string' ? `:${port}` : ''}${originForm(path)}`,
  )
}

/**
 * The URL that a request says it is for: the whole one that a proxy is asked for, or else that of its Host header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#name-reconstructing-the-target-u
 */
function addressedTo({ protocol, path, hostHeader }: Destination): URL | undefined {
  if (typeof path === 'string' && /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return urlOf(path)
  return typeof hostHeader === 'string' ? urlOf(`${protocol}//${hostHeader}${originForm(path)}`) : undefined
}

function originForm(path: unknown): string {
  return typeof path === 'string' && path.startsWith('/') ? path : '/'
}

/** Undefined for what is no URL: that is the client's to complain about. */
function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
