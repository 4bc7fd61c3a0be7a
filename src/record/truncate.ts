import type { LoggedError } from './record.ts'

/** A line stays under 4,096 bytes, so that processes which share one pipe do not tear each other's lines. */
const MAX_MESSAGE_BYTES = 1_000
const MAX_DATA_BYTES = 1_000
const MAX_PATH_BYTES = 512
const MAX_NAME_BYTES = 64

/** Any thrown value as it is logged; never throws itself, whatever its getters do. */
export function loggedError(thrown: unknown): LoggedError {
  try {
    const isError = typeof thrown === 'object' && thrown !== null && 'message' in thrown
    const type = isError ? ('name' in thrown ? String(thrown.name) : 'Error') : thrown === null ? 'null' : typeof thrown
    const whole = String(isError ? thrown.message : thrown)
    const message = truncate(whole, MAX_MESSAGE_BYTES)
    return { type: truncate(type, MAX_NAME_BYTES), message, ...(message === whole ? {} : { cut: true }) }
  } catch {
    return { type: 'unknown', message: 'the thrown value could not be read' }
  }
}

/** The application's data as it is logged: itself, or where it is too long or no JSON, a marked remainder. */
export function loggedData(data: unknown): unknown {
  try {
    const json = JSON.stringify(data) as string | undefined
    if (json === undefined) return undefined
    // Parsed again, so that no getter or toJSON runs a second time while the line is written.
    if (json.length * 3 <= MAX_DATA_BYTES || Buffer.byteLength(json) <= MAX_DATA_BYTES)
      return JSON.parse(json) as unknown
    return { cut: true, json: truncate(json, MAX_DATA_BYTES) }
  } catch (error) {
    return { cut: true, reason: loggedError(error).message.slice(0, 200) }
  }
}

/** A path as it is logged: without query, fragment and host, and cut where it is too long. */
export function loggedPath(url: string): string {
  const query = url.indexOf('?')
  const fragment = url.indexOf('#')
  const end = query === -1 || (fragment !== -1 && fragment < query) ? fragment : query
  const path = end === -1 ? url : url.slice(0, end)
  const authority = path.startsWith('/') ? null : /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(path)
  return truncate(authority === null ? path : path.slice(authority[0].length) || '/', MAX_PATH_BYTES)
}

/** A short name (a service, a method) as it is logged. */
export function loggedName(name: string): string {
  return truncate(name, MAX_NAME_BYTES)
}

/** The longest beginning of a text whose JSON form keeps within the limit, marked with `...` where it was cut. */
function truncate(text: string, bytes: number): string {
  // No character takes more than six bytes in JSON.
  if (text.length * 6 <= bytes || jsonBytes(text) <= bytes) return text
  let [fits, tooLong] = [0, Math.min(text.length, bytes)]
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1
    if (jsonBytes(text.slice(0, middle)) <= bytes - 3) fits = middle
    else tooLong = middle
  }
  return `${text.slice(0, fits)}...`
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}
