import { describe, expect, test } from 'vitest'
import { createActor, createMachine, fromPromise, setup, type AnyStateMachine } from 'xstate'
import { ThroughlineError } from '../../src/errors.ts'
import { compile } from '../../src/machine/compile.ts'

function refusal(machine: AnyStateMachine): string {
  try {
    compile(machine)
  } catch (error) {
    if (error instanceof ThroughlineError && error.code === 'THROUGHLINE_MACHINE_UNSUPPORTED') return error.message
    throw error
  }
  return 'not refused'
}

const nothing = (): void => undefined
const B = { type: 'final' } as const

describe('compile refuses what a log cannot be checked against, and names the state and the reason', () => {
  test.each<[what: string, machine: AnyStateMachine, said: RegExp]>([
    [
      'a guard',
      createMachine({ initial: 'A', states: { A: { on: { X: { target: 'B', guard: () => true } } }, B } }),
      /a guard on X in state "A": .+not in the log/,
    ],
    [
      'a guard on a second way',
      createMachine({
        initial: 'A',
        states: { A: { on: { X: [{ target: 'B' }, { target: 'A', guard: () => true }] } }, B },
      }),
      /a guard on X in state "A"/,
    ],
    [
      'a guard at the root',
      createMachine({ initial: 'A', on: { X: { target: '.A', guard: () => true } }, states: { A: {} } }),
      /a guard on X at its root/,
    ],
    [
      'a named guard',
      setup({ guards: { yes: () => true } }).createMachine({
        initial: 'A',
        states: { A: { on: { X: { target: 'B', guard: 'yes' } } }, B },
      }),
      /a guard on X in state "A"/,
    ],
    [
      'context',
      createMachine({ context: { n: 0 }, initial: 'A', states: { A: {} } }),
      /context at its root: .+cannot be checked/,
    ],
    ['lazy context', createMachine({ context: () => ({}), initial: 'A', states: { A: {} } }), /context at its root/],
    [
      'a parallel root',
      createMachine({ type: 'parallel', states: { A: {}, B: {} } }),
      /parallel regions at its root: .+one state at a time/,
    ],
    [
      'parallel regions',
      createMachine({ initial: 'A', states: { A: { type: 'parallel', states: { P: {}, Q: {} } } } }),
      /parallel regions in state "A"/,
    ],
    [
      'history',
      createMachine({ initial: 'A', states: { A: { initial: 'P', states: { P: {}, H: { type: 'history' } } } } }),
      /a history state in state "A\.H": .+what came before/,
    ],
    [
      'invoke',
      createMachine({
        initial: 'A',
        states: { A: { invoke: { src: fromPromise(() => Promise.resolve()), onDone: 'B' } }, B },
      }),
      /invoke in state "A": .+without a signal/,
    ],
    [
      'always',
      createMachine({ initial: 'A', states: { A: { always: 'B' }, B } }),
      /eventless transition \(always\) in state "A": no event/,
    ],
    [
      'after',
      createMachine({ initial: 'A', states: { A: { after: { 1_000: 'B' } }, B } }),
      /delayed transition \(after\) in state "A": .+timer/,
    ],
    [
      'onDone',
      createMachine({ initial: 'A', states: { A: { initial: 'P', states: { P: B }, onDone: 'B' }, B } }),
      /onDone in state "A": no event/,
    ],
    [
      'actions',
      createMachine({ initial: 'A', states: { A: { on: { X: { target: 'B', actions: nothing } } }, B } }),
      /actions on X in state "A": .+no actions/,
    ],
    [
      'actions without a target',
      createMachine({ initial: 'A', states: { A: { on: { X: { actions: nothing } } } } }),
      /actions on X in state "A"/,
    ],
    [
      'entry',
      createMachine({ initial: 'A', states: { A: { entry: nothing } } }),
      /entry, exit or initial actions in state "A": .+no actions/,
    ],
    [
      'exit',
      createMachine({ initial: 'A', states: { A: { exit: nothing } } }),
      /entry, exit or initial actions in state "A"/,
    ],
    [
      'entry at the root',
      createMachine({ entry: nothing, initial: 'A', states: { A: {} } }),
      /entry, exit or initial actions at its root/,
    ],
    [
      'initial actions',
      createMachine({ initial: { target: 'A', actions: nothing }, states: { A: {} } }),
      /entry, exit or initial actions at its root/,
    ],
    [
      'a wildcard',
      createMachine({ initial: 'A', states: { A: { on: { '*': 'B' } }, B } }),
      /the wildcard "\*" in state "A": .+needs a name/,
    ],
    [
      'a partial wildcard',
      createMachine({ initial: 'A', states: { A: { on: { 'auth.*': 'B' } }, B } }),
      /the wildcard "auth\.\*" in state "A"/,
    ],
    [
      'a long state',
      createMachine({ initial: 'A', states: { A: {}, ['x'.repeat(65)]: {} } }),
      /a state name that is .+over 64 bytes in state "x{65}"/,
    ],
    [
      'a state that is long in bytes',
      createMachine({ initial: 'A', states: { A: {}, ['ü'.repeat(33)]: {} } }),
      /over 64 bytes/,
    ],
    [
      'a long path',
      createMachine({ initial: 'A', states: { A: { initial: 'x', states: { x: {}, ['y'.repeat(63)]: {} } } } }),
      /over 64 bytes in state "A\.y{63}"/,
    ],
    [
      'a long event',
      createMachine({ initial: 'A', states: { A: { on: { ['X'.repeat(65)]: 'A' } } } }),
      /an? event name that is .+over 64 bytes in state "A"/,
    ],
    ['a nameless state', createMachine({ initial: 'A', states: { A: {}, '': {} } }), /a state name that is empty/],
    ['half a character', createMachine({ initial: 'A', states: { A: {}, '\ud83d': {} } }), /half a character/],
    [
      'a clash of dots',
      createMachine({ initial: 'A', states: { A: { initial: 'b', states: { b: {} } }, 'A.b': {} } }),
      /two states of one name.+rename it/,
    ],
    [
      'a state that XState loses',
      createMachine({ initial: 'A', states: { A: {}, ['__proto__']: {} } }),
      /a state called __proto__ at its root: .+rename it/,
    ],
    ['no states', createMachine({ id: 'bare' }), /machine "bare" uses no states/],
  ])('%s', (_, machine, said) => {
    expect(refusal(machine)).toMatch(said)
  })
})

describe('compile takes what does not change the way of a request', () => {
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
    ['dots in keys that clash with nothing', createMachine({ initial: 'v1.a', states: { 'v1.a': {} } })],
  ])('%s', (_, machine) => {
    expect(refusal(machine)).toBe('not refused')
    expect(() => createActor(machine).start()).not.toThrow()
  })
})
