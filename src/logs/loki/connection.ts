import { ThroughlineError } from '../../errors.ts'
import { lokiAddress, type LokiAddress, type LokiAuth } from './address.ts'

/** Which lines to read from which Loki. */
export interface LokiOptions {
  /** The base URL (`http://loki:3100`, optionally with a path) or any URL of the API; may contain credentials. */
  readonly url: string
  /** A log query in LogQL. */
  readonly query: string
  /** Epoch milliseconds, inclusive. */
  readonly start: number
  /** Epoch milliseconds, exclusive. */
  readonly end: number
  /** The header X-Scope-OrgID, for a Loki with several tenants. */
  readonly tenant?: string
  /** Credentials in `url` take precedence. */
  readonly auth?: LokiAuth
  /** Lines per page, 5,000 by default; fewer if the server's limit is lower. */
  readonly limit?: number
  /** Milliseconds per attempt, 120,000 by default. */
  readonly timeout?: number
  readonly fetch?: typeof fetch
  /** Waits between attempts; by default with a timer. */
  readonly wait?: (ms: number) => Promise<void>
  /** Called before each such pause with its reason and its length. */
  readonly onWait?: (why: string, ms: number) => void
}

/** Parsed options. */
export interface Connection {
  readonly address: LokiAddress
  readonly headers: Headers
  /** Strings that no message may contain. */
  readonly secrets: readonly string[]
  /** Milliseconds that one attempt may take, up to the last byte of the answer. */
  readonly timeout: number
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  readonly onWait: (why: string, ms: number) => void
}

/**
 * Parses the options. It sends nothing.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE for an invalid URL, or if tenant or credentials are invalid in a header
 */
export function connect({ url, auth, tenant, timeout = 120_000, ...options }: LokiOptions): Connection {
  const address = lokiAddress(url)
  return {
    address,
    ...identify(address.auth ?? auth, tenant),
    timeout,
    fetch: options.fetch ?? fetch,
    wait: options.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
    onWait: options.onWait ?? (() => undefined),
  }
}

function identify(
  auth: LokiAuth | undefined,
  tenant: string | undefined,
): { headers: Headers; secrets: readonly string[] } {
  // Without this flag, structured metadata and parsed labels would count as labels, and each line would be a stream.
  const headers = new Headers({ accept: 'application/json', 'x-loki-response-encoding-flags': 'categorize-labels' })
  if (tenant !== undefined) setHeader(headers, 'x-scope-orgid', tenant, 'tenant')
  if (auth === undefined) return { headers, secrets: [] }
  const basic = 'bearer' in auth ? undefined : Buffer.from(`${auth.username}:${auth.password}`).toString('base64')
  const secrets = 'bearer' in auth ? [auth.bearer] : [auth.password, basic ?? '']
  setHeader(
    headers,
    'authorization',
    'bearer' in auth ? `Bearer ${auth.bearer}` : `Basic ${basic ?? ''}`,
    'bearer token',
  )
  return { headers, secrets: secrets.filter((secret) => secret !== '') }
}

function setHeader(headers: Headers, name: string, value: string, from: string): void {
  try {
    headers.set(name, value)
  } catch {
    // The original error contains the value.
    throw new ThroughlineError(
      'THROUGHLINE_USAGE',
      `the ${from} for Loki contains characters that are invalid in a header: set it again`,
    )
  }
}
