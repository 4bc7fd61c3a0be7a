import { HEADERS, type Carrier } from '../../trace/carrier.ts'
import { withProperty, isRecord } from '../_send.ts'

/** What an event of API Gateway, of a function URL or of a load balancer says of its request, and how it is answered. */
export interface HttpEvent {
  readonly method: string
  /** The pattern of the route, where the event has it. */
  readonly path: string
  readonly headers: Carrier
  /** The answer to a caller who is refused. */
  readonly refusal: object
  /** The status that an answer stands for; undefined where that is for the gateway to say. */
  readonly statusOf: (answer: unknown) => number | undefined
  /** The answer with the trace id in its head, as a copy; one that has no head is given back. */
  readonly withTraceId: (answer: unknown, traceId: string) => unknown
}

/** Reads an event; undefined for one of another kind. */
export function httpEvent(event: unknown): HttpEvent | undefined {
  if (!isRecord(event)) return undefined
  const { httpMethod, requestContext, rawPath, routeKey } = event
  // A doubled header shows among the several values only; a load balancer sends one of the two.
  const headers = isRecord(event.multiValueHeaders)
    ? event.multiValueHeaders
    : isRecord(event.headers)
      ? event.headers
      : {}
  if (typeof httpMethod === 'string') {
    const head = isRecord(event.multiValueHeaders) && !isRecord(event.headers) ? SEVERAL : SINGLE
    return { method: httpMethod, path: String(event.resource ?? event.path), headers, ...answering(head, undefined) }
  }
  const http = isRecord(requestContext) ? requestContext.http : undefined
  if (!isRecord(http)) return undefined
  const [, route] = / (.*)/.exec(String(routeKey)) ?? []
  // Where payloads are of version 2, what has no status is the body of an answer with status 200.
  return { method: String(http.method), path: route ?? String(rawPath), headers, ...answering(SINGLE, 200) }
}

/** How the head of an answer is written: a load balancer that sends several values for a header also wants several. */
interface Head {
  readonly key: 'headers' | 'multiValueHeaders'
  readonly value: (text: string) => unknown
}

const SINGLE: Head = { key: 'headers', value: (text) => text }
const SEVERAL: Head = { key: 'multiValueHeaders', value: (text) => [text] }

function answering(
  { key, value }: Head,
  implied: number | undefined,
): Pick<HttpEvent, 'refusal' | 'statusOf' | 'withTraceId'> {
  return {
    refusal: { statusCode: 401, [key]: { 'content-type': value('text/plain; charset=utf-8') }, body: 'Unauthorized\n' },
    statusOf: (answer) => (hasStatus(answer) ? Number(answer.statusCode) : implied),
    withTraceId(answer, traceId) {
      if (!hasStatus(answer)) return answer
      const given = answer[key]
      const others = Object.entries(isRecord(given) ? given : {}).filter(
        ([name]) => name.toLowerCase() !== HEADERS.traceId,
      )
      return withProperty(answer, key, { ...Object.fromEntries(others), [HEADERS.traceId]: value(traceId) })
    },
  }
}

function hasStatus(answer: unknown): answer is Readonly<Record<string, unknown>> {
  return isRecord(answer) && Number.isInteger(Number(answer.statusCode ?? Number.NaN))
}
