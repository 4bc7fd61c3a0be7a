import { HEADERS } from '../trace/carrier.ts'
import { isReceived } from '../trace/received.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** The value of a header that the caller of a client passes, by its name in lower case; undefined if there is none. */
export type OwnHeader = (name: string) => unknown

/** How the headers of a call change. */
export interface HeaderChanges {
  /** The trace headers that the caller has not set. They replace those that were copied from the request. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The names of headers that were copied from the request, and that nothing replaces. */
  readonly dropped: readonly string[]
}

/** Whether the caller has set a header. A proxy copies the headers of its request: it has not set them. */
export function isSet({ received }: TrackedRequest, own: OwnHeader, name: string): boolean {
  const value = own(name)
  return value !== undefined && !isReceived(received, name, value)
}

/**
 * What has to change so that a call carries our trace headers, except where the caller has set others.
 *
 * @param ours the trace headers of the call
 */
export function changesTo(
  request: TrackedRequest,
  own: OwnHeader,
  ours: Readonly<Record<string, string>>,
): HeaderChanges {
  // A tracestate belongs to its traceparent: beside the caller's traceparent, ours would describe another trace.
  const keepsState = isSet(request, own, HEADERS.traceparent)
  const stays = (name: string): boolean => isSet(request, own, name) || (keepsState && name === HEADERS.tracestate)
  const headers = Object.entries(ours).filter(([name]) => !stays(name))
  const { received, traceId } = request
  if (received === undefined) return { headers, dropped: [] }
  const copied = Object.keys(received).filter(
    (name) => own(name) !== undefined && !stays(name) && !Object.hasOwn(ours, name),
  )
  const holdsId = (name: string): boolean => request.core.settings.idHeaders.read.includes(name)
  return {
    headers: [...headers, ...copied.filter(holdsId).map((name) => [name, traceId] as const)],
    dropped: copied.filter((name) => !holdsId(name)),
  }
}
