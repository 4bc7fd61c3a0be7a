import { identifiers } from './_ids.ts'
import type { DiagramGraph, DiagramRelation, DiagramState } from './graph.ts'

/**
 * What Mermaid would not take as a state: words of its grammar, which it reads in any case, and the ids of its own
 * nodes. `direction` counts at the end of a word too, since it is read on into the next line.
 */
const RESERVED =
  /^(?:click|href|default|scale|acctitle|accdescr|classdef|class|style|state|statediagram|note|end|root|root_start|root_end|.*direction)$/i

/**
 * Draws a machine as a Mermaid state diagram, with the machine's own order and labels.
 *
 * Where there are counts, each arrow shows its own in brackets, and a state with open requests how many they are.
 * Names and labels may hold any text: what is not plain is declared under a safe id and written as character codes, which
 * Mermaid decodes, so that its parser reads back the machine and nothing else.
 *
 * @returns the diagram with a newline at its end
 * @example mermaid(graphOf(compile(requestMachine))).split('\n')[1] // '    [*] --> Received'
 */
export function mermaid(graph: DiagramGraph): string {
  const ids = identifiers(
    graph.states.map(({ name }) => name),
    (id) => RESERVED.test(id),
  )
  const idOf = (name: string): string => ids.get(name) ?? name
  const arrow = (from: string, to: string, text = ''): string => `${from} --> ${to}${text === '' ? '' : `: ${text}`}`
  const lines = [
    ...graph.states.flatMap((state) => declaration(state, idOf(state.name))),
    arrow('[*]', idOf(graph.initial)),
    ...graph.relations.map((relation) => arrow(idOf(relation.from), idOf(relation.to), textOf(relation))),
    ...graph.states.filter(({ final }) => final).map(({ name }) => arrow(idOf(name), '[*]')),
    ...graph.states.filter((state) => isAlone(graph, state)).map(({ name }) => idOf(name)),
  ]
  return ['stateDiagram-v2', ...lines.map((line) => `    ${line}`), ''].join('\n')
}

/** The line that gives a state its text, where that is not its id. */
function declaration({ name, open = 0 }: DiagramState, id: string): string[] {
  if (open === 0 && id === name) return []
  return [`state "${escaped(name)}${open > 0 ? ` (${String(open)} open)` : ''}" as ${id}`]
}

function textOf({ label, count }: DiagramRelation): string {
  return [...(label === '' ? [] : [escaped(label)]), ...(count === undefined ? [] : [`(${String(count)})`])].join(' ')
}

/** True for a state that no arrow mentions: it would be missing from the picture. */
function isAlone({ relations }: DiagramGraph, { name, initial, final }: DiagramState): boolean {
  return !initial && !final && !relations.some(({ from, to }) => from === name || to === name)
}

/**
 * A text as Mermaid character codes (`#59;` for a semicolon), except for what neither Mermaid's grammar nor the Markdown
 * in its labels can take for anything else: letters, digits, emoji, and some punctuation between them.
 *
 * A degree sign is part of the mark that Mermaid itself puts in place of `#`. C1 controls stay as they are, because
 * HTML reads their codes as other characters.
 */
function escaped(text: string): string {
  return text
    .replace(
      /[^\p{L}\p{M}\p{N}\p{So}\u{1f3fb}-\u{1f3ff}\u200d\u0080-\u009f ,/'!?()._-]|°|(?<![^ ]) | (?![^ ])|(?<=^\p{N}+)\)/gu,
      code,
    )
    .replace(/(?<!\p{L})\.|(?<![\p{L}\p{N}])[_-]|[_-](?![\p{L}\p{N}])/gu, code)
    .replace(/d(?=irection\b)/gi, code)
}

function code(character: string): string {
  return `#${String(character.codePointAt(0))};`
}
