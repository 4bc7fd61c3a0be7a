import type { LoggedError } from './field-types.ts'
import { FIELDS, NAME_BYTES } from './record.ts'

// The limits keep a line under 4,096 bytes, so that processes that share a pipe do not tear each other's lines.

type ErrorText = Pick<LoggedError, 'type' | 'message'>

/**
 * Converts any thrown value to what is logged. Never throws, even if a getter of the value does.
 *
 * @param redact masks parts of the whole, before it is truncated
 */
export function loggedError(thrown: unknown, redact?: (error: ErrorText) => ErrorText): LoggedError {
  try {
    const isError = typeof thrown === 'object' && thrown !== null && 'message' in thrown
    let type = isError ? ('name' in thrown ? String(thrown.name) : 'Error') : thrown === null ? 'null' : typeof thrown
    let whole = String(isError ? thrown.message : thrown)
    if (redact !== undefined) ({ type, message: whole } = redact({ type, message: whole }))
    const message = truncate(whole, FIELDS.error.maxBytes)
    return { type: truncate(type, NAME_BYTES), message, ...(message === whole ? {} : { cut: true }) }
  } catch {
    return { type: 'unknown', message: 'the thrown value could not be read' }
  }
}

/**
 * Converts the application's data to what is logged: a copy, or a marked excerpt if it is too long or not JSON.
 *
 * @param redact masks parts of a copy of the whole: an excerpt has no parts
 */
export function loggedData(data: unknown, redact?: (copy: unknown) => unknown): unknown {
  try {
    let json = JSON.stringify(data) as string | undefined
    if (json !== undefined && redact !== undefined) json = JSON.stringify(redact(JSON.parse(json)))
    if (json === undefined) return undefined
    // Parsed back, so that no getter or toJSON runs a second time when the line is written.
    if (json.length * 3 <= FIELDS.data.maxBytes || Buffer.byteLength(json) <= FIELDS.data.maxBytes)
      return JSON.parse(json) as unknown
    return { cut: true, json: truncate(json, FIELDS.data.maxBytes) }
  } catch (error) {
    // What a getter throws may say what is to be masked.
    return { cut: true, reason: redact === undefined ? loggedError(error).message.slice(0, 200) : 'not readable' }
  }
}

/** The path of a URL as it is logged: without host, query and fragment, truncated. */
export function loggedPath(url: string): string {
  return truncate(pathOf(url), FIELDS.path.maxBytes)
}

/** The path of a URL, without host, query and fragment. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  const fragment = url.indexOf('#')
  const end = query === -1 || (fragment !== -1 && fragment < query) ? fragment : query
  const path = end === -1 ? url : url.slice(0, end)
  const authority = path.startsWith('/') ? null : /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(path)
  return authority === null ? path : path.slice(authority[0].length) || '/'
}

/** The name of a service, an event or a method as it is logged, truncated. */
export function loggedName(name: string): string {
  return truncate(name, NAME_BYTES)
}

/** The target of a call as it is recorded, truncated: names of hosts have at most 253 characters. */
export function loggedTarget(target: string): string {
  return truncate(target, TARGET_BYTES)
}

const TARGET_BYTES = 255

/** The longest prefix whose JSON form is within the limit, ending in `...` if anything was cut. */
function truncate(text: string, bytes: number): string {
  // A UTF-16 code unit takes at most six bytes in JSON.
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
