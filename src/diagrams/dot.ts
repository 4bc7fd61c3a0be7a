import { identifiers } from './_ids.ts'
import type { DiagramGraph, DiagramRelation, DiagramState } from './graph.ts'

/** The dot that points to the initial state; no state's id begins with an underscore. */
const START = '_start'

/**
 * Draws a machine in the language of Graphviz, from left to right, with a double line round final states.
 *
 * Where there are counts, each arrow shows its own in brackets, and a state with open requests how many they are. A control
 * character in a name is written out (`\u0007`), since no SVG may hold one.
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
    ...graph.states.map((state) => `${idOf(state.name)}${attributes(nodeAttributes(state, ids.get(state.name)))}`),
    `"${START}" -> ${idOf(graph.initial)}`,
    ...graph.relations.map(
      (relation) => `${idOf(relation.from)} -> ${idOf(relation.to)}${attributes(edgeAttributes(relation))}`,
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
  const text = [...(label === '' ? [] : [label]), ...(count === undefined ? [] : [`(${String(count)})`])].join(' ')
  return text === '' ? [] : [`label=${quoted(text)}`]
}

function attributes(list: readonly string[]): string {
  return list.length === 0 ? '' : ` [${list.join(', ')}]`
}

/** A text as a Graphviz label, in which backslashes and HTML entities would otherwise count. */
function quoted(text: string): string {
  const visible = text.replace(/[\0-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]|\p{Cs}/gu, writtenOut)
  // Graphviz 16 reads memory that is not its own where the first line is empty, and sooner or later fails by it.
  const begun = visible.startsWith('\n') ? ` ${visible}` : visible
  return `"${begun.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('&', '&amp;').replaceAll('\n', '\\n')}"`
}

function writtenOut(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
