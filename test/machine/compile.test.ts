import { describe, expect, test } from 'vitest'
import { createMachine, type AnyStateMachine } from 'xstate'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { ThroughlineError } from '../../src/errors.ts'
import { compile } from '../../src/machine/compile.ts'
import { getState, step } from '../../src/machine/table.ts'

function edges(machine: AnyStateMachine): string[] {
  return compile(machine).edges.map(({ from, event, to, label }) => `${from} ${event} ${to} ${label}`.trim())
}

describe('the default machine', () => {
  test('has exactly the six edges and the labels of its diagram', () => {
    expect(edges(requestMachine)).toEqual([
      'Received AUTH_OK Authenticated auth ok',
      'Received AUTH_ERROR Failed auth error',
      'Authenticated PROCESS Processing',
      'Processing ENQUEUE Queued async path',
      'Processing RESPOND Responded sync path',
      'Queued COMPLETE Completed',
    ])
  })

  test('has the states, final states and thresholds', () => {
    const { initial, states } = compile(requestMachine)
    expect(initial).toBe('Received')
    expect(states.map(({ name, final, stuckAfterMs }) => [name, final, stuckAfterMs])).toEqual([
      ['Received', false, 10_000],
      ['Authenticated', false, 30_000],
      ['Processing', false, 30_000],
      ['Queued', false, 900_000],
      ['Responded', true, Infinity],
      ['Completed', true, Infinity],
      ['Failed', true, Infinity],
    ])
  })
})

test('the machine with retries has the edges of its diagram', () => {
  expect(edges(requestWithRetriesMachine)).toEqual([
    'Received AUTH_OK Authenticated auth ok',
    'Received AUTH_ERROR Failed auth error',
    'Received ABORT Failed client left',
    'Authenticated PROCESS Processing',
    'Authenticated FAIL Failed error',
    'Authenticated ABORT Failed client left',
    'Processing ENQUEUE Queued async path',
    'Processing RESPOND Responded sync path',
    'Processing FAIL Failed error',
    'Processing ABORT Failed client left',
    'Queued ATTEMPT Working delivered',
    'Working COMPLETE Completed done',
    'Working RETRY Queued will be tried again',
    'Working FAIL Failed retries used up',
  ])
})

test.each([requestMachine, requestWithRetriesMachine])('$id describes each of its states and events', (machine) => {
  const { states, events } = compile(machine)
  for (const { name, description } of [...states, ...events]) expect(description, name).toMatch(/^[A-Z].+\.$/)
})

