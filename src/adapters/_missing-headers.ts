import { HEADERS } from '../trace/carrier.ts'

/** Those of our headers that are still to be set: what a caller set stays as it is. */
export function missingHeaders(
  headers: Readonly<Record<string, string>>,
  has: (name: string) => boolean,
): readonly (readonly [name: string, value: string])[] {
  // The tracestate belongs to its traceparent: with another's it would speak of the wrong trace.
  const foreign = has(HEADERS.traceparent)
  return Object.entries(headers).filter(([name]) => !has(name) && !(foreign && name === HEADERS.tracestate))
}
