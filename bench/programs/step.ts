import { compile, step } from 'throughline'
import { requestMachine } from 'throughline/machines/request'
import { createActor, initialTransition, transition } from 'xstate'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { timed, type Timing } from './_timed.ts'

const STATES = ['Received', 'Authenticated', 'Processing'] as const
const EVENTS = ['AUTH_OK', 'PROCESS', 'RESPOND'] as const

const table = compile(requestMachine)
/** Keeps the compiler from leaving out what nobody looks at. */
let seen = 0

function stepping(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    for (let at = 0; at < EVENTS.length; at += 1) seen += step(table, STATES[at] ?? '', EVENTS[at] ?? '')?.index ?? 0
  }
}

function pure(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    let [snapshot] = initial
    for (const type of EVENTS) [snapshot] = transition(requestMachine, snapshot, { type })
    if (snapshot.status === 'done') seen += 1
  }
}
const initial = initialTransition(requestMachine)

function actors(amount: number): void {
  for (let done = 0; done < amount; done += EVENTS.length) {
    const actor = createActor(requestMachine).start()
    for (const type of EVENTS) actor.send({ type })
    if (actor.getSnapshot().status === 'done') seen += 1
  }
}

answer({
  run: async (figures) => {
    const rounds = figure(figures, 'rounds')
    const timing = (amount: number): Timing => ({ rounds, amount })
    const fast = await timed({ step: stepping }, timing(figure(figures, 'steps')))
    const slow = await timed({ transition: pure, actor: actors }, timing(figure(figures, 'events')))
    return { ...fast, ...slow, seen }
  },
})
