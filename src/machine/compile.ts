import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, EventObject, StateValue } from 'xstate'
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph'
import { ThroughlineError } from '../errors.ts'
import { parseDuration } from './duration.ts'
import { assertAuditable, nameOf, nodesOf } from './validate-machine.ts'
import type { Edge, EventInfo, StateInfo, TransitionTable } from './table.ts'

/** Where a machine sets no `meta.stuckAfter`: long, since a false accusation costs more than a late one. */
const DEFAULT_STUCK_AFTER = '15m'

const compiled = new WeakMap<AnyStateMachine, TransitionTable>()

/**
 * Walks an XState machine once and yields its transitions as a frozen table.
 *
 * Nested states are named by their path (`Processing.Charging`). A state's `meta.stuckAfter` (a
 * duration; inherited from its parents; 15m where there is none) is its threshold, a transition's
 * `description` its label, and the root's `meta.events` says what each event means.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED where a log could not be checked against the
 *   machine: guards, context, parallel regions, history, invoke, `always`, `after`, `onDone`, actions, wildcards
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION for a `meta.stuckAfter` that is none
 * @example const table = compile(requestMachine)
 */
export function compile(machine: AnyStateMachine): TransitionTable {
  const known = compiled.get(machine)
  if (known !== undefined) return known
  assertAuditable(machine)
  const table = tableOf(machine)
  compiled.set(machine, table)
  return table
}

function tableOf(machine: AnyStateMachine): TransitionTable {
  const leaves = nodesOf(machine.root).filter((node) => Object.keys(node.states).length === 0)
  const states = leaves.map((node, index): StateInfo => {
    const final = snapshotAt(machine, node).status === 'done'
    const stuckAfterMs = final ? Infinity : stuckAfter(node)
    return Object.freeze({ name: nameOf(node), description: node.description ?? '', final, stuckAfterMs, index })
  })
  const state = record(states.map((info) => [info.name, info]))
  if (Object.keys(state).length < states.length) {
    throw new ThroughlineError(
      'THROUGHLINE_MACHINE_UNSUPPORTED',
      `machine "${machine.id}" has two states of one name: a dot in a state's key reads like a nested state, so rename it`,
    )
  }
  const steps = walk(machine, leaves)
  const edges = leaves.flatMap((node) =>
    state[nameOf(node)]?.final === true ? [] : edgesFrom(machine, node, steps, state),
  )
  const frozen = edges.map((edge, index): Edge => Object.freeze({ ...edge, index }))
  const events = eventsOf(machine)
  return Object.freeze({
    id: machine.id,
    initial: initialOf(machine),
    states: Object.freeze(states),
    events: Object.freeze(events),
    edges: Object.freeze(frozen),
    state,
    event: record(events.map((event) => [event.name, event])),
    next: record(
      states.map(({ name }) => [
        name,
        record(frozen.filter(({ from }) => from === name).map((edge) => [edge.event, edge])),
      ]),
    ),
  })
}

/** For each state and event the state entered, as XState itself tells it; states that nothing leads to are walked too. */
function walk(machine: AnyStateMachine, leaves: readonly AnyStateNode[]): Map<string, Map<string, string>> {
  const steps = new Map<string, Map<string, string>>()
  for (const leaf of leaves) {
    if (steps.has(nameOf(leaf))) continue
    const adjacency = getAdjacencyMap(machine, {
      fromState: snapshotAt(machine, leaf),
      events: machine.events.map((type): EventObject => ({ type: String(type) })),
      // The map is a plain object with a prototype: unmarked, a state called "constructor" would count as seen.
      serializeState: (snapshot) => `state ${leafName(machine, snapshot)}`,
      stopWhen: (snapshot) => snapshot.status === 'done',
    })
    // The types of an arbitrary machine's snapshots and events are any; these are what every machine's are.
    const reached: { state: AnyMachineSnapshot; event: EventObject; nextState: AnyMachineSnapshot }[] =
      adjacencyMapToArray(adjacency)
    for (const { state: from, event, nextState } of reached) {
      const name = leafName(machine, from)
      steps.set(name, (steps.get(name) ?? new Map<string, string>()).set(event.type, leafName(machine, nextState)))
    }
  }
  return steps
}

/** The edges that leave a state, its own events first and then those of its parents, each in the order written. */
function edgesFrom(
  machine: AnyStateMachine,
  leaf: AnyStateNode,
  steps: ReadonlyMap<string, ReadonlyMap<string, string>>,
  state: Readonly<Record<string, StateInfo | undefined>>,
): Omit<Edge, 'index'>[] {
  const from = nameOf(leaf)
  const seen = new Set<string>()
  const edges: Omit<Edge, 'index'>[] = []
  for (let node: AnyStateNode | undefined = leaf; node !== undefined; node = node.parent) {
    for (const event of node.ownEvents.map(String)) {
      if (seen.has(event)) continue
      seen.add(event)
      const to = steps.get(from)?.get(event)
      const transition = machine.getTransitionData(snapshotAt(machine, leaf), { type: event })[0]
      // A transition without a target leaves the state as it is: to a log, that is not a step.
      if (to === undefined || transition?.target === undefined) continue
      edges.push({ from, event, to, label: transition.description ?? '', final: state[to]?.final === true })
    }
  }
  return edges
}

function eventsOf(machine: AnyStateMachine): EventInfo[] {
  const names = new Set(nodesOf(machine.root).flatMap((node) => node.ownEvents.map(String)))
  const meta: unknown = machine.root.meta
  const told = isObject(meta) && isObject(meta.events) ? meta.events : {}
  return [...names].map((name) => {
    const description = Object.hasOwn(told, name) ? told[name] : ''
    return Object.freeze({ name, description: typeof description === 'string' ? description : '' })
  })
}

function stuckAfter(leaf: AnyStateNode): number {
  for (let node: AnyStateNode | undefined = leaf; node !== undefined; node = node.parent) {
    const meta: unknown = node.meta
    if (isObject(meta) && meta.stuckAfter !== undefined) return parseDuration(meta.stuckAfter)
  }
  return parseDuration(DEFAULT_STUCK_AFTER)
}

function initialOf(machine: AnyStateMachine): string {
  let node: AnyStateNode = machine.root
  while (Object.keys(node.states).length > 0) {
    const target: AnyStateNode | undefined = node.initial.target[0]
    if (target === undefined) break
    node = target
  }
  return nameOf(node)
}

function snapshotAt(machine: AnyStateMachine, leaf: AnyStateNode): AnyMachineSnapshot {
  const value = leaf.path.reduceRight<unknown>(
    (inner, key) => (inner === undefined ? key : { [key]: inner }),
    undefined,
  )
  // The types want a value and context of the machine's own; the path of an existing node is one, and there is no context.
  return machine.resolveState({ value: (value ?? {}) as StateValue, context: {} }) as AnyMachineSnapshot
}

function leafName(machine: AnyStateMachine, snapshot: AnyMachineSnapshot): string {
  let node: AnyStateNode = machine.root
  let value: unknown = snapshot.value
  while (isObject(value)) {
    const key: string = Object.keys(value)[0] ?? ''
    node = node.states[key] ?? node
    value = value[key]
  }
  const leaf = typeof value === 'string' ? node.states[value] : undefined
  return nameOf(leaf ?? node)
}

function record<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T | undefined>> {
  // No prototype: a state may be called "constructor" or "__proto__".
  const result = Object.create(null) as Record<string, T | undefined>
  for (const [key, value] of entries) result[key] = value
  return Object.freeze(result)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
