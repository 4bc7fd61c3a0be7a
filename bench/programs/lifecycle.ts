import { createTracker } from 'throughline'
import { requestMachine } from '../../machines/request.ts'
import { createActor } from 'xstate'
import { getNumber } from '../numeric-record.ts'
import { measureCpuTime } from './_cpu-time.ts'
import { handleCommands } from './_handle-commands.ts'

// Without output, to measure the cost of tracking itself.
const tracker = createTracker({ service: 'shop', logger: false })

function runTracked(amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
    if (!request.ended) throw new Error(`the request is ${request.state}`)
  }
}

function runActors(amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const actor = createActor(requestMachine).start()
    actor.send({ type: 'AUTH_OK' })
    actor.send({ type: 'PROCESS' })
    actor.send({ type: 'RESPOND' })
    if (actor.getSnapshot().status !== 'done') throw new Error('the actor has not ended')
  }
}

handleCommands({
  run: (params) =>
    measureCpuTime(
      { throughline: runTracked, actor: runActors },
      { rounds: getNumber(params, 'rounds'), amount: getNumber(params, 'amount') },
    ),
})
