import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, EventObject, StateValue } from 'xstate'
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph'
import { ThroughlineError } from '../errors.ts'
import { parseDuration } from './duration.ts'
import { isObject } from './is-object.ts'
import { assertAuditable, nameOf, nodesOf } from './validate-machine.ts'
import type { Edge, EventInfo, StateInfo, TransitionTable } from './table.ts'

/** The default of `meta.stuckAfter`. Deliberately long: a false alarm is worse than a late one. */
const DEFAULT_STUCK_AFTER = '15m'

const compiled = new WeakMap<AnyStateMachine, TransitionTable>()

/**
 * Compiles an XState machine to a frozen transition table. The result is cached per machine.
 *
 * - A nested state is named by its path: `Processing.Charging`.
 * - A state's `meta.stuckAfter` is its threshold: a duration, inherited from the parent states, 15m by default.
 * - A transition's `description` is its label. The root's `meta.events` describes the events.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if the machine uses what cannot be checked from a log:
 *   guards, context, parallel regions, history, invoke, `always`, `after`, `onDone`, actions, wildcards
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION if a `meta.stuckAfter` is not a duration
 * @example const table = compile(requestMachine)
 */
export function compile(machine: AnyStateMachine): TransitionTable {
  const cached = compiled.get(machine)
  if (cached !== undefined) return cached
  assertAuditable(machine)
  const table = buildTable(machine)
  compiled.set(machine, table)
  return table
}

function buildTable(machine: AnyStateMachine): TransitionTable {
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
      `machine "${machine.id}" has two states of one name: a dot in a state's key looks like a nested state, so rename it`,
    )
  }
  const targets = findTargets(machine, leaves)
  const edges = leaves.flatMap((node) => edgesFrom(machine, node, targets, state))
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

/** The state that each event leads to, by state and event, as computed by XState. Includes unreachable states. */
function findTargets(machine: AnyStateMachine, leaves: readonly AnyStateNode[]): Map<string, Map<string, string>> {
  const targets = new Map<string, Map<string, string>>()
  for (const leaf of leaves) {
    if (targets.has(nameOf(leaf))) continue
    const adjacency = getAdjacencyMap(machine, {
      fromState: snapshotAt(machine, leaf),
      events: machine.events.map((type): EventObject => ({ type: String(type) })),
      // XState keeps states in a plain object: without the prefix, a state called "constructor" would count as visited.
      serializeState: (snapshot) => `state ${leafName(machine, snapshot)}`,
      stopWhen: (snapshot) => snapshot.status === 'done',
    })
    // XState types the snapshots and events of an arbitrary machine as any.
    const transitions: { state: AnyMachineSnapshot; event: EventObject; nextState: AnyMachineSnapshot }[] =
      adjacencyMapToArray(adjacency)
    for (const { state: from, event, nextState } of transitions) {
      const name = leafName(machine, from)
      const byEvent = targets.get(name) ?? new Map<string, string>()
      targets.set(name, byEvent.set(event.type, leafName(machine, nextState)))
    }
  }
  return targets
}

/** The edges that leave a state: its own events first, then those of its parents, each in the order of the machine. */
function edgesFrom(
  machine: AnyStateMachine,
  leaf: AnyStateNode,
  targets: ReadonlyMap<string, ReadonlyMap<string, string>>,
  state: Readonly<Record<string, StateInfo | undefined>>,
): Omit<Edge, 'index'>[] {
  const from = nameOf(leaf)
  const seen = new Set<string>()
  const edges: Omit<Edge, 'index'>[] = []
  for (let node: AnyStateNode | undefined = leaf; node !== undefined; node = node.parent) {
    for (const event of node.ownEvents.map(String)) {
      if (seen.has(event)) continue
      seen.add(event)
      const to = targets.get(from)?.get(event)
      const transition = machine.getTransitionData(snapshotAt(machine, leaf), { type: event })[0]
      // A transition without a target does not change the state, so the log has no line for it.
      if (to === undefined || transition?.target === undefined) continue
      edges.push({ from, event, to, label: transition.description ?? '', final: state[to]?.final === true })
    }
  }
  return edges
}

function eventsOf(machine: AnyStateMachine): EventInfo[] {
  const names = new Set(nodesOf(machine.root).flatMap((node) => node.ownEvents.map(String)))
  const meta: unknown = machine.root.meta
  const descriptions = isObject(meta) && isObject(meta.events) ? meta.events : {}
  return [...names].map((name) => {
    const description = Object.hasOwn(descriptions, name) ? descriptions[name] : ''
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
  // The types ask for a state value and context of this machine. The path of one of its nodes is such a value, and
  // machines with a context are rejected.
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
  // Without a prototype, since a state may be called "constructor" or "__proto__".
  const result = Object.create(null) as Record<string, T | undefined>
  for (const [key, value] of entries) result[key] = value
  return Object.freeze(result)
}
