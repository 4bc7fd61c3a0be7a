import { createServer, type Server } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Answer, RunningServer } from './http-host.ts'

/** Has a server listen on a port that the system chooses. */
export function listen(server: Server | Http2Server): Promise<RunningServer> {
  const sessions = new Set<ServerHttp2Session>()
  if (!('closeAllConnections' in server)) server.on('session', (session) => void sessions.add(session))
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      // A server that listens on TCP has an address of this kind.
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

/** Has a server of node:http listen that answers by a fetch-style handler. */
export function listenFetch(fetch: Parameters<typeof getRequestListener>[0]): Promise<RunningServer> {
  const handle = getRequestListener(fetch)
  return listen(createServer((req, res) => void handle(req, res)))
}

/** What is written to of a response of node's, of whichever version of HTTP. */
interface Writable {
  statusCode: number
  setHeader(name: string, value: string): unknown
  write(chunk: string): unknown
  end(chunk: string): unknown
}

/** Answers by node's own response. */
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

/** The header of a request of node's; one that came several times is none. */
export function headerOf(req: {
  readonly headers: Readonly<Record<string, unknown>>
}): (name: string) => string | undefined {
  return (name) => {
    const value = req.headers[name]
    return typeof value === 'string' ? value : undefined
  }
}

/** A body that a parser has read already, or that is still to be read. */
export function bodyOf(parsed: unknown, raw: Readable): Promise<string> {
  return typeof parsed === 'string' ? Promise.resolve(parsed) : text(raw)
}
