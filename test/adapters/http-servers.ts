import { createServer, type RequestListener, type Server } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import { createServer as createSecureServer, Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { CERTIFICATE, KEY } from './certificate.ts'
import type { Answer, RunningServer } from './http-host.ts'

/** Starts a server on any free port. */
export function listen(server: Server | SecureServer | Http2Server): Promise<RunningServer> {
  const sessions = new Set<ServerHttp2Session>()
  if (!('closeAllConnections' in server)) server.on('session', (session) => void sessions.add(session))
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      // A server that listens on TCP has an address of this type.
      const { port } = server.address() as AddressInfo
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed())
          if ('closeAllConnections' in server) server.closeAllConnections()
          for (const session of sessions) session.destroy()
        })
      const scheme = server instanceof SecureServer ? 'https' : 'http'
      resolve({ url: `${scheme}://127.0.0.1:${String(port)}`, close })
    })
  })
}

/** What a server over HTTPS is created with. */
export const TLS = { key: KEY, cert: CERTIFICATE }

/** Starts a server of node:https. */
export function listenSecurely(listener: RequestListener): Promise<RunningServer> {
  return listen(createSecureServer(TLS, listener))
}

type Fetch = Parameters<typeof getRequestListener>[0]

/** Starts a server of node:http with a fetch-style handler. */
export function listenFetch(fetch: Fetch): Promise<RunningServer> {
  return listen(createServer(nodeListener(fetch)))
}

/** {@link listenFetch} over HTTPS. */
export function listenFetchSecurely(fetch: Fetch): Promise<RunningServer> {
  return listenSecurely(nodeListener(fetch))
}

function nodeListener(fetch: Fetch): RequestListener {
  const handle = getRequestListener(fetch)
  return (req, res) => void handle(req, res)
}

/** The members of Node's response that are used, of either version of HTTP. */
interface Writable {
  statusCode: number
  setHeader(name: string, value: string): unknown
  write(chunk: string): unknown
  end(chunk: string): unknown
}

/** Responds through Node's own response. */
export async function write(res: Writable, { status = 200, type, body = '' }: Answer): Promise<void> {
  res.statusCode = status
  if (type !== undefined) res.setHeader('content-type', type)
  if (typeof body === 'string' || body === null) {
    res.end(body ?? '')
    return
  }
  for await (const part of body) res.write(part)
  res.end('')
}

/** Reads a header of Node's request; a repeated one counts as absent. */
export function headerOf(req: {
  readonly headers: Readonly<Record<string, unknown>>
}): (name: string) => string | undefined {
  return (name) => {
    const value = req.headers[name]
    return typeof value === 'string' ? value : undefined
  }
}

/** The body as a parser has read it, or else read from the stream. */
export function bodyOf(parsed: unknown, raw: Readable): Promise<string> {
  return typeof parsed === 'string' ? Promise.resolve(parsed) : text(raw)
}
