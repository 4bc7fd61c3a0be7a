import type { Carrier } from '../../trace/carrier.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'

/** The request of an event of API Gateway, a function URL or a load balancer, and how it is answered. */
export interface HttpEvent {
  readonly method: string
  /** The pattern of the route, if the event has it. */
  readonly path: string
  readonly headers: Carrier
  /** The answer to a caller who is refused. */
  readonly refusal: object
  /** The status of an answer; undefined if the gateway decides it. */
  readonly statusOf: (answer: unknown) => number | undefined
  /**
   * A copy of the answer with the trace id in these headers; an answer that can have no headers is returned unchanged.
   */
  readonly withTraceId: (answer: unknown, names: readonly string[], traceId: string) => unknown
}

/** Parses an event; undefined if it is not an HTTP event. */
export function httpEvent(event: unknown): HttpEvent | undefined {
  if (!isObject(event)) return undefined
  const { httpMethod, requestContext, rawPath, routeKey } = event
  // Only the multi-value headers show a repeated header; a load balancer sends one of the two forms.
  const headers = isObject(event.multiValueHeaders)
    ? event.multiValueHeaders
    : isObject(event.headers)
      ? event.headers
      : {}
  if (typeof httpMethod === 'string') {
    const form = isObject(event.multiValueHeaders) && !isObject(event.headers) ? MULTI_VALUE : SINGLE_VALUE
    return { method: httpMethod, path: String(event.resource ?? event.path), headers, ...answers(form, undefined) }
  }
  const http = isObject(requestContext) ? requestContext.http : undefined
  if (!isObject(http)) return undefined
  const [, route] = / (.*)/.exec(String(routeKey)) ?? []
  // With payload format 2.0, an answer without a status is the body of one with status 200.
  return { method: String(http.method), path: route ?? String(rawPath), headers, ...answers(SINGLE_VALUE, 200) }
}

/** How an answer holds its headers: a load balancer that sends multi-value headers also expects them. */
interface HeaderForm {
  readonly key: 'headers' | 'multiValueHeaders'
  readonly value: (text: string) => unknown
}

const SINGLE_VALUE: HeaderForm = { key: 'headers', value: (text) => text }
const MULTI_VALUE: HeaderForm = { key: 'multiValueHeaders', value: (text) => [text] }

function answers(
  { key, value }: HeaderForm,
  impliedStatus: number | undefined,
): Pick<HttpEvent, 'refusal' | 'statusOf' | 'withTraceId'> {
  return {
    refusal: { statusCode: 401, [key]: { 'content-type': value('text/plain; charset=utf-8') }, body: 'Unauthorized\n' },
    statusOf: (answer) => (hasStatus(answer) ? Number(answer.statusCode) : impliedStatus),
    withTraceId(answer, names, traceId) {
      if (!hasStatus(answer)) return answer
      const headers = answer[key]
      const others = Object.entries(isObject(headers) ? headers : {}).filter(
        ([name]) => !names.includes(name.toLowerCase()),
      )
      const ids = names.map((name) => [name, value(traceId)] as const)
      return withProperty(answer, key, Object.fromEntries([...others, ...ids]))
    },
  }
}

function hasStatus(answer: unknown): answer is UnknownObject {
  return isObject(answer) && Number.isInteger(Number(answer.statusCode ?? Number.NaN))
}
