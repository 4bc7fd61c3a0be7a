import { ThroughlineError } from '../../errors.ts'

/** Credentials for Loki, or for a proxy in front of it. */
export type LokiAuth = { readonly username: string; readonly password: string } | { readonly bearer: string }

/** The query endpoint of a Loki. */
export interface LokiAddress {
  /** The URL of query_range, without credentials. */
  readonly endpoint: URL
  /** The same for messages: without credentials, and without query parameters, which may contain a key. */
  readonly shown: string
  /** Present if the URL contains credentials. */
  readonly auth?: LokiAuth
}

const API = /(?:\/loki\/api\/v1(?:\/[^]*)?)?\/*$/

/**
 * Parses the URL of a Loki: its base URL, with or without a path, or any URL of its API. Credentials in it are used for
 * basic authentication.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE if it is not an http or https URL
 * @example lokiAddress('http://loki:3100').shown // 'http://loki:3100/loki/api/v1/query_range'
 */
export function lokiAddress(text: string): LokiAddress {
  const endpoint = URL.canParse(text) ? new URL(text) : undefined
  if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol)) {
    // Anything before an @ or after a ? may be a secret, even if the rest is invalid.
    const shown = text.replace(/^[^]*@/, '***@').replace(/\?[^]*$/, '')
    throw new ThroughlineError('THROUGHLINE_USAGE', `"${shown}" is not a Loki URL: write it as http://loki:3100`)
  }
  const { username, password } = endpoint
  endpoint.username = endpoint.password = endpoint.hash = ''
  endpoint.pathname = `${endpoint.pathname.replace(API, '')}/loki/api/v1/query_range`
  const shown = `${endpoint.origin}${endpoint.pathname}`
  if (username === '' && password === '') return { endpoint, shown }
  return { endpoint, shown, auth: { username: decoded(username), password: decoded(password) } }
}

/** A password may contain a % that does not start an escape. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Then the text is meant literally.
    return text
  }
}
