import { HEADERS } from '../trace/carrier.ts'
import { toDashed, w3cTraceId } from '../trace/trace-id.ts'

export const TRACE_HEADER_NAMES: readonly string[] = Object.values(HEADERS)

/** In any case: Kafka, AMQP and NATS keep it, and readers ignore it. */
export function isTraceHeader(name: string): boolean {
  return TRACE_HEADER_NAMES.includes(name.toLowerCase())
}

/** The caller's headers with these trace headers; those that a forwarded message brought along are replaced. */
export function withTraceHeaders<V>(
  own: Readonly<Record<string, V>> | null | undefined,
  traceHeaders: Readonly<Record<string, V>>,
): Record<string, V> {
  return { ...Object.fromEntries(Object.entries(own ?? {}).filter(([name]) => !isTraceHeader(name))), ...traceHeaders }
}

/** Whether a message without `x-lifecycle` has room for the header that names its parent. */
export function hasRoomForParent(traceId: string, slots: number): boolean {
  return slots > 1 || (slots === 1 && isWhole(traceId))
}

/** Whether a traceparent holds the whole of a trace id: of an id that is no UUID it has only a hash. */
function isWhole(traceId: string): boolean {
  return traceId === toDashed(w3cTraceId(traceId))
}

/** As many of the trace headers as there is room for, the most informative first. */
export function headersThatFit(
  headers: Readonly<Record<string, string>>,
  slots: number,
): Readonly<Record<string, string>> {
  if (Object.keys(headers).length <= slots) return headers
  const { traceId, traceparent, lifecycle, tracestate } = HEADERS
  const id = headers[traceId] ?? ''
  const [primary, secondary] = isWhole(id) ? [traceparent, traceId] : [traceId, traceparent]
  return Object.fromEntries(
    [primary, lifecycle, secondary, tracestate]
      .flatMap((name) => {
        const value = headers[name]
        return value === undefined ? [] : [[name, value] as const]
      })
      .slice(0, slots),
  )
}
