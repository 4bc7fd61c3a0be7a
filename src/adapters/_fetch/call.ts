import type { OnCallEnd } from '../../tracking/calls.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { endOfError, endOfStatus, startPropagatedCall, type EndReader } from '../_calls.ts'
import { isObject } from '../_objects.ts'

/** Undefined for an invalid URL, which fetch reports itself. */
export function urlOf(input: unknown): URL | undefined {
  try {
    return new URL(String(isObject(input) && 'url' in input ? input.url : input))
  } catch {
    return undefined
  }
}

interface FetchCall {
  /** The caller's headers and the missing trace headers. */
  readonly headers: Headers
  readonly end: OnCallEnd | undefined
}

/** Undefined for invalid headers and for a signal that was aborted before, which fetch reports itself: nothing is sent. */
export function startCall(request: TrackedRequest, url: URL, input: unknown, init: unknown): FetchCall | undefined {
  const signal = memberOf('signal', input, init)
  if (isObject(signal) && signal.aborted === true) return undefined
  let headers: Headers
  try {
    headers = new Headers(headersOf(init) ?? headersOf(input))
  } catch {
    return undefined
  }
  const call = startPropagatedCall(
    request,
    (name) => headers.get(name) ?? undefined,
    () => ({
      target: url.host,
      method: methodOf(memberOf('method', input, init)),
      path: url.pathname,
    }),
  )
  for (const name of call.dropped) headers.delete(name)
  for (const [name, value] of call.headers) headers.set(name, value)
  return { headers, end: call.end }
}

function methodOf(method: unknown): string {
  return typeof method === 'string' ? method.toUpperCase() : 'GET'
}

/** Reads the end of a call from its response, or from what was thrown. */
export function endReader(input: unknown, init: unknown): EndReader {
  return {
    endOf: (response) => endOfStatus(isObject(response) ? response.status : undefined),
    endOfThrown(error) {
      const signal = memberOf('signal', input, init)
      const end = endOfError(error)
      // The reason of an abort may be any error.
      return isObject(signal) && signal.aborted === true ? { ...end, outcome: 'aborted' } : end
    },
  }
}

/** An option of a call, which a Request has as a property. */
function memberOf(name: 'method' | 'signal', input: unknown, init: unknown): unknown {
  return (isObject(init) ? init[name] : undefined) ?? (isObject(input) ? input[name] : undefined)
}

function headersOf(source: unknown): ConstructorParameters<typeof Headers>[0] {
  const headers: unknown = isObject(source) ? source.headers : undefined
  // Headers accepts what fetch accepts, and throws for the rest.
  return headers as ConstructorParameters<typeof Headers>[0]
}
