import { ThroughlineError } from '../errors.ts'

/** One state of a compiled machine; for nested states, a leaf. */
export interface StateInfo {
  /** The state's name; for a nested state its path, joined with dots. */
  readonly name: string
  /** The state's `description` in the machine, or an empty string. */
  readonly description: string
  readonly final: boolean
  /** How long a request may stay in the state, in milliseconds; `Infinity` for a final state. */
  readonly stuckAfterMs: number
  /** Position in {@link TransitionTable.states}. */
  readonly index: number
}

/** One event of a compiled machine. */
export interface EventInfo {
  readonly name: string
  /** Its entry in the machine's `meta.events`, or an empty string. */
  readonly description: string
}

/** One allowed transition: in `from`, `event` leads to `to`. */
export interface Edge {
  readonly from: string
  readonly event: string
  readonly to: string
  /** The transition's `description` in the machine, or an empty string. */
  readonly label: string
  /** True if `to` is final. */
  readonly final: boolean
  /** Position in {@link TransitionTable.edges}. */
  readonly index: number
}

/** A machine as frozen data. Requests run on it, and logs are checked against it. */
export interface TransitionTable {
  readonly id: string
  readonly initial: string
  readonly states: readonly StateInfo[]
  readonly events: readonly EventInfo[]
  readonly edges: readonly Edge[]
  /** State by name. */
  readonly state: Readonly<Record<string, StateInfo | undefined>>
  /** Event by name. A signal that is not an event of the machine is logged as a note. */
  readonly event: Readonly<Record<string, EventInfo | undefined>>
  /** Edge by state and event. */
  readonly next: Readonly<Record<string, Readonly<Record<string, Edge | undefined>> | undefined>>
}

/** What {@link createTable} needs: the rest of a table follows from it. */
export interface TableSource {
  readonly id: string
  readonly initial: string
  readonly states: readonly Omit<StateInfo, 'index'>[]
  readonly events: readonly EventInfo[]
  readonly edges: readonly Omit<Edge, 'index' | 'final'>[]
}

/** Creates a table, frozen in all its parts. */
export function createTable({ id, initial, ...source }: TableSource): TransitionTable {
  const states = source.states.map((info, index): StateInfo => Object.freeze({ ...info, index }))
  const events = source.events.map((event): EventInfo => Object.freeze({ ...event }))
  const state = record(states.map((info) => [info.name, info]))
  const edges = source.edges.map((edge, index): Edge =>
    Object.freeze({ ...edge, final: state[edge.to]?.final === true, index }),
  )
  const edgesFrom = (name: string): readonly Edge[] => edges.filter(({ from }) => from === name)
  return Object.freeze({
    id,
    initial,
    states: Object.freeze(states),
    events: Object.freeze(events),
    edges: Object.freeze(edges),
    state,
    event: record(events.map((event) => [event.name, event])),
    next: record(states.map(({ name }) => [name, record(edgesFrom(name).map((edge) => [edge.event, edge]))])),
  })
}

function record<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T | undefined>> {
  // Without a prototype, since a state may be called "constructor" or "__proto__".
  const result = Object.create(null) as Record<string, T | undefined>
  for (const [key, value] of entries) result[key] = value
  return Object.freeze(result)
}

/**
 * Looks up one transition. This is the core of throughline: a pure function that neither logs nor reads a clock.
 *
 * @returns the edge, or undefined if the state does not accept the event
 * @example step(compile(requestMachine), 'Received', 'AUTH_OK')?.to // 'Authenticated'
 */
export function step(table: TransitionTable, state: string, event: string): Edge | undefined {
  return table.next[state]?.[event]
}

/**
 * Looks up a state by its name.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_STATE if the machine has no such state
 */
export function getState(table: TransitionTable, name: string): StateInfo {
  const state = table.state[name]
  if (state === undefined) throw new ThroughlineError('THROUGHLINE_BAD_STATE', `the machine has no state "${name}"`)
  return state
}

/** True if the state is one that `ENQUEUE` leads to: a message hands the request off, and a worker continues it. */
export function isHandOffState(table: TransitionTable, state: string): boolean {
  return isEnteredBy(table, state, 'ENQUEUE')
}

/** Whether an event leads to a state. */
export function isEnteredBy(table: TransitionTable, state: string, event: string): boolean {
  return table.edges.some((edge) => edge.event === event && edge.to === state)
}
