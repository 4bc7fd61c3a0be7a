import { JSDOM } from 'jsdom'

/** A state diagram as Mermaid parses it. States are named by their displayed text. */
export interface ParsedStateDiagram {
  readonly states: readonly string[]
  /** `[*]` stands for the start and the end. */
  readonly relations: readonly { readonly from: string; readonly to: string; readonly label: string }[]
  /** Counts of what the renderer gets, the start and end dots included. */
  readonly drawn: { readonly nodes: number; readonly edges: number }
}

/** The members of Mermaid's state database used here. Its types declare only what all diagrams share. */
interface StateDatabase {
  getStates(): ReadonlyMap<
    string,
    { readonly id: string; readonly descriptions: readonly string[]; readonly doc?: unknown; readonly note?: unknown }
  >
  getRelations(): readonly { readonly id1: string; readonly id2: string; readonly relationTitle?: string }[]
  getData(): { readonly nodes: readonly unknown[]; readonly edges: readonly unknown[] }
}

const { window } = new JSDOM('<!doctype html><body></body>')
// Mermaid expects a browser when it is loaded.
Object.assign(globalThis, { window, document: window.document })
const { default: mermaid } = await import('mermaid')
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })

/** Parses a state diagram with Mermaid's own parser. */
export async function parseStateDiagram(text: string): Promise<ParsedStateDiagram> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the replacement does not return the diagram
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text)
  // A state diagram's database has these members.
  const database = diagram.db as unknown as StateDatabase
  const nameOf = new Map<string, string>()
  for (const { id, descriptions, doc, note } of database.getStates().values()) {
    if (doc !== undefined || note !== undefined || descriptions.length > 1)
      throw new Error(`${id} is not a plain state`)
    if (id !== 'root_start' && id !== 'root_end') nameOf.set(id, displayed(descriptions[0] ?? id))
  }
  const end = (id: string): string => nameOf.get(id) ?? '[*]'
  const { nodes, edges } = database.getData()
  return {
    states: [...nameOf.values()],
    relations: database
      .getRelations()
      .map(({ id1, id2, relationTitle = '' }) => ({ from: end(id1), to: end(id2), label: displayed(relationTitle) })),
    drawn: { nodes: nodes.length, edges: edges.length },
  }
}

/** A parsed string as a browser displays it: Mermaid's placeholders become HTML character codes, which HTML decodes. */
function displayed(text: string): string {
  const element = window.document.createElement('div')
  element.innerHTML = text.replace(/ﬂ°°/g, '&#').replace(/ﬂ°/g, '&').replace(/¶ß/g, ';')
  if (element.children.length > 0) throw new Error(`${text} became HTML elements`)
  return element.textContent
}

/** Parses a sequence diagram with Mermaid's own parser. Its notes count as messages. */
export async function parseSequenceDiagram(
  text: string,
): Promise<{ readonly participants: number; readonly messages: number }> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the replacement does not return the diagram
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text)
  // A sequence diagram's database has these members.
  const database = diagram.db as unknown as { getActorKeys(): readonly string[]; getMessages(): readonly unknown[] }
  return { participants: database.getActorKeys().length, messages: database.getMessages().length }
}
