import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

/** The options of a request. */
export interface AskOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders | readonly string[]
  readonly body?: string
  readonly agent?: Agent
  readonly signal?: AbortSignal
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
export function head(url: string, { body, headers, ...options }: AskOptions = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // node:http also accepts a flat list of names and values, the only form that can repeat a header.
    const sent = request(url, { ...options, ...(headers === undefined ? {} : { headers }) })
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

/** An agent with a single connection, which its requests use one after the other. */
export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 })
}
