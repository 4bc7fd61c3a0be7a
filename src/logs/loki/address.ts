import { ThroughlineError } from '../../errors.ts'

/** How to say to Loki, or to what stands before it, who asks. */
export type LokiAuth = { readonly username: string; readonly password: string } | { readonly bearer: string }

/** Where Loki answers queries. */
export interface LokiAddress {
  /** Of query_range, without credentials. */
  readonly endpoint: URL
  /** The same for people: without credentials, and without a query, which may hold a key. */
  readonly shown: string
  /** Only where the URL holds them. */
  readonly auth?: LokiAuth
}

const API = /(?:\/loki\/api\/v1(?:\/[^]*)?)?\/*$/

/**
 * Reads the URL of a Loki: its base, with or without a path before it, or any address of its API. Credentials in it
 * count as basic authentication.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE where it is no URL of http or https
 * @example lokiAddress('http://loki:3100').shown // 'http://loki:3100/loki/api/v1/query_range'
 */
export function lokiAddress(text: string): LokiAddress {
  const endpoint = URL.canParse(text) ? new URL(text) : undefined
  if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol)) {
    // What stands before an @ or behind a ? may be a secret, whatever the rest is.
    const said = text.replace(/^[^]*@/, '***@').replace(/\?[^]*$/, '')
    throw new ThroughlineError('THROUGHLINE_USAGE', `"${said}" is no URL of a Loki: write it as http://loki:3100`)
  }
  const { username, password } = endpoint
  endpoint.username = endpoint.password = endpoint.hash = ''
  endpoint.pathname = `${endpoint.pathname.replace(API, '')}/loki/api/v1/query_range`
  const shown = `${endpoint.origin}${endpoint.pathname}`
  if (username === '' && password === '') return { endpoint, shown }
  return { endpoint, shown, auth: { username: decoded(username), password: decoded(password) } }
}

/** A password may hold a % that begins no escape. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Then it was meant as it stands.
    return text
  }
}
