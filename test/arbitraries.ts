import fc from 'fast-check'
import { createMachine, type AnyStateMachine } from 'xstate'

/** The events of random machines; `STRANGER` is one that none of them knows. */
export const EVENTS = ['GO', 'BACK', 'END', 'toString', '__proto__'] as const
export const SIGNALS = [...EVENTS, 'STRANGER'] as const

// Names that a careless table would look up in Object.prototype, or split.
const KEYS = ['a', 'b', 'c d', 'constructor', 'hasOwnProperty', 'ünïcode'] as const

/** A state of a random machine, without its transitions; a leaf has no children. */
interface Shape {
  readonly children: readonly Shape[]
  readonly final: boolean
}

interface NodeConfig {
  id: string
  type?: 'final'
  initial?: string
  states?: Record<string, NodeConfig>
  on: Record<string, { target?: string; reenter?: boolean }>
}

type Choice = readonly [event: (typeof EVENTS)[number], target: number | undefined, reenter: boolean]

const leaf: fc.Arbitrary<Shape> = fc.boolean().map((final) => ({ children: [], final }))

function shapes(depth: number): fc.Arbitrary<Shape> {
  if (depth === 0) return leaf
  const compound = fc
    .array(shapes(depth - 1), { minLength: 1, maxLength: 3 })
    .map((children): Shape => ({ children, final: false }))
  return fc.oneof({ weight: 2, arbitrary: leaf }, { weight: 1, arbitrary: compound })
}

/** Machines with one level of states, any of which any event may enter. */
export const flatMachine = machines(0)
/** Machines whose states hold states, with transitions on every level, into every level, and back into themselves. */
export const nestedMachine = machines(2)

function machines(depth: number): fc.Arbitrary<AnyStateMachine> {
  const root = fc
    .array(shapes(depth), { minLength: 1, maxLength: KEYS.length })
    .map((children): Shape => ({ children, final: false }))
  return root.chain((shape) => {
    const size = count(shape)
    // Target 0 is the root, and undefined a transition that stays where it is.
    const choice: fc.Arbitrary<Choice> = fc.tuple(
      fc.constantFrom(...EVENTS),
      fc.option(fc.integer({ min: 1, max: size - 1 }), { nil: undefined, freq: 6 }),
      fc.boolean(),
    )
    const choices = fc.array(fc.array(choice, { maxLength: 4 }), { minLength: size, maxLength: size })
    return choices.map((transitions) => createMachine(configOf(shape, transitions)))
  })
}

function count({ children }: Shape): number {
  return children.reduce((sum, child) => sum + count(child), 1)
}

function configOf(root: Shape, choices: readonly (readonly Choice[])[]): NodeConfig {
  let next = 0
  const build = ({ children, final }: Shape): NodeConfig => {
    const number = next++
    const config: NodeConfig = { id: `n${String(number)}`, on: {} }
    if (children.length > 0) {
      config.initial = KEYS[0]
      config.states = Object.fromEntries(children.map((child, index) => [KEYS[index] ?? '', build(child)]))
    } else if (final) config.type = 'final'
    for (const [event, target, reenter] of final ? [] : (choices[number] ?? [])) {
      // Defined, not assigned: to assign "__proto__" would set the prototype.
      const value = target === undefined ? {} : { target: `#n${String(target)}`, reenter }
      Object.defineProperty(config.on, event, { value, enumerable: true, configurable: true, writable: true })
    }
    return config
  }
  return build(root)
}
