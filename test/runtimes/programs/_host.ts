/** The members of the global objects of Bun and Deno that the programs use: their types are not installed. */
interface Bun {
  serve(options: {
    readonly hostname: string
    readonly port: number
    readonly fetch: (request: Request, server: BunServer) => unknown
    readonly websocket: unknown
    readonly error: () => Response
  }): { readonly port: number }
  file(path: URL): Blob
}

export interface BunServer {
  upgrade(request: Request, options: { readonly data: unknown }): boolean
}

interface Deno {
  serve(
    options: {
      readonly hostname: string
      readonly port: number
      readonly onListen: (address: { port: number }) => void
    },
    fetch: (request: Request, info: unknown) => unknown,
  ): unknown
  upgradeWebSocket(request: Request): {
    readonly response: Response
    readonly socket: { onopen: () => void; send(text: string): void }
  }
}

// Each of them exists on its own runtime only.
export const { Bun: bun, Deno: deno } = globalThis as unknown as { readonly Bun?: Bun; readonly Deno?: Deno }

/** Starts the runtime's own server and tells the test its address. */
export function serve(fetch: (request: Request, host: never) => unknown, websocket: unknown): void {
  const address = { hostname: '127.0.0.1', port: 0 }
  // Each handler is written for the runtime that calls it.
  const handler = fetch as (request: Request, host: unknown) => unknown
  const error = (): Response => new Response('broken', { status: 500 })
  if (bun !== undefined) announce(bun.serve({ ...address, fetch: handler, websocket, error }).port)
  else deno?.serve({ ...address, onListen: ({ port }) => announce(port) }, handler)
}

/** A file, as Bun answers with one. */
export function fileResponse(): Response | undefined {
  return bun && new Response(bun.file(new URL('file.txt', import.meta.url)))
}

export function announce(port: number): void {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${String(port)}` }))
}
