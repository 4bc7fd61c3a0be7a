import type { Edge, EventInfo, StateInfo, TransitionTable } from '../machine/table.ts'

/** The requests of one state. */
export interface StateCount {
  /** How often a request entered the state. */
  readonly entered: number
  /** Requests that are in the state now. */
  readonly open: number
}

/** Counts from logs. A missing entry is 0. */
export interface Counts {
  /** How often each edge was taken, by {@link Edge.index}. */
  readonly edges: ReadonlyMap<number, number>
  /** By state name. */
  readonly states?: ReadonlyMap<string, StateCount>
}

/** One state of a diagram. */
export interface DiagramState extends Omit<StateInfo, 'index'>, Partial<StateCount> {
  readonly initial: boolean
}

/** One arrow of a diagram. */
export interface DiagramRelation {
  readonly from: string
  readonly event: string
  readonly to: string
  /** The transition's `description`, or an empty string. */
  readonly description: string
  /** The text on the arrow: the description, or the event if descriptions do not distinguish parallel arrows. */
  readonly label: string
  readonly count?: number
}

/** The input of every diagram format, in the machine's own order. */
export interface DiagramGraph {
  readonly id: string
  readonly initial: string
  readonly states: readonly DiagramState[]
  readonly events: readonly EventInfo[]
  readonly relations: readonly DiagramRelation[]
}

/**
 * Builds the graph of a compiled machine, optionally with counts from logs.
 *
 * With counts, every relation has a `count`. With `counts.states`, every state has `entered` and `open`. Zeros are
 * included, since an edge that no request took is worth seeing.
 *
 * @example mermaid(graphOf(compile(requestMachine)))
 */
export function graphOf(table: TransitionTable, counts?: Counts): DiagramGraph {
  const states = table.states.map(({ name, description, final, stuckAfterMs }): DiagramState => {
    const count = counts?.states === undefined ? undefined : (counts.states.get(name) ?? { entered: 0, open: 0 })
    return {
      name,
      description,
      initial: name === table.initial,
      final,
      stuckAfterMs,
      ...(count && { entered: count.entered, open: count.open }),
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
 * The text on an edge: its description, or its event if a parallel edge has the same description or none.
 *
 * Two arrows between the same states with the same text would look like one.
 */
function labelOf(edge: Edge, edges: readonly Edge[]): string {
  const parallel = edges.filter(({ from, to }) => from === edge.from && to === edge.to)
  if (parallel.length === 1) return edge.label
  const textOf = ({ label, event }: Edge): string =>
    label !== '' && parallel.filter((other) => other.label === label).length === 1 ? label : event
  // A description may equal the event of a parallel edge. The events of one state are always distinct.
  const distinct = new Set(parallel.map(textOf)).size === parallel.length
  return distinct ? textOf(edge) : edge.event
}
