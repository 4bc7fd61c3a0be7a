import { isRecord } from '../_send.ts'

/** Where our headers stand in metadata that is not ours alone. */
const KEY = 'throughline'

/**
 * The metadata of a job with our headers, beside what others wrote there: their `traceparent` stays as it is.
 *
 * Metadata that is ours alone is just the headers, so that OpenTelemetry's propagators find in it what they know.
 *
 * @returns undefined where theirs is no JSON object, and leaves no place for ours
 */
export function withHeaders(theirs: unknown, headers: Readonly<Record<string, string>>): string | undefined {
  if (theirs === undefined) return JSON.stringify(headers)
  const held = objectIn(theirs)
  return held === undefined ? undefined : JSON.stringify({ ...held, [KEY]: headers })
}

/** The headers in a job's metadata: ours, or else those of OpenTelemetry or of a service in another language. */
export function carrierIn(metadata: unknown): Readonly<Record<string, unknown>> | undefined {
  const held = objectIn(metadata)
  const ours = held?.[KEY]
  return isRecord(ours) ? ours : held
}

function objectIn(metadata: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof metadata !== 'string') return undefined
  try {
    const held: unknown = JSON.parse(metadata)
    return isRecord(held) && !Array.isArray(held) ? held : undefined
  } catch {
    return undefined
  }
}
