import { identifiers } from './_ids.ts'
import type { DiagramGraph, DiagramRelation, DiagramState } from './graph.ts'

/** The id of the dot that points to the initial state. No state's id starts with an underscore. */
const START = '_start'

/**
 * Draws a machine in Graphviz's DOT language, from left to right, with a double border around final states.
 *
 * With counts, each arrow shows its count in parentheses, and a state shows the number of its open requests. A control
 * character in a name is written as an escape (`\u0007`), since an SVG must not contain one.
 *
 * @returns the graph with a newline at its end
 * @example dot(graphOf(compile(requestMachine))).split('\n')[0] // 'digraph machine {'
 */
export function dot(graph: DiagramGraph): string {
  const ids = identifiers(
    graph.states.map(({ name }) => name),
    () => false,
  )
  const idOf = (name: string): string => `"${ids.get(name) ?? ''}"`
  const lines = [
    'rankdir=LR',
    'node [shape=box, style=rounded, fontname="Helvetica"]',
    'edge [fontname="Helvetica", fontsize=11]',
    `"${START}" [shape=point, label=""]`,
    ...graph.states.map(
      (state) => `${idOf(state.name)}${formatAttributes(nodeAttributes(state, ids.get(state.name)))}`,
    ),
    `"${START}" -> ${idOf(graph.initial)}`,
    ...graph.relations.map(
      (relation) => `${idOf(relation.from)} -> ${idOf(relation.to)}${formatAttributes(edgeAttributes(relation))}`,
    ),
  ]
  return ['digraph machine {', ...lines.map((line) => `  ${line}`), '}', ''].join('\n')
}

function nodeAttributes({ name, description, final, open = 0 }: DiagramState, id: string | undefined): string[] {
  const label = open > 0 ? `${name}\n${String(open)} open` : name
  return [
    ...(label === id ? [] : [`label=${quoted(label)}`]),
    ...(description === '' ? [] : [`tooltip=${quoted(description)}`]),
    ...(final ? ['peripheries=2'] : []),
  ]
}

function edgeAttributes({ label, count }: DiagramRelation): string[] {
  const text = [label, count === undefined ? '' : `(${String(count)})`].filter((part) => part !== '').join(' ')
  return text === '' ? [] : [`label=${quoted(text)}`]
}

function formatAttributes(list: readonly string[]): string {
  return list.length === 0 ? '' : ` [${list.join(', ')}]`
}

/** Quotes a string as a DOT label. Backslashes and HTML entities are escaped, since Graphviz interprets both. */
function quoted(text: string): string {
  const visible = text.replace(/[\0-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]|\p{Cs}/gu, escapeSequence)
  // Graphviz 16 reads out of bounds and eventually crashes if the first line of a label is empty.
  const padded = visible.startsWith('\n') ? ` ${visible}` : visible
  return `"${padded.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('&', '&amp;').replaceAll('\n', '\\n')}"`
}

function escapeSequence(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
