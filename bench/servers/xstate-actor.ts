import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { requestMachine } from 'throughline/machines/request'
import { createActor, type ActorRefFrom } from 'xstate'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

// The server by hand, with the machine itself instead of a table made from it.
const logger = pino(pino.destination({ dest: LOG_FILE, sync: true }))
const inHand = new AsyncLocalStorage<ActorRefFrom<typeof requestMachine>>()

serve((req, res) => {
  const given = req.headers['x-trace-id']
  const traceId = typeof given === 'string' ? given : randomUUID()
  const log = logger.child({ service: 'shop', trace_id: traceId, request_id: randomBytes(8).toString('hex') })
  const actor = createActor(requestMachine)
  let seq = 0
  actor.subscribe(({ value }) => {
    // The machine is flat, so the value is a name; its type allows for nested states.
    log.info({ state: value, seq }, typeof value === 'string' ? value : '')
    seq += 1
  })
  actor.start()
  res.setHeader('x-trace-id', traceId)
  res.once('finish', () => actor.send({ type: 'RESPOND' }))
  actor.send({ type: 'AUTH_OK' })
  actor.send({ type: 'PROCESS' })
  inHand.run(actor, handler, req, res)
})
