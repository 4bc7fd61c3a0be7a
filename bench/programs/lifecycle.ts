import { createTracker } from 'throughline'
import { requestMachine } from 'throughline/machines/request'
import { createActor } from 'xstate'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { timed } from './_timed.ts'

// Without output: what tracking itself costs.
const tracker = createTracker({ service: 'shop', logger: false })

function tracked(amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
    if (!request.ended) throw new Error(`the request is ${request.state}`)
  }
}

function actors(amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const actor = createActor(requestMachine).start()
    actor.send({ type: 'AUTH_OK' })
    actor.send({ type: 'PROCESS' })
    actor.send({ type: 'RESPOND' })
    if (actor.getSnapshot().status !== 'done') throw new Error('the actor has not ended')
  }
}

answer({
  run: (figures) => timed({ throughline: tracked, actor: actors }, { rounds: figure(figures, 'rounds'), amount: figure(figures, 'amount') }),
})
