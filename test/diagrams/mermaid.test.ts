import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { graphOf, type Counts, type DiagramGraph } from '../../src/diagrams/graph.ts'
import { mermaid } from '../../src/diagrams/mermaid.ts'
import { compile } from '../../src/machine/compile.ts'
import { chainTable, HOSTILE_NAMES, hostileTable } from './_hostile-names.ts'
import { parseStateDiagram } from './_mermaid-parser.ts'

test('draws the default machine as documented', () => {
  expect(mermaid(graphOf(compile(requestMachine)))).toBe(`stateDiagram-v2
    [*] --> Received
    Received --> Authenticated: auth ok
    Received --> Failed: auth error
    Authenticated --> Processing
    Processing --> Queued: async path
    Processing --> Responded: sync path
    Queued --> Completed
    Responded --> [*]
    Completed --> [*]
    Failed --> [*]
`)
})

test('appends counts to labels and open requests to names', () => {
  const counts = {
    edges: new Map([
      [0, 123],
      [2, 120],
    ]),
    states: new Map([['Queued', { entered: 5, open: 3 }]]),
  }
  expect(mermaid(graphOf(compile(requestMachine), counts))).toBe(`stateDiagram-v2
    state "Queued (3 open)" as Queued
    [*] --> Received
    Received --> Authenticated: auth ok (123)
    Received --> Failed: auth error (0)
    Authenticated --> Processing: (120)
    Processing --> Queued: async path (0)
    Processing --> Responded: sync path (0)
    Queued --> Completed: (0)
    Responded --> [*]
    Completed --> [*]
    Failed --> [*]
`)
})

test('gives special names a similar id and keeps ordinary characters readable', () => {
  const machine = createMachine({
    initial: 'Processing',
    states: {
      Processing: {
        initial: 'Charging',
        states: { Charging: { on: { 'card.declined': { target: '#refused', description: 'card said "no"; stop' } } } },
      },
      note: {},
      'set aside': { id: 'refused', type: 'final' },
    },
  })
  expect(mermaid(graphOf(compile(machine)))).toBe(`stateDiagram-v2
    state "Processing.Charging" as Processing_Charging
    state "note" as s_note
    state "set aside" as set_aside
    [*] --> Processing_Charging
    Processing_Charging --> set_aside: card said #34;no#34;#59; stop
    set_aside --> [*]
    s_note
`)
})

test('labels parallel arrows distinctly', () => {
  const to = (description?: string): object => ({ target: 'b', ...(description === undefined ? {} : { description }) })
  const machine = createMachine({
    initial: 'a',
    states: {
      a: { on: { ONE: to(), TWO: to('unique'), THREE: to('same'), FOUR: to('same') } },
      b: { on: { BACK: 'c' } },
      c: { on: { X: to(), Y: to('X') } },
    },
  })
  expect(graphOf(compile(machine)).relations.map(({ event, label }) => [event, label])).toEqual([
    ['ONE', 'ONE'],
    ['TWO', 'unique'],
    ['THREE', 'THREE'],
    ['FOUR', 'FOUR'],
    ['BACK', ''],
    ['X', 'X'],
    ['Y', 'Y'],
  ])
})

describe("Mermaid's own parser reads the machine back", () => {
  test.each([requestMachine, requestWithRetriesMachine])('$id', async (machine) => {
    await expectSame(graphOf(compile(machine)))
  })

  test.each(HOSTILE_NAMES.map((text) => [JSON.stringify(text), text]))(
    'with the state name and label %s',
    async (_, text) => {
      const chains = [
        [text, 'b'],
        ['a', `a${text}`],
        [text, text.toUpperCase()],
        ['direction', text, 'TB'],
      ]
      const tables = chains.map((names) => chainTable([...new Set(names)], text)).filter((table) => table !== undefined)
      expect(tables).not.toEqual([])
      for (const table of tables) await expectSame(graphOf(table))
    },
  )

  test('with a line that ends in "direction" before one that starts with a direction', async () => {
    const machine = createMachine({
      initial: 'a',
      states: { a: { on: { GO: 'Redirection' } }, Redirection: {}, TB: { on: { GO: 'a' } } },
    })
    await expectSame(graphOf(compile(machine)))
  })

  test('of random machines, with and without counts', async () => {
    await fc.assert(
      fc.asyncProperty(hostileTable, fc.array(fc.nat(2_000), { maxLength: 12 }), async (table, numbers) => {
        const counts: Counts = {
          edges: new Map(numbers.map((count, index) => [index, count])),
          states: new Map(
            table.states.map(({ name }, index) => [name, { entered: 9, open: (numbers[index] ?? 0) % 3 }]),
          ),
        }
        await expectSame(graphOf(table))
        await expectSame(graphOf(table, counts))
      }),
      { numRuns: 100 },
    )
  })
})

async function expectSame(graph: DiagramGraph): Promise<void> {
  const nameOf = new Map(
    graph.states.map(({ name, open = 0 }) => [name, displayed(open > 0 ? `${name} (${String(open)} open)` : name)]),
  )
  const finals = graph.states.filter(({ final }) => final)
  const relations = [
    { from: '[*]', to: nameOf.get(graph.initial), label: '' },
    ...graph.relations.map(({ from, to, label, count }) => ({
      from: nameOf.get(from),
      to: nameOf.get(to),
      label: displayed(
        count === undefined ? label : label === '' ? `(${String(count)})` : `${label} (${String(count)})`,
      ),
    })),
    ...finals.map(({ name }) => ({ from: nameOf.get(name), to: '[*]', label: '' })),
  ]
  const parsed = await parseStateDiagram(mermaid(graph))
  expect([...parsed.states].sort()).toEqual([...nameOf.values()].sort())
  expect(parsed.relations).toEqual(relations)
  expect(parsed.drawn).toEqual({ nodes: nameOf.size + 1 + (finals.length > 0 ? 1 : 0), edges: relations.length })
}

/** HTML cannot represent NUL and lone surrogates: a browser displays the replacement character. */
function displayed(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, '\ufffd')
}
