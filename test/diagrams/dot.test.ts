import { Graphviz } from '@hpcc-js/wasm-graphviz'
import fc from 'fast-check'
import { JSDOM } from 'jsdom'
import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { dot } from '../../src/diagrams/dot.ts'
import { graphOf, type DiagramGraph } from '../../src/diagrams/graph.ts'
import { svg } from '../../src/diagrams/svg.ts'
import { compile } from '../../src/machine/compile.ts'
import { chainTable, HOSTILE_NAMES, hostileTable } from './_hostile-names.ts'

const graphviz = await Graphviz.load()

test('draws the default machine from left to right, with a double border around final states', () => {
  const graph = graphOf(compile(requestMachine))
  const plain = { ...graph, states: graph.states.map((state) => ({ ...state, description: '' })) }
  expect(dot(plain)).toBe(`digraph machine {
  rankdir=LR
  node [shape=box, style=rounded, fontname="Helvetica"]
  edge [fontname="Helvetica", fontsize=11]
  "_start" [shape=point, label=""]
  "Received"
  "Authenticated"
  "Processing"
  "Queued"
  "Responded" [peripheries=2]
  "Completed" [peripheries=2]
  "Failed" [peripheries=2]
  "_start" -> "Received"
  "Received" -> "Authenticated" [label="auth ok"]
  "Received" -> "Failed" [label="auth error"]
  "Authenticated" -> "Processing"
  "Processing" -> "Queued" [label="async path"]
  "Processing" -> "Responded" [label="sync path"]
  "Queued" -> "Completed"
}
`)
})

test('appends counts to labels and writes open requests below names', () => {
  const counts = { edges: new Map([[0, 123]]), states: new Map([['Queued', { entered: 5, open: 3 }]]) }
  const text = dot(graphOf(compile(requestMachine), counts))
  expect(text).toContain('"Received" -> "Authenticated" [label="auth ok (123)"]')
  expect(text).toContain('"Authenticated" -> "Processing" [label="(0)"]')
  expect(text).toContain('"Queued" [label="Queued\\n3 open"')
})

test.each(HOSTILE_NAMES.map((text) => [JSON.stringify(text), text]))('Graphviz reads the name %s', (_, text) => {
  const chains = [
    [text, 'next'],
    ['next', `a${text}`],
  ]
  const tables = chains.map((names) => chainTable(names, text)).filter((table) => table !== undefined)
  expect(tables).not.toEqual([])
  for (const table of tables) expectSame(graphOf(table))
})

test('Graphviz lays out names that start with a line break a hundred times in a row', () => {
  const table = chainTable(['\nfirst', '\n\nsecond', '\n'], '\nlabel')
  if (table === undefined) return expect.unreachable('the machine does not compile')
  for (let run = 0; run < 100; run += 1) expectSame(graphOf(table))
})

test('Graphviz reads the states and edges of random machines', () => {
  fc.assert(
    fc.property(hostileTable, (table) => expectSame(graphOf(table))),
    { numRuns: 150 },
  )
})

test('the SVG is well-formed and displays every name unchanged', async () => {
  const { window } = new JSDOM()
  let drawn = 0
  for (const text of HOSTILE_NAMES) {
    const table = chainTable(['first', `a${text}`], text)
    if (table === undefined) continue
    drawn += 1
    const image = new window.DOMParser().parseFromString(await svg(dot(graphOf(table))), 'image/svg+xml')
    expect(image.querySelector('parsererror'), JSON.stringify(text)).toBeNull()
    expect(image.querySelector('script, b, foreignObject')).toBeNull()
    const displayed = (kind: string): string[] =>
      [...image.querySelectorAll(kind)].map((group) =>
        withPlainSpaces([...group.querySelectorAll('text')].map((line) => line.textContent).join('\n')),
      )
    expect(displayed('.node')).toContain(withPlainSpaces(escapeControls(`a${text}`)))
    expect(displayed('.edge')).toContain(withPlainSpaces(escapeControls(text)))
  }
  expect(drawn).toBeGreaterThan(HOSTILE_NAMES.length / 2)
})

/** Fails unless Graphviz itself reads the same states and edges. */
function expectSame(graph: DiagramGraph): void {
  // Graphviz's `json` format has these fields.
  const { objects, edges = [] } = JSON.parse(graphviz.layout(dot(graph), 'json', 'dot')) as {
    objects: { name: string; peripheries?: string }[]
    edges?: { tail: number; head: number }[]
  }
  expect(objects).toHaveLength(graph.states.length + 1)
  expect(edges).toHaveLength(graph.relations.length + 1)
  expect(objects.filter(({ peripheries }) => peripheries === '2')).toHaveLength(
    graph.states.filter(({ final }) => final).length,
  )
  const positions = new Map(graph.states.map(({ name }, index) => [name, index + 1]))
  const ends = edges.map(({ tail, head }) => `${String(tail)} ${String(head)}`).sort()
  const wanted = graph.relations.map(({ from, to }) => `${String(positions.get(from))} ${String(positions.get(to))}`)
  expect(ends).toEqual([`0 ${String(positions.get(graph.initial))}`, ...wanted].sort())
}

function escapeControls(text: string): string {
  return text.replace(
    /[\0-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Graphviz writes a space as a no-break space, which a browser displays alike. */
function withPlainSpaces(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
