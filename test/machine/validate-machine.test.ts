import { describe, expect, test } from 'vitest'
import { createActor, createMachine, fromPromise, setup, type AnyStateMachine } from 'xstate'
import { ThroughlineError } from '../../src/errors.ts'
import { compile } from '../../src/machine/compile.ts'

/** The message with which a machine is rejected. */
function rejection(machine: AnyStateMachine): string {
  try {
    compile(machine)
  } catch (error) {
    if (error instanceof ThroughlineError && error.code === 'THROUGHLINE_MACHINE_UNSUPPORTED') return error.message
    throw error
  }
  return 'not rejected'
}

const nothing = (): void => undefined
const B = { type: 'final' } as const

const GUARD = 'what the guard saw is not in the log'
const ONE_STATE = 'a request is in one state at a time'
const NO_ACTIONS = 'the compiled table runs no actions; use a sink'
const NO_EVENT = 'the log would have no event'
const CONTEXT = 'the log has states and events only, so context cannot be checked'
const NAME_LENGTH = 'a log line contains it up to three times and has a maximum length'

describe('compile rejects what cannot be checked from a log, and names the state and the reason', () => {
  test.each<[what: string, machine: AnyStateMachine, message: string]>([
    [
      'a guard',
      createMachine({ initial: 'A', states: { A: { on: { X: { target: 'B', guard: () => true } } }, B } }),
      `a guard on X in state "A": ${GUARD}`,
    ],
    [
      'a guard on the second of two transitions',
      createMachine({
        initial: 'A',
        states: { A: { on: { X: [{ target: 'B' }, { target: 'A', guard: () => true }] } }, B },
      }),
      `a guard on X in state "A": ${GUARD}`,
    ],
    [
      'a guard at the root',
      createMachine({ initial: 'A', on: { X: { target: '.A', guard: () => true } }, states: { A: {} } }),
      `a guard on X at its root: ${GUARD}`,
    ],
    [
      'a guard in a nested state',
      createMachine({
        initial: 'A',
        states: { A: { initial: 'P', states: { P: { on: { X: { target: 'P', guard: () => true } } } } } },
      }),
      `a guard on X in state "A.P": ${GUARD}`,
    ],
    [
      'a named guard',
      setup({ guards: { yes: () => true } }).createMachine({
        initial: 'A',
        states: { A: { on: { X: { target: 'B', guard: 'yes' } } }, B },
      }),
      `a guard on X in state "A": ${GUARD}`,
    ],
    [
      'context',
      createMachine({ context: { n: 0 }, initial: 'A', states: { A: {} } }),
      `context at its root: ${CONTEXT}`,
    ],
    [
      'lazy context',
      createMachine({ context: () => ({}), initial: 'A', states: { A: {} } }),
      `context at its root: ${CONTEXT}`,
    ],
    [
      'a parallel root',
      createMachine({ type: 'parallel', states: { A: {}, B: {} } }),
      `parallel regions at its root: ${ONE_STATE}`,
    ],
    [
      'parallel regions',
      createMachine({ initial: 'A', states: { A: { type: 'parallel', states: { P: {}, Q: {} } } } }),
      `parallel regions in state "A": ${ONE_STATE}`,
    ],
    [
      'history',
      createMachine({ initial: 'A', states: { A: { initial: 'P', states: { P: {}, H: { type: 'history' } } } } }),
      'a history state in state "A.H": its target depends on earlier states, which a log line does not have',
    ],
    [
      'invoke',
      createMachine({
        initial: 'A',
        states: { A: { invoke: { src: fromPromise(() => Promise.resolve()), onDone: 'B' } }, B },
      }),
      'invoke in state "A": an invoked actor would move the request without a signal',
    ],
    [
      'always',
      createMachine({ initial: 'A', states: { A: { always: 'B' }, B } }),
      `an eventless transition (always) in state "A": ${NO_EVENT}`,
    ],
    [
      'after',
      createMachine({ initial: 'A', states: { A: { after: { 1_000: 'B' } }, B } }),
      'a delayed transition (after) in state "A": a timer would move the request without a signal',
    ],
    [
      'onDone',
      createMachine({ initial: 'A', states: { A: { initial: 'P', states: { P: B }, onDone: 'B' }, B } }),
      `onDone in state "A": ${NO_EVENT}`,
    ],
    [
      'actions',
      createMachine({ initial: 'A', states: { A: { on: { X: { target: 'B', actions: nothing } } }, B } }),
      `actions on X in state "A": ${NO_ACTIONS}`,
    ],
    [
      'actions without a target',
      createMachine({ initial: 'A', states: { A: { on: { X: { actions: nothing } } } } }),
      `actions on X in state "A": ${NO_ACTIONS}`,
    ],
    [
      'entry actions',
      createMachine({ initial: 'A', states: { A: { entry: nothing } } }),
      `entry, exit or initial actions in state "A": ${NO_ACTIONS}`,
    ],
    [
      'exit actions',
      createMachine({ initial: 'A', states: { A: { exit: nothing } } }),
      `entry, exit or initial actions in state "A": ${NO_ACTIONS}`,
    ],
    [
      'entry and exit actions',
      createMachine({ initial: 'A', states: { A: { entry: nothing, exit: nothing } } }),
      `entry, exit or initial actions in state "A": ${NO_ACTIONS}`,
    ],
    [
      'entry actions at the root',
      createMachine({ entry: nothing, initial: 'A', states: { A: {} } }),
      `entry, exit or initial actions at its root: ${NO_ACTIONS}`,
    ],
    [
      'initial actions',
      createMachine({ initial: { target: 'A', actions: nothing }, states: { A: {} } }),
      `entry, exit or initial actions at its root: ${NO_ACTIONS}`,
    ],
    [
      'entry and initial actions',
      createMachine({ entry: nothing, initial: { target: 'A', actions: nothing }, states: { A: {} } }),
      `entry, exit or initial actions at its root: ${NO_ACTIONS}`,
    ],
    [
      'several targets',
      createMachine({
        initial: 'A',
        // In one region, XState enters the last of them.
        states: { A: { on: { X: { target: ['B', 'C'] } } }, B, C: {} },
      }),
      `several targets on X in state "A": ${ONE_STATE}`,
    ],
    [
      'a wildcard',
      createMachine({ initial: 'A', states: { A: { on: { '*': 'B' } }, B } }),
      'the wildcard "*" in state "A": every event needs a name in the log',
    ],
    [
      'a partial wildcard',
      createMachine({ initial: 'A', states: { A: { on: { 'auth.*': 'B' } }, B } }),
      'the wildcard "auth.*" in state "A": every event needs a name in the log',
    ],
    [
      'a long state name',
      createMachine({ initial: 'A', states: { A: {}, ['x'.repeat(65)]: {} } }),
      `a state name that is empty or over 64 bytes in state "${'x'.repeat(65)}": ${NAME_LENGTH}`,
    ],
    [
      'a state name that is long in bytes',
      createMachine({ initial: 'A', states: { A: {}, ['ü'.repeat(33)]: {} } }),
      `a state name that is empty or over 64 bytes in state "${'ü'.repeat(33)}": ${NAME_LENGTH}`,
    ],
    [
      'a state name that is long as JSON',
      createMachine({ initial: 'A', states: { A: {}, ['"'.repeat(33)]: {} } }),
      `a state name that is empty or over 64 bytes in state "${'"'.repeat(33)}": ${NAME_LENGTH}`,
    ],
    [
      'a long path',
      createMachine({ initial: 'A', states: { A: { initial: 'x', states: { x: {}, ['y'.repeat(63)]: {} } } } }),
      `a state name that is empty or over 64 bytes in state "A.${'y'.repeat(63)}": ${NAME_LENGTH}`,
    ],
    [
      'a long event name',
      createMachine({ initial: 'A', states: { A: { on: { ['X'.repeat(65)]: 'A' } } } }),
      `an event name that is empty or over 64 bytes in state "A": ${NAME_LENGTH}`,
    ],
    [
      'an empty state name',
      createMachine({ initial: 'A', states: { A: {}, '': {} } }),
      `a state name that is empty or over 64 bytes in state "": ${NAME_LENGTH}`,
    ],
    [
      'a lone surrogate',
      createMachine({ initial: 'A', states: { A: {}, '\ud83d': {} } }),
      'a state name with a lone surrogate in state "\ud83d": no header can carry it',
    ],
    [
      'a state that XState drops',
      createMachine({ initial: 'A', states: { A: {}, ['__proto__']: {} } }),
      'a state called __proto__ at its root: XState drops this name, so rename it',
    ],
  ])('%s', (_, machine, message) => {
    expect(rejection(machine)).toBe(`machine "(machine)" uses ${message}`)
  })

  test('no states', () => {
    expect(rejection(createMachine({ id: 'empty' }))).toBe(
      'machine "empty" uses no states at its root: every log line names a state',
    )
  })

  test('two states of the same name', () => {
    const states = { A: { initial: 'b', states: { b: {} } }, 'A.b': {} }
    expect(rejection(createMachine({ id: 'dots', initial: 'A', states }))).toBe(
      'machine "dots" has two states of one name: ' + "a dot in a state's key looks like a nested state, so rename it",
    )
  })
})

describe('compile accepts what does not change the path of a request', () => {
  test.each<[what: string, machine: AnyStateMachine]>([
    [
      'names of 64 bytes',
      createMachine({
        initial: 'x'.repeat(64),
        states: { ['x'.repeat(64)]: { on: { ['X'.repeat(64)]: 'x'.repeat(64) } } },
      }),
    ],
    ['an empty context', createMachine({ context: {}, initial: 'A', states: { A: {} } })],
    [
      'tags, meta and output',
      createMachine({
        initial: 'A',
        output: () => 1,
        states: { A: { tags: ['t'], meta: { a: 1 }, on: { X: 'B' } }, B: { ...B, output: 2 } },
      }),
    ],
    ['dots in keys that are unique', createMachine({ initial: 'v1.a', states: { 'v1.a': {} } })],
    ['an event named like an internal one', createMachine({ initial: 'A', states: { A: { on: { 'done.x': 'A' } } } })],
  ])('%s', (_, machine) => {
    expect(rejection(machine)).toBe('not rejected')
    expect(() => createActor(machine).start()).not.toThrow()
  })
})
