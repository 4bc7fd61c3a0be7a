import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { requestMachine } from '../../machines/request.ts'
import { createActor, type ActorRefFrom } from 'xstate'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

// The server of `by-hand.ts` with the machine itself: an actor per request, whose transitions trigger the lines.
const logger = pino(pino.destination({ dest: LOG_FILE, sync: true }))
const currentActor = new AsyncLocalStorage<ActorRefFrom<typeof requestMachine>>()

serve((req, res) => {
  const incoming = req.headers['x-trace-id']
  const traceId = typeof incoming === 'string' ? incoming : randomUUID()
  const log = logger.child({ service: 'shop', trace_id: traceId, request_id: randomBytes(8).toString('hex') })
  const actor = createActor(requestMachine)
  let seq = 0
  actor.subscribe(({ value }) => {
    // The machine has no nested states, so the value is always a string.
    log.info({ state: value, seq }, typeof value === 'string' ? value : '')
    seq += 1
  })
  actor.start()
  res.setHeader('x-trace-id', traceId)
  res.once('finish', () => actor.send({ type: 'RESPOND' }))
  actor.send({ type: 'AUTH_OK' })
  actor.send({ type: 'PROCESS' })
  currentActor.run(actor, handler, req, res)
})
