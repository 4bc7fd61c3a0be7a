import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { Agent as SecureAgent, request as requestSecurely } from 'node:https'
import { text } from 'node:stream/consumers'
import { CERTIFICATE } from './certificate.ts'

/** The options of a request. */
export interface AskOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders | readonly string[]
  readonly body?: string
  readonly agent?: Agent
  readonly signal?: AbortSignal
  /** Sends the request; by default Node's own client. */
  readonly client?: typeof request
}

/** A response that was read to its end. */
export interface HttpResponse {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The client's port: requests on one connection have the same. */
  readonly port: number | undefined
}

/** Resolves once the headers of the response have arrived; the body is still to come. */
export function head(
  url: string,
  { body, headers, client = clientOf(url), ...options }: AskOptions = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const trust = isSecure(url) ? { ca: CERTIFICATE } : {}
    // node:http also accepts a flat list of names and values, the only form that can repeat a header.
    const sent = client(url, { ...trust, ...options, ...(headers === undefined ? {} : { headers }) })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Resolves with the whole response. */
export async function ask(url: string, options: AskOptions = {}): Promise<HttpResponse> {
  const response = await head(url, options)
  const port = response.socket.localPort
  return { status: response.statusCode, headers: response.headers, body: await text(response), port }
}

/** Node's client for a URL. */
export function clientOf(url: string): typeof request {
  return isSecure(url) ? requestSecurely : request
}

/** An agent with a single connection, which its requests use one after the other. */
export function keepAliveAgent(url: string): Agent {
  const options = { keepAlive: true, maxSockets: 1 }
  return isSecure(url) ? new SecureAgent(options) : new Agent(options)
}

function isSecure(url: string): boolean {
  return url.startsWith('https:')
}
