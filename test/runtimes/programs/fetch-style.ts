/** A fetch-style handler on the server of Bun or Deno. */
import { createTracker } from '../../../src/handlers/track-request.ts'
import { currentTraceId } from '../../../src/tracking/current-request.ts'
import { responseOf } from '../../adapters/fetch-response.ts'
import { bun, deno, fileResponse, serve, type BunServer } from './_host.ts'
import { authenticate, ROUTES } from './_routes.ts'

const tracker = createTracker({ service: 'api' })

function upgrade(request: Request, host: BunServer): Response | undefined {
  const id = currentTraceId()
  if (bun !== undefined) return host.upgrade(request, { data: id }) ? undefined : new Response(null, { status: 400 })
  const upgraded = deno?.upgradeWebSocket(request)
  if (upgraded === undefined) return undefined
  upgraded.socket.onopen = () => upgraded.socket.send(id)
  return upgraded.response
}

const fetch = tracker.trackRequest(
  async (request: Request, host: BunServer) => {
    const url = new URL(request.url)
    if (url.pathname === '/live') return upgrade(request, host)
    if (url.pathname === '/refused') return new Response('who are you', { status: 401 })
    if (url.pathname === '/file') return fileResponse()
    if (url.pathname === '/moved') return Response.redirect('http://localhost/elsewhere')
    if (url.pathname === '/stats') return Response.json(tracker.stats)
    const route = ROUTES[url.pathname]
    if (route === undefined) return new Response('not here', { status: 404 })
    return responseOf(await route({ url, text: () => request.text() }))
  },
  {
    authenticate: ({ headers }) => authenticate(headers.get('authorization')),
    ignore: ({ url }) => url.endsWith('/stats'),
  },
)

serve(fetch, {
  open: (socket: { readonly data: string; send(text: string): void }) => socket.send(socket.data),
  message: () => undefined,
})
