import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { ThroughlineError } from '../errors.ts'

/** In bytes of JSON: longer names would not leave room for the rest of a log line. */
const MAX_NAME_BYTES = 64

/**
 * Refuses a machine whose runs cannot be checked from a log.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED, naming the state and the reason
 */
export function assertAuditable(machine: AnyStateMachine): void {
  const context: unknown = machine.config.context
  if (
    typeof context === 'function' ||
    (typeof context === 'object' && context !== null && Object.keys(context).length > 0)
  ) {
    reject(
      machine,
      machine.root,
      'context',
      'the log holds states and events, so what the context decides cannot be checked',
    )
  }
  if (Object.keys(machine.root.states).length === 0)
    reject(machine, machine.root, 'no states', 'a log line needs the name of one')
  for (const node of nodesOf(machine.root)) assertNode(machine, node)
}

/** The machine's state nodes in the order in which they are written down. */
export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values<AnyStateNode>(node.states).flatMap(nodesOf)]
}

/** The name of a state in logs: its path, joined with dots. */
export function nameOf(node: AnyStateNode): string {
  return node.path.join('.')
}

function assertNode(machine: AnyStateMachine, node: AnyStateNode): void {
  if (node.parent !== undefined) assertName(machine, node, 'state', node.key, nameOf(node))
  for (const key of Object.keys(node.config.states ?? {})) {
    if (!Object.hasOwn(node.states, key))
      reject(machine, node, `a state called ${key}`, 'XState itself loses it, so rename it')
  }
  if (node.type === 'parallel') reject(machine, node, 'parallel regions', 'a request is in one state at a time')
  if (node.type === 'history') reject(machine, node, 'a history state', 'where it leads depends on what came before')
  if (node.invoke.length > 0)
    reject(machine, node, 'invoke', 'an actor of its own would move the request without a signal')
  if ((node.always?.length ?? 0) > 0)
    reject(machine, node, 'an eventless transition (always)', 'no event would stand in the log')
  if (node.after.length > 0)
    reject(machine, node, 'a delayed transition (after)', 'a timer would move the request without a signal')
  if (node.entry.length + node.exit.length + node.initial.actions.length > 0)
    reject(machine, node, 'entry, exit or initial actions', 'the compiled table runs no actions; listen to a sink')
  for (const [event, transitions] of node.transitions) {
    if (event.startsWith('xstate.done.')) reject(machine, node, 'onDone', 'no event would stand in the log')
    if (event.includes('*'))
      reject(machine, node, `the wildcard ${JSON.stringify(event)}`, 'every event needs a name in the log')
    assertName(machine, node, 'event', event, event)
    for (const transition of transitions) {
      if (transition.guard !== undefined)
        reject(machine, node, `a guard on ${event}`, 'what the guard saw is not in the log')
      if (transition.actions.length > 0)
        reject(machine, node, `actions on ${event}`, 'the compiled table runs no actions; listen to a sink')
      if ((transition.target?.length ?? 0) > 1)
        reject(machine, node, `several targets on ${event}`, 'a request is in one state at a time')
    }
  }
}

/** `whole` is the name as it is logged: of a nested state the path. */
function assertName(machine: AnyStateMachine, node: AnyStateNode, kind: string, own: string, whole: string): void {
  if (own.length === 0 || Buffer.byteLength(JSON.stringify(whole)) > MAX_NAME_BYTES + 2) {
    reject(
      machine,
      node,
      `a ${kind} name that is empty or over ${String(MAX_NAME_BYTES)} bytes`,
      'a log line must hold it three times and stay whole',
    )
  }
  if (/\p{Cs}/u.test(whole)) reject(machine, node, `a ${kind} name with half a character`, 'no header can carry it')
}

function reject(machine: AnyStateMachine, node: AnyStateNode, what: string, why: string): never {
  const where = node.parent === undefined ? 'at its root' : `in state "${nameOf(node)}"`
  throw new ThroughlineError('THROUGHLINE_MACHINE_UNSUPPORTED', `machine "${machine.id}" uses ${what} ${where}: ${why}`)
}
