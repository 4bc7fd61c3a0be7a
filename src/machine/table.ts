import { ThroughlineError } from '../errors.ts'

/** One state of a compiled machine. */
export interface StateInfo {
  /** The state's name; of a nested state the path, joined with dots. */
  readonly name: string
  /** When the machine enters it and what it means, from the machine's own `description`. */
  readonly description: string
  readonly final: boolean
  /** How long a request may stay, in milliseconds; `Infinity` for a final state. */
  readonly stuckAfterMs: number
  /** Position in {@link TransitionTable.states}. */
  readonly index: number
}

/** One event of a compiled machine, with its sentence from the machine's `meta.events`. */
export interface EventInfo {
  readonly name: string
  readonly description: string
}

/** One permitted step: `from`, on `event`, enters `to`. */
export interface Edge {
  readonly from: string
  readonly event: string
  readonly to: string
  /** The transition's `description` in the machine, or an empty string. */
  readonly label: string
  /** True where `to` is final. */
  readonly final: boolean
  /** Position in {@link TransitionTable.edges}. */
  readonly index: number
}

/** A machine as frozen data: what runs in the hot path and what a log is checked against. */
export interface TransitionTable {
  readonly id: string
  readonly initial: string
  readonly states: readonly StateInfo[]
  readonly events: readonly EventInfo[]
  readonly edges: readonly Edge[]
  /** State by name. */
  readonly state: Readonly<Record<string, StateInfo | undefined>>
  /** Event by name: what the machine does not know is a note, not a transition. */
  readonly event: Readonly<Record<string, EventInfo | undefined>>
  /** Edge by state and event. */
  readonly next: Readonly<Record<string, Readonly<Record<string, Edge | undefined>> | undefined>>
}

/**
 * One step of the machine: the whole core of throughline. It neither logs nor reads a clock.
 *
 * @returns the edge that the event takes from the state, or undefined where the state does not accept it
 * @example step(compile(requestMachine), 'Received', 'AUTH_OK')?.to // 'Authenticated'
 */
export function step(table: TransitionTable, state: string, event: string): Edge | undefined {
  return table.next[state]?.[event]
}

/**
 * A state by its name.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_STATE for one that the machine has not
 */
export function getState(table: TransitionTable, name: string): StateInfo {
  const state = table.state[name]
  if (state === undefined) throw new ThroughlineError('THROUGHLINE_BAD_STATE', `the machine has no state "${name}"`)
  return state
}

/** Whether a message hands requests over in this state: it is where `ENQUEUE` leads, and a worker goes on from there. */
export function isHandOffState(table: TransitionTable, state: string): boolean {
  return table.edges.some(({ event, to }) => event === 'ENQUEUE' && to === state)
}
