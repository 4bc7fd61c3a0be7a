import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, StateValue } from 'xstate'
import { ThroughlineError } from '../errors.ts'
import { parseDuration } from './duration.ts'
import { isObject } from './is-object.ts'
import { assertAuditable, nameOf, nodesOf } from './validate-machine.ts'
import type { MachineLike } from './machine-like.ts'
import { createTable, type EventInfo, type TableSource, type TransitionTable } from './table.ts'

/** The default of `meta.stuckAfter`. Deliberately long: a false alarm is worse than a late one. */
const DEFAULT_STUCK_AFTER = '15m'

const compiled = new WeakMap<MachineLike, TransitionTable>()

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
export function compile(machine: MachineLike): TransitionTable {
  const cached = compiled.get(machine)
  if (cached !== undefined) return cached
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- only XState creates such objects
  const xstate = machine as AnyStateMachine
  assertAuditable(xstate)
  const table = buildTable(xstate)
  compiled.set(machine, table)
  return table
}

function buildTable(machine: AnyStateMachine): TransitionTable {
  const leaves = nodesOf(machine.root).filter(isLeaf)
  const states = leaves.map((node) => {
    const final = isFinal(machine, node)
    const stuckAfterMs = final ? Infinity : stuckAfter(node)
    return { name: nameOf(node), description: node.description ?? '', final, stuckAfterMs }
  })
  if (new Set(states.map(({ name }) => name)).size < states.length) {
    throw new ThroughlineError(
      'THROUGHLINE_MACHINE_UNSUPPORTED',
      `machine "${machine.id}" has two states of one name: a dot in a state's key looks like a nested state, so rename it`,
    )
  }
  return createTable({
    id: machine.id,
    initial: nameOf(initialLeaf(machine.root)),
    states,
    events: eventsOf(machine),
    edges: leaves.flatMap((node) => edgesFrom(machine, node)),
  })
}

/** The edges that leave a state: its own events first, then those of its parents, each in the order of the machine. */
function edgesFrom(machine: AnyStateMachine, leaf: AnyStateNode): TableSource['edges'] {
  // XState accepts no event once the machine is done.
  if (isFinal(machine, leaf)) return []
  const events = new Set(ancestry(leaf).flatMap((node) => node.ownEvents.map(String)))
  return [...events].flatMap((event) => {
    const transition = machine.getTransitionData(snapshotAt(machine, leaf), { type: event })[0]
    const target = transition?.target?.[0]
    // A transition without a target does not change the state, so the log has no line for it.
    if (target === undefined) return []
    return [{ from: nameOf(leaf), event, to: nameOf(initialLeaf(target)), label: transition?.description ?? '' }]
  })
}

function eventsOf(machine: AnyStateMachine): EventInfo[] {
  const names = new Set(nodesOf(machine.root).flatMap((node) => node.ownEvents.map(String)))
  const meta: unknown = machine.root.meta
  const descriptions = isObject(meta) && isObject(meta.events) ? meta.events : {}
  return [...names].map((name) => {
    const description = Object.hasOwn(descriptions, name) ? descriptions[name] : ''
    return { name, description: typeof description === 'string' ? description : '' }
  })
}

function stuckAfter(leaf: AnyStateNode): number {
  for (const node of ancestry(leaf)) {
    const meta: unknown = node.meta
    if (isObject(meta) && meta.stuckAfter !== undefined) return parseDuration(meta.stuckAfter)
  }
  return parseDuration(DEFAULT_STUCK_AFTER)
}

/** A node, its parent, and so on up to the root. */
function ancestry(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [node] : [node, ...ancestry(node.parent)]
}

function isLeaf(node: AnyStateNode): boolean {
  return Object.keys(node.states).length === 0
}

/** The state that a machine is in after it has entered a node. */
function initialLeaf(node: AnyStateNode): AnyStateNode {
  const target: AnyStateNode | undefined = isLeaf(node) ? undefined : node.initial.target[0]
  return target === undefined ? node : initialLeaf(target)
}

function isFinal(machine: AnyStateMachine, leaf: AnyStateNode): boolean {
  return snapshotAt(machine, leaf).status === 'done'
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
