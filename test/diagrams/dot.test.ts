import { Graphviz } from '@hpcc-js/wasm-graphviz'
import fc from 'fast-check'
import { JSDOM } from 'jsdom'
import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { dot } from '../../src/diagrams/dot.ts'
import { graphOf, type DiagramGraph } from '../../src/diagrams/graph.ts'
import { svg } from '../../src/diagrams/svg.ts'
import { compile } from '../../src/machine/compile.ts'
import { chainOf, HOSTILE, hostileTable } from './_hostile.ts'

const graphviz = await Graphviz.load()

test('the default machine, from left to right, with a double line round its ends', () => {
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

test('counts stand behind the labels, open requests under the names', () => {
  const counts = { edges: new Map([[0, 123]]), states: new Map([['Queued', { entered: 5, open: 3 }]]) }
  const text = dot(graphOf(compile(requestMachine), counts))
  expect(text).toContain('"Received" -> "Authenticated" [label="auth ok (123)"]')
  expect(text).toContain('"Authenticated" -> "Processing" [label="(0)"]')
  expect(text).toContain('"Queued" [label="Queued\\n3 open"')
})

test('Graphviz reads hostile names, one by one', () => {
  for (const text of HOSTILE) {
    for (const names of [
      [text, 'next'],
      ['next', `a${text}`],
    ]) {
      const table = chainOf(names, text)
      if (table !== undefined) expectSame(graphOf(table))
    }
  }
})

test('Graphviz lays out names that begin with a line break, however often it is asked', () => {
  const table = chainOf(['\nfirst', '\n\nsecond', '\n'], '\nlabel')
  if (table === undefined) return expect.unreachable('the machine cannot be compiled')
  for (let run = 0; run < 100; run += 1) expectSame(graphOf(table))
})

test('Graphviz reads the states and edges of random machines', () => {
  fc.assert(
    fc.property(hostileTable, (table) => expectSame(graphOf(table))),
    { numRuns: 150 },
  )
})

test('the SVG is well-formed and shows every name as it is', async () => {
  const { window } = new JSDOM()
  for (const text of HOSTILE) {
    const table = chainOf(['first', `a${text}`], text)
    if (table === undefined) continue
    const picture = new window.DOMParser().parseFromString(await svg(dot(graphOf(table))), 'image/svg+xml')
    expect(picture.querySelector('parsererror'), JSON.stringify(text)).toBeNull()
    expect(picture.querySelector('script, b, foreignObject')).toBeNull()
    const shown = (kind: string): string[] =>
      [...picture.querySelectorAll(kind)].map((group) =>
        blanks([...group.querySelectorAll('text')].map((line) => line.textContent).join('\n')),
      )
    expect(shown('.node')).toContain(blanks(writtenOut(`a${text}`)))
    expect(shown('.edge')).toContain(blanks(writtenOut(text)))
  }
})

/** Laid out by Graphviz itself, which reports what it understood. */
function expectSame(graph: DiagramGraph): void {
  // Its `json` holds the fields that are read here.
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

function writtenOut(text: string): string {
  return text.replace(
    /[\0-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Graphviz writes a blank as a no-break space; a browser shows both alike. */
function blanks(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
