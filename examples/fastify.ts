/**
 * Fastify 5: one plugin for all routes, and the tracked request as a property of Fastify's request.
 *
 *   npx tsx examples/fastify.ts
 */
import fastify from 'fastify'
import { trackRequest } from 'throughline/fastify'

const app = fastify()
await app.register(trackRequest, {
  service: 'shop',
  authenticate: (req) => (req.headers.authorization === 'Bearer sesame' ? 'ali' : false),
})
app.post<{ Params: { id: string }; Body: { amount: number } }>('/orders/:id', (req) => {
  req.tracked?.note('COUNTED', { amount: req.body.amount })
  return { order: req.params.id, by: req.tracked?.principal, trace: req.tracked?.traceId }
})

const url = await app.listen({ host: '127.0.0.1', port: 0 })
for (const authorization of ['Bearer sesame', 'Bearer tahini']) {
  const answer = await fetch(`${url}/orders/7`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'x-trace-id': 'abc-123' },
    body: '{"amount":2}',
  })
  console.log(answer.status, await answer.text())
}
await app.close()
