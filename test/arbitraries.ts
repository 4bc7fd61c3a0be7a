import fc from 'fast-check'
import { createMachine, type AnyStateMachine } from 'xstate'

/** The events of random machines. */
export const EVENTS = ['GO', 'BACK', 'END', 'toString', '__proto__'] as const
/** The events of random machines, and `UNKNOWN`, which is in none of them. */
export const SIGNALS = [...EVENTS, 'UNKNOWN'] as const

// Names that are also in Object.prototype, and names with blanks and non-ASCII letters.
const KEYS = ['a', 'b', 'c d', 'constructor', 'hasOwnProperty', 'ünïcode'] as const

/** A state of a random machine without its transitions. A leaf has no children. */
interface StateShape {
  readonly children: readonly StateShape[]
  readonly final: boolean
}

interface NodeConfig {
  id: string
  type?: 'final'
  initial?: string
  states?: Record<string, NodeConfig>
  on: Record<string, { target?: string; reenter?: boolean }>
}

type TransitionChoice = readonly [event: (typeof EVENTS)[number], target: number | undefined, reenter: boolean]

const leaf: fc.Arbitrary<StateShape> = fc.boolean().map((final) => ({ children: [], final }))

function shapes(depth: number): fc.Arbitrary<StateShape> {
  if (depth === 0) return leaf
  const compound = fc
    .array(shapes(depth - 1), { minLength: 1, maxLength: 3 })
    .map((children): StateShape => ({ children, final: false }))
  return fc.oneof({ weight: 2, arbitrary: leaf }, { weight: 1, arbitrary: compound })
}

/** Machines with one level of states. Any event may lead to any of them. */
export const flatMachine = machines(0)
/** Machines with nested states, and transitions from and to every level, including from a state to itself. */
export const nestedMachine = machines(2)

function machines(depth: number): fc.Arbitrary<AnyStateMachine> {
  const root = fc
    .array(shapes(depth), { minLength: 1, maxLength: KEYS.length })
    .map((children): StateShape => ({ children, final: false }))
  return root.chain((shape) => {
    const size = count(shape)
    // Node 0 is the root. Without a target, a transition does not change the state.
    const transition: fc.Arbitrary<TransitionChoice> = fc.tuple(
      fc.constantFrom(...EVENTS),
      fc.option(fc.integer({ min: 1, max: size - 1 }), { nil: undefined, freq: 6 }),
      fc.boolean(),
    )
    const choices = fc.array(fc.array(transition, { maxLength: 4 }), { minLength: size, maxLength: size })
    return choices.map((transitions) => createMachine(configOf(shape, transitions)))
  })
}

function count({ children }: StateShape): number {
  return children.reduce((sum, child) => sum + count(child), 1)
}

function configOf(root: StateShape, choices: readonly (readonly TransitionChoice[])[]): NodeConfig {
  let next = 0
  const build = ({ children, final }: StateShape): NodeConfig => {
    const number = next++
    const config: NodeConfig = { id: `n${String(number)}`, on: {} }
    if (children.length > 0) {
      config.initial = KEYS[0]
      config.states = Object.fromEntries(children.map((child, index) => [KEYS[index] ?? '', build(child)]))
    } else if (final) config.type = 'final'
    for (const [event, target, reenter] of final ? [] : (choices[number] ?? [])) {
      // An assignment to "__proto__" would set the prototype.
      const value = target === undefined ? {} : { target: `#n${String(target)}`, reenter }
      Object.defineProperty(config.on, event, { value, enumerable: true, configurable: true, writable: true })
    }
    return config
  }
  return build(root)
}
