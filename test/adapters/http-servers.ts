import { createServer, type Server } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Answer, RunningServer } from './http-host.ts'

/** Starts a server on any free port. */
export function listen(server: Server | Http2Server): Promise<RunningServer> {
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
      resolve({ url: `http://127.0.0.1:${String(port)}`, close })
    })
  })
}

/** Starts a server of node:http with a fetch-style handler. */
export function listenFetch(fetch: Parameters<typeof getRequestListener>[0]): Promise<RunningServer> {
  const handle = getRequestListener(fetch)
  return listen(createServer((req, res) => void handle(req, res)))
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
