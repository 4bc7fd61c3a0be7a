import { identifiers } from './_ids.ts'
import type { DiagramGraph, DiagramRelation, DiagramState } from './graph.ts'

/** Mermaid's keywords, which are case-insensitive. */
const KEYWORD = /^(?:click|href|default|scale|acctitle|accdescr|classdef|class|style|state|statediagram|note|end)$/i
/** The ids of Mermaid's own nodes. */
const OWN_NODE = /^root(?:_start|_end)?$/i
/** A keyword at the end of a word too: Mermaid's lexer reads on into the next line. */
const DIRECTION = /direction$/i

/**
 * Draws a machine as a Mermaid state diagram, in the machine's own order and with its labels.
 *
 * With counts, each arrow shows its count in parentheses, and a state shows the number of its open requests. Names and
 * labels may contain any text: a state with a special name gets a safe id, and special characters are written as
 * character codes, which Mermaid decodes.
 *
 * @returns the diagram with a newline at its end
 * @example mermaid(graphOf(compile(requestMachine))).split('\n')[1] // '    [*] --> Received'
 */
export function mermaid(graph: DiagramGraph): string {
  const ids = identifiers(
    graph.states.map(({ name }) => name),
    (id) => [KEYWORD, OWN_NODE, DIRECTION].some((reserved) => reserved.test(id)),
  )
  const idOf = (name: string): string => ids.get(name) ?? name
  const arrow = (from: string, to: string, text = ''): string => `${from} --> ${to}${text === '' ? '' : `: ${text}`}`
  const lines = [
    ...graph.states.flatMap((state) => declaration(state, idOf(state.name))),
    arrow('[*]', idOf(graph.initial)),
    ...graph.relations.map((relation) => arrow(idOf(relation.from), idOf(relation.to), textOf(relation))),
    ...graph.states.filter(({ final }) => final).map(({ name }) => arrow(idOf(name), '[*]')),
    ...graph.states.filter((state) => isIsolated(graph, state)).map(({ name }) => idOf(name)),
  ]
  return ['stateDiagram-v2', ...lines.map((line) => `    ${line}`), ''].join('\n')
}

/** The line that gives a state its text, if that differs from its id. */
function declaration({ name, open = 0 }: DiagramState, id: string): string[] {
  if (open === 0 && id === name) return []
  return [`state "${escapeText(name)}${open > 0 ? ` (${String(open)} open)` : ''}" as ${id}`]
}

function textOf({ label, count }: DiagramRelation): string {
  return [escapeText(label), count === undefined ? '' : `(${String(count)})`].filter((part) => part !== '').join(' ')
}

/** True for a state without arrows, which would be missing from the diagram. */
function isIsolated({ relations }: DiagramGraph, { name, initial, final }: DiagramState): boolean {
  return !initial && !final && !relations.some(({ from, to }) => from === name || to === name)
}

/**
 * Escapes a string with Mermaid's character codes (`#59;` for a semicolon). Letters, digits, emoji, and some
 * punctuation between them stay readable: they have no meaning in Mermaid's grammar or in the Markdown of its labels.
 *
 * A degree sign is escaped because it is part of the placeholder that Mermaid uses for `#`. C1 control characters stay
 * as they are, because HTML maps their codes to other characters.
 */
function escapeText(text: string): string {
  return text
    .replace(/[^\p{L}\p{M}\p{N}\p{So}\u{1f3fb}-\u{1f3ff}\u200d\u0080-\u009f ,/'!?()._-]|°/gu, charCode)
    .replace(/(?<![^ ]) | (?![^ ])|(?<=^\p{N}+)\)/gu, charCode)
    .replace(/(?<!\p{L})\.|(?<![\p{L}\p{N}])[_-]|[_-](?![\p{L}\p{N}])/gu, charCode)
    .replace(/d(?=irection\b)/gi, charCode)
}

function charCode(character: string): string {
  return `#${String(character.codePointAt(0))};`
}
