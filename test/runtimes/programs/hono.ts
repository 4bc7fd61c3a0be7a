/** A Hono application on the server of Bun or Deno. */
import { Hono } from 'hono'
import { trackRequest } from '../../../src/adapters/hono.ts'
import { createTracker } from '../../../src/handlers/track-request.ts'
import { currentTraceId } from '../../../src/tracking/current-request.ts'
import { responseOf } from '../../adapters/fetch-response.ts'
import { bun, fileResponse, serve } from './_host.ts'
import { authenticate, ROUTES } from './_routes.ts'

const tracker = createTracker({ service: 'api' })
const app = new Hono()
app.use(
  trackRequest({
    tracker,
    authenticate: (c) => authenticate(c.req.header('authorization')),
    ignore: (c) => c.req.path === '/stats',
  }),
)
for (const [path, route] of Object.entries(ROUTES))
  app.on(['GET', 'POST'], path, async (c) => {
    const { status = 200, type, body = '' } = await route({ url: new URL(c.req.url), text: () => c.req.text() })
    // Hono's own helpers, which have statuses as a union of literals.
    if (typeof body === 'string' && type === undefined) return c.text(body, status as 200)
    if (typeof body === 'string') return c.json(JSON.parse(body) as object)
    return responseOf({ status, body, ...(type === undefined ? {} : { type }) })
  })
app.get('/stats', (c) => c.json(tracker.stats))
app.get('/file', (c) => fileResponse() ?? c.notFound())
app.get('/moved', () => Response.redirect('http://localhost/elsewhere'))
app.get('/refused', (c) => c.text('who are you', 401))
app.onError((_error, c) => c.text('broken', 500))

const { upgradeWebSocket, websocket } =
  bun === undefined ? { ...(await import('hono/deno')), websocket: undefined } : await import('hono/bun')
app.get(
  '/live',
  upgradeWebSocket(() => {
    const id = currentTraceId()
    return { onOpen: (_event, socket) => socket.send(id) }
  }),
)

serve(app.fetch, websocket)
