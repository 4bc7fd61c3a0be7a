import { ThroughlineError } from '../../errors.ts'
import { lokiAddress, type LokiAddress, type LokiAuth } from './address.ts'

/** What to read from which Loki. */
export interface LokiOptions {
  /** Its base (`http://loki:3100`, also with a path), or any address of its API; may hold credentials. */
  readonly url: string
  /** A log query in LogQL. */
  readonly query: string
  /** Epoch milliseconds, inclusive. */
  readonly start: number
  /** Epoch milliseconds, exclusive. */
  readonly end: number
  /** X-Scope-OrgID, where Loki has several tenants. */
  readonly tenant?: string
  /** Credentials in `url` go before these. */
  readonly auth?: LokiAuth
  /** Lines per page, 5,000 by default. Fewer where the server does not give so many at once. */
  readonly limit?: number
  /** Milliseconds for one try, 120,000 by default. */
  readonly timeout?: number
  readonly fetch?: typeof fetch
  /** Waits between tries; by default by the clock. */
  readonly wait?: (ms: number) => Promise<void>
  /** Told before each such pause, why and for how long. */
  readonly onWait?: (why: string, ms: number) => void
}

/** How a Loki is asked: the options, read once. */
export interface Connection {
  readonly address: LokiAddress
  readonly headers: Headers
  /** What no message may show. */
  readonly secrets: readonly string[]
  /** Milliseconds that one try may take, the answer's last byte included. */
  readonly timeout: number
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  readonly onWait: (why: string, ms: number) => void
}

/**
 * Reads the options once. Nothing is asked yet.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE where the URL is none, or a header cannot hold tenant or credentials
 */
export function connect({ url, auth, tenant, timeout = 120_000, ...options }: LokiOptions): Connection {
  const address = lokiAddress(url)
  return {
    address,
    ...identified(address.auth ?? auth, tenant),
    timeout,
    fetch: options.fetch ?? fetch,
    wait: options.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
    onWait: options.onWait ?? (() => undefined),
  }
}

function identified(
  auth: LokiAuth | undefined,
  tenant: string | undefined,
): { headers: Headers; secrets: readonly string[] } {
  // Without this flag structured metadata and parsed labels would count as labels, and make a stream of each line.
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
    // The error would repeat the value.
    throw new ThroughlineError(
      'THROUGHLINE_USAGE',
      `the ${from} for Loki holds characters that no header may: set it again`,
    )
  }
}
