import { compile, step } from 'throughline'
import { requestMachine } from '../../machines/request.ts'
import { createActor, initialTransition, transition } from 'xstate'
import { getNumber } from '../numeric-record.ts'
import { measureCpuTime, type TaskRounds } from './_cpu-time.ts'
import { handleCommands } from './_handle-commands.ts'

const STATES = ['Received', 'Authenticated', 'Processing'] as const
const EVENTS = ['AUTH_OK', 'PROCESS', 'RESPOND'] as const

const table = compile(requestMachine)
const initial = initialTransition(requestMachine)
/** Uses every result, so that V8 cannot eliminate the calls as dead code. */
let checksum = 0

function runSteps(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    for (let at = 0; at < EVENTS.length; at += 1)
      checksum += step(table, STATES[at] ?? '', EVENTS[at] ?? '')?.index ?? 0
  }
}

function runTransitions(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    let [snapshot] = initial
    for (const type of EVENTS) [snapshot] = transition(requestMachine, snapshot, { type })
    if (snapshot.status === 'done') checksum += 1
  }
}

function runActors(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    const actor = createActor(requestMachine).start()
    for (const type of EVENTS) actor.send({ type })
    if (actor.getSnapshot().status === 'done') checksum += 1
  }
}

handleCommands({
  run: async (params) => {
    const roundsOf = (amount: number): TaskRounds => ({ rounds: getNumber(params, 'rounds'), amount })
    const steps = await measureCpuTime({ step: runSteps }, roundsOf(getNumber(params, 'steps')))
    const events = await measureCpuTime(
      { transition: runTransitions, actor: runActors },
      roundsOf(getNumber(params, 'events')),
    )
    return { ...steps, ...events, checksum }
  },
})
