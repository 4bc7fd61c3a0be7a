import type { Edge, EventInfo, StateInfo, TransitionTable } from '../machine/table.ts'

/** How often requests were seen in one state. */
export interface StateCount {
  /** Times that a request entered it. */
  readonly entered: number
  /** Requests that are in it now. */
  readonly open: number
}

/** What the logs say of a machine; what is absent from a map counts as 0. */
export interface Counts {
  /** Times that an edge was taken, by {@link Edge.index}. */
  readonly edges: ReadonlyMap<number, number>
  /** By the state's name. */
  readonly states?: ReadonlyMap<string, StateCount>
}

/** One state of the picture. */
export interface DiagramState extends Omit<StateInfo, 'index'>, Partial<StateCount> {
  readonly initial: boolean
}

/** One arrow of the picture. */
export interface DiagramRelation {
  readonly from: string
  readonly event: string
  readonly to: string
  /** The transition's own `description`, or an empty string. */
  readonly description: string
  /** The text beside the arrow: the description, or the event where descriptions would not tell two arrows apart. */
  readonly label: string
  readonly count?: number
}

/** A machine as a picture sees it: all that the formats draw from, in the machine's own order. */
export interface DiagramGraph {
  readonly id: string
  readonly initial: string
  readonly states: readonly DiagramState[]
  readonly events: readonly EventInfo[]
  readonly relations: readonly DiagramRelation[]
}

/**
 * The graph of a compiled machine, on request with what the logs say of it.
 *
 * With counts every relation has a `count`, and with `counts.states` every state `entered` and `open`, 0 included:
 * a way that nobody went is worth seeing.
 *
 * @example mermaid(graphOf(compile(requestMachine)))
 */
export function graphOf(table: TransitionTable, counts?: Counts): DiagramGraph {
  const states = table.states.map(({ name, description, final, stuckAfterMs }): DiagramState => {
    const seen = counts?.states === undefined ? undefined : (counts.states.get(name) ?? { entered: 0, open: 0 })
    return {
      name,
      description,
      initial: name === table.initial,
      final,
      stuckAfterMs,
      ...(seen && { entered: seen.entered, open: seen.open }),
    }
  })
  const relations = table.edges.map((edge): DiagramRelation => {
    const { from, event, to, label, index } = edge
    const count = counts === undefined ? {} : { count: counts.edges.get(index) ?? 0 }
    return { from, event, to, description: label, label: labelOf(edge, table.edges), ...count }
  })
  return { id: table.id, initial: table.initial, states, events: table.events, relations }
}

/**
 * An edge's description, or where another edge between the same states is described alike, or not at all, its event.
 *
 * Two arrows between the same states that look the same would be one way to a reader.
 */
function labelOf(edge: Edge, edges: readonly Edge[]): string {
  const beside = edges.filter(({ from, to }) => from === edge.from && to === edge.to)
  if (beside.length === 1) return edge.label
  const told = ({ label, event }: Edge): string =>
    label !== '' && beside.filter((other) => other.label === label).length === 1 ? label : event
  // One edge may be described with the other's event name; a state's events are never alike.
  const distinct = new Set(beside.map(told)).size === beside.length
  return distinct ? told(edge) : edge.event
}
