import type { IncomingMessage } from 'node:http'
import fastify, { type FastifyRequest } from 'fastify'
import { expectTypeOf, test } from 'vitest'
import { trackRequest as plugin } from '../../src/adapters/fastify.ts'
import { trackRequest as lambda } from '../../src/adapters/lambda.ts'
import { currentRequest, trackRequest } from '../../src/index.ts'

interface Event {
  readonly headers: Readonly<Record<string, string>>
}

test("each host's functions get its own request, without annotations", () => {
  trackRequest((_req, res) => res.end(), {
    service: 'api',
    authenticate: (req) => {
      expectTypeOf(req).toEqualTypeOf<IncomingMessage>()
      return req.headers.authorization
    },
    ignore: (req) => req.url === '/health',
    path: (req, path) => `${req.method ?? ''} ${path}`,
  })
  trackRequest((request: Request) => new Response(request.url), {
    service: 'api',
    authenticate: (request) => {
      expectTypeOf(request).toEqualTypeOf<Request>()
      return request.headers.get('authorization')
    },
    fields: (request) => ({ tenant: request.headers.get('x-tenant') }),
  })
  void fastify().register(plugin, {
    service: 'api',
    authenticate: (req) => {
      expectTypeOf(req).toEqualTypeOf<FastifyRequest>()
      return req.headers.authorization
    },
    ignore: (req) => req.url === '/health',
  })
  lambda((event: Event) => Promise.resolve(event.headers), {
    service: 'api',
    authenticate: (event) => {
      expectTypeOf(event).toEqualTypeOf<Event>()
      return event.headers.authorization
    },
    ignore: (event) => event.headers.probe === 'yes',
  })
  expectTypeOf<FastifyRequest['tracked']>().toEqualTypeOf(currentRequest())
})
