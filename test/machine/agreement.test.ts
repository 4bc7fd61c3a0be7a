import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createActor, type AnyStateMachine, type AnyStateNode, type StateValue } from 'xstate'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { compile } from '../../src/machine/compile.ts'
import { step } from '../../src/machine/table.ts'
import { flatMachine, nestedMachine, SIGNALS } from '../arbitraries.ts'
import { propertyRuns } from '../property-runs.ts'

const signals = fc.array(fc.constantFrom(...SIGNALS), { maxLength: 20 })

/** The name of the leaf state in XState's state value. */
function leafNameOf(value: unknown): string {
  if (typeof value === 'string') return value
  const [[key, inner] = ['', '']] = Object.entries(value ?? {})
  return `${key}.${leafNameOf(inner)}`
}

/** Sends the events to the table and to an XState actor, and compares their states after each. */
function expectAgreement(machine: AnyStateMachine, events: readonly string[]): void {
  const table = compile(machine)
  const actor = createActor(machine).start()
  let state = table.initial
  for (const event of events) {
    const before = actor.getSnapshot()
    expect(state).toBe(leafNameOf(before.value))
    const done = before.status === 'done'
    expect(table.state[state]?.final).toBe(done)
    const edge = step(table, state, event)
    expect(edge !== undefined, `${event} in ${state}`).toBe(!done && before.can({ type: event }))
    if (!done) actor.send({ type: event })
    const after = leafNameOf(actor.getSnapshot().value)
    if (edge === undefined) expect(after).toBe(state)
    else expect(edge).toMatchObject({ from: state, event, to: after, final: actor.getSnapshot().status === 'done' })
    state = after
  }
}

describe('the table takes the same transitions as an XState actor', () => {
  test('on flat machines', () => {
    fc.assert(fc.property(flatMachine, signals, expectAgreement), { numRuns: propertyRuns(300) })
  })

  test('on nested machines', () => {
    fc.assert(fc.property(nestedMachine, signals, expectAgreement), { numRuns: propertyRuns(500) })
  })

  test.each([requestMachine, requestWithRetriesMachine])('on the shipped machine $id', (machine) => {
    const names = fc.constantFrom(...compile(machine).events.map(({ name }) => name), 'UNKNOWN', 'constructor')
    fc.assert(
      fc.property(fc.array(names, { maxLength: 12 }), (events) => {
        expectAgreement(machine, events)
      }),
      { numRuns: propertyRuns(200) },
    )
  })

  test('from every state, including unreachable ones', () => {
    fc.assert(
      fc.property(nestedMachine, (machine) => {
        const table = compile(machine)
        expect(table.states.map(({ name }) => name)).toEqual(leaves(machine.root))
        for (const { name, final } of table.states) {
          const snapshot = machine.resolveState({ value: valueOf(machine.root, name), context: {} })
          expect(final).toBe(snapshot.status === 'done')
          for (const event of final ? [] : SIGNALS) {
            const actor = createActor(machine, { snapshot }).start()
            const can = actor.getSnapshot().can({ type: event })
            actor.send({ type: event })
            expect(step(table, name, event)?.to).toBe(can ? leafNameOf(actor.getSnapshot().value) : undefined)
          }
        }
      }),
    )
  })
})

function leaves(node: AnyStateNode): string[] {
  const children = Object.values<AnyStateNode>(node.states)
  return children.length === 0 ? [node.path.join('.')] : children.flatMap(leaves)
}

/** XState's state value for a leaf's path. The keys of these machines contain no dots. */
function valueOf(root: AnyStateNode, name: string): StateValue {
  const [key = '', ...rest] = name.split('.')
  const child = root.states[key]
  return rest.length === 0 || child === undefined ? key : { [key]: valueOf(child, rest.join('.')) }
}
