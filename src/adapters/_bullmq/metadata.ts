import { isObject, type UnknownObject } from '../_objects.ts'

/** The key of our headers in metadata that has other content. */
const KEY = 'throughline'

/**
 * The metadata of a job with trace headers beside its other content; another tracer's `traceparent` stays.
 *
 * Metadata without other content is just the headers, in the form that OpenTelemetry's propagators read.
 *
 * @returns undefined if the present metadata is not a JSON object, so that no headers can be added
 */
export function withHeaders(metadata: unknown, headers: Readonly<Record<string, string>>): string | undefined {
  if (metadata === undefined) return JSON.stringify(headers)
  const content = parseObject(metadata)
  return content === undefined ? undefined : JSON.stringify({ ...content, [KEY]: headers })
}

/** The headers in a job's metadata: ours, or else those of OpenTelemetry or of a service in another language. */
export function carrierIn(metadata: unknown): UnknownObject | undefined {
  const content = parseObject(metadata)
  const headers = content?.[KEY]
  return isObject(headers) ? headers : content
}

function parseObject(metadata: unknown): UnknownObject | undefined {
  if (typeof metadata !== 'string') return undefined
  try {
    const content: unknown = JSON.parse(metadata)
    return isObject(content) && !Array.isArray(content) ? content : undefined
  } catch {
    return undefined
  }
}
