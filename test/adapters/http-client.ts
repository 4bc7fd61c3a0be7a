import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Asking {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders | readonly string[]
  readonly body?: string
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

export interface Answered {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The client's end of the connection: the same on the next request where the connection was kept. */
  readonly port: number | undefined
}

/** Resolves with the head of an answer; its body is still to come. */
export function head(url: string, { body, headers, ...options }: Asking = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // node:http takes a flat list of names and values too, which alone can send a header twice.
    const sent = request(url, { ...options, ...(headers === undefined ? {} : { headers }) })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Resolves with a whole answer. */
export async function ask(url: string, asking: Asking = {}): Promise<Answered> {
  const response = await head(url, asking)
  const port = response.socket.localPort
  return { status: response.statusCode, headers: response.headers, body: await text(response), port }
}

/** An agent that keeps one connection, so that requests follow each other on it. */
export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 })
}