describe('the table', () => {
  test('is deeply frozen, and compiled once', () => {
    const table = compile(requestMachine)
    expect(compile(requestMachine)).toBe(table)
    const parts = [
      table,
      table.states,
      table.events,
      table.edges,
      table.state,
      table.event,
      table.next,
      table.next.Received,
    ]
    for (const part of [...parts, ...table.states, ...table.edges, ...table.events])
      expect(Object.isFrozen(part)).toBe(true)
  })

  test('has states and edges with their position', () => {
    const { states, edges: all } = compile(requestWithRetriesMachine)
    expect(states.map(({ index }) => index)).toEqual([...states.keys()])
    expect(all.map(({ index }) => index)).toEqual([...all.keys()])
  })

  test('has no states and events from Object.prototype', () => {
    const table = compile(requestMachine)
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect([
        table.state[name],
        table.event[name],
        step(table, name, 'AUTH_OK'),
        step(table, 'Received', name),
      ]).toEqual([undefined, undefined, undefined, undefined])
    }
  })

  test('may have states and events with the names of members of Object.prototype', () => {
    const states: Record<string, { on?: Record<string, string>; type?: 'final' }> = {
      constructor: { on: { toString: 'valueOf', ['__proto__']: 'hasOwnProperty' } },
      valueOf: { on: { constructor: 'constructor' } },
      hasOwnProperty: { type: 'final' as const },
    }
    const machine = createMachine({ initial: 'constructor', states })
    expect(edges(machine)).toEqual([
      'constructor toString valueOf',
      'constructor __proto__ hasOwnProperty',
      'valueOf constructor constructor',
    ])
    expect(Object.keys(compile(machine).event)).toEqual(['toString', '__proto__', 'constructor'])
  })

  test('names nested states by their path, and inherits the transitions and thresholds of parents', () => {
    const machine = createMachine({
      initial: 'Idle',
      on: { CANCEL: { target: '.Cancelled', description: 'root level' } },
      states: {
        Idle: { on: { WORK: 'Busy' } },
        Busy: {
          initial: 'Charging',
          meta: { stuckAfter: '5s' },
          on: { DONE: 'Done', PING: {} },
          states: {
            Charging: { meta: { stuckAfter: 250 }, on: { NEXT: 'Shipping' } },
            Shipping: { on: { DONE: 'Charging', CANCEL: {} } },
          },
        },
        Cancelled: { type: 'final' },
        Done: { type: 'final' },
      },
    })
    expect(edges(machine)).toEqual([
      'Idle WORK Busy.Charging',
      'Idle CANCEL Cancelled root level',
      'Busy.Charging NEXT Busy.Shipping',
      'Busy.Charging DONE Done',
      'Busy.Charging CANCEL Cancelled root level',
      'Busy.Shipping DONE Busy.Charging',
    ])
    const { states } = compile(machine)
    expect(states.map(({ name, stuckAfterMs }) => `${name} ${String(stuckAfterMs)}`)).toEqual([
      'Idle 900000',
      'Busy.Charging 250',
      'Busy.Shipping 5000',
      'Cancelled Infinity',
      'Done Infinity',
    ])
  })

  test('has an empty description where the machine has none', () => {
    const machine = createMachine({
      initial: 'A',
      meta: { events: { X: 'Known.', Y: 5 } },
      states: { A: { on: { X: 'Z', Y: 'Z', W: 'Z' } }, Z: { type: 'final', description: 'The end.' } },
    })
    const { states, events, edges: all } = compile(machine)
    expect(states.map(({ description }) => description)).toEqual(['', 'The end.'])
    expect(events.map(({ description }) => description)).toEqual(['Known.', '', ''])
    expect(all.map(({ label }) => label)).toEqual(['', '', ''])
  })

  test('may be of a machine without a name', () => {
    const machine = createMachine({ id: '', initial: 'A', states: { A: {} } })
    expect(compile(machine).states).toHaveLength(1)
  })

  test('knows no other states', () => {
    const table = compile(requestMachine)
    expect(getState(table, 'Queued')).toBe(table.state.Queued)
    expect(() => getState(table, 'Nowhere')).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_STATE', message: 'the machine has no state "Nowhere"' }),
    )
  })

  test('has unreachable states and their edges', () => {
    const machine = createMachine({
      initial: 'A',
      states: { A: { on: { X: 'B' } }, B: { type: 'final' }, Lost: { on: { X: 'Found' } }, Found: { on: { X: 'B' } } },
    })
    expect(edges(machine)).toEqual(['A X B', 'Lost X Found', 'Found X B'])
  })

  test('has no edge for a transition without a target, and none from a final state', () => {
    const machine = createMachine({
      initial: 'A',
      on: { ANY: '.A' },
      states: { A: { on: { STAY: {}, SELF: 'A', END: 'Z' } }, Z: { type: 'final' } },
    })
    expect(edges(machine)).toEqual(['A SELF A', 'A END Z', 'A ANY A'])
    // A request that is sent this event logs it as a note.
    expect(compile(machine).event.STAY).toBeUndefined()
  })

  test('rejects a threshold that is not a duration', () => {
    const machine = createMachine({ initial: 'A', states: { A: { meta: { stuckAfter: 'soon' } } } })
    expect(() => compile(machine)).toThrow(
      expect.toSatisfy((error) => error instanceof ThroughlineError && error.code === 'THROUGHLINE_BAD_DURATION'),
    )
  })
})
