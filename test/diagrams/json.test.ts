import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { graphOf } from '../../src/diagrams/graph.ts'
import { json } from '../../src/diagrams/json.ts'
import { compile } from '../../src/machine/compile.ts'
import { hostileTable } from './_hostile-names.ts'

test('writes the default machine as data', () => {
  const table = compile(requestMachine)
  const text = json(graphOf(table))
  expect(text.endsWith('}\n')).toBe(true)
  expect(JSON.parse(text)).toMatchObject({
    id: 'request',
    initial: 'Received',
    events: table.events,
    edges: table.edges.map(({ from, event, to, label }) => ({ from, event, to, label })),
  })
  expect(JSON.parse(text)).toHaveProperty('states.0', {
    name: 'Received',
    description: 'The request has arrived, and its caller is not yet authenticated.',
    final: false,
    stuck_after_ms: 10_000,
  })
  expect(JSON.parse(text)).toHaveProperty('states.6.stuck_after_ms', null)
})

test('writes counts as separate fields', () => {
  const counts = { edges: new Map([[0, 123]]), states: new Map([['Queued', { entered: 5, open: 3 }]]) }
  const data: unknown = JSON.parse(json(graphOf(compile(requestMachine), counts)))
  expect(data).toMatchObject({ edges: [{ count: 123 }, { count: 0 }, {}, {}, {}, {}] })
  expect(data).toHaveProperty('states.3.open', 3)
  expect(data).toHaveProperty('states.0.entered', 0)
})

test('keeps the states and edges of every machine', () => {
  fc.assert(
    fc.property(hostileTable, (table) => {
      expect(JSON.parse(json(graphOf(table)))).toMatchObject({
        initial: table.initial,
        states: table.states.map(({ name, final }) => ({ name, final })),
        edges: table.edges.map(({ from, event, to, label }) => ({ from, event, to, label })),
      })
    }),
  )
})
