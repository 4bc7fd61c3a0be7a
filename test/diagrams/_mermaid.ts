import { JSDOM } from 'jsdom'

/** What Mermaid's parser made of a diagram; states go by the text that they show. */
export interface ReadBack {
  readonly states: readonly string[]
  /** Where `[*]` is one end, it is written so. */
  readonly relations: readonly { readonly from: string; readonly to: string; readonly label: string }[]
  /** Nodes and edges as the renderer gets them, the start and end dots included. */
  readonly drawn: { readonly nodes: number; readonly edges: number }
}

/** The members of Mermaid's state database that are read here; its own types name only those that all diagrams share. */
interface StateDatabase {
  getStates(): ReadonlyMap<
    string,
    { readonly id: string; readonly descriptions: readonly string[]; readonly doc?: unknown; readonly note?: unknown }
  >
  getRelations(): readonly { readonly id1: string; readonly id2: string; readonly relationTitle?: string }[]
  getData(): { readonly nodes: readonly unknown[]; readonly edges: readonly unknown[] }
}

const { window } = new JSDOM('<!doctype html><body></body>')
// Mermaid looks for a browser while it is loaded.
Object.assign(globalThis, { window, document: window.document })
const { default: mermaid } = await import('mermaid')
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })

/** Reads a diagram with Mermaid's own parser. */
export async function readBack(text: string): Promise<ReadBack> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what replaces it tells whether a text parses, not what it became
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text)
  // Only a state diagram is read here, and its database has these members.
  const database = diagram.db as unknown as StateDatabase
  const nameOf = new Map<string, string>()
  for (const { id, descriptions, doc, note } of database.getStates().values()) {
    if (doc !== undefined || note !== undefined || descriptions.length > 1)
      throw new Error(`${id} is more than a state`)
    if (id !== 'root_start' && id !== 'root_end') nameOf.set(id, shown(descriptions[0] ?? id))
  }
  const end = (id: string): string => nameOf.get(id) ?? '[*]'
  const { nodes, edges } = database.getData()
  return {
    states: [...nameOf.values()],
    relations: database
      .getRelations()
      .map(({ id1, id2, relationTitle = '' }) => ({ from: end(id1), to: end(id2), label: shown(relationTitle) })),
    drawn: { nodes: nodes.length, edges: edges.length },
  }
}

/** A parsed text as a browser shows it: Mermaid's marks become HTML character codes again, and HTML decodes those. */
function shown(text: string): string {
  const element = window.document.createElement('div')
  element.innerHTML = text.replace(/ﬂ°°/g, '&#').replace(/ﬂ°/g, '&').replace(/¶ß/g, ';')
  if (element.children.length > 0) throw new Error(`${text} became HTML elements`)
  return element.textContent
}

/** Counts what Mermaid's own parser finds in a sequence diagram: participants, and messages with the notes among them. */
export async function readsAsSequence(
  text: string,
): Promise<{ readonly participants: number; readonly messages: number }> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what replaces it tells whether a text parses, not what it became
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text)
  // Only a sequence diagram is read here, and its database has these members.
  const database = diagram.db as unknown as { getActorKeys(): readonly string[]; getMessages(): readonly unknown[] }
  return { participants: database.getActorKeys().length, messages: database.getMessages().length }
}
