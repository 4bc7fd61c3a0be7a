import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { ThroughlineError } from '../errors.ts'
import { isObject } from './is-object.ts'

/** In bytes of JSON. Longer names would leave too little room for the rest of a log line. */
const MAX_NAME_BYTES = 64

/**
 * Rejects a machine whose requests could not be checked from a log.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED, naming the state and the reason
 */
export function assertAuditable(machine: AnyStateMachine): void {
  const context: unknown = machine.config.context
  if (typeof context === 'function' || (isObject(context) && Object.keys(context).length > 0))
    reject(machine, machine.root, 'context', 'the log has states and events only, so context cannot be checked')
  if (Object.keys(machine.root.states).length === 0)
    reject(machine, machine.root, 'no states', 'every log line names a state')
  for (const node of nodesOf(machine.root)) assertNode(machine, node)
}

/** A state node and its descendants, in the order of the machine's definition. */
export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values<AnyStateNode>(node.states).flatMap(nodesOf)]
}

/** The name of a state in logs: its path, joined with dots. */
export function nameOf(node: AnyStateNode): string {
  return node.path.join('.')
}

function assertNode(machine: AnyStateMachine, node: AnyStateNode): void {
  if (node.parent !== undefined) assertName(machine, node, 'a state', node.key, nameOf(node))
  for (const key of Object.keys(node.config.states ?? {})) {
    if (!Object.hasOwn(node.states, key))
      reject(machine, node, `a state called ${key}`, 'XState drops this name, so rename it')
  }
  if (node.type === 'parallel') reject(machine, node, 'parallel regions', 'a request is in one state at a time')
  if (node.type === 'history')
    reject(machine, node, 'a history state', 'its target depends on earlier states, which a log line does not have')
  if (node.invoke.length > 0)
    reject(machine, node, 'invoke', 'an invoked actor would move the request without a signal')
  if ((node.always?.length ?? 0) > 0)
    reject(machine, node, 'an eventless transition (always)', 'the log would have no event')
  if (node.after.length > 0)
    reject(machine, node, 'a delayed transition (after)', 'a timer would move the request without a signal')
  if (node.entry.length + node.exit.length + node.initial.actions.length > 0)
    reject(machine, node, 'entry, exit or initial actions', 'the compiled table runs no actions; use a sink')
  for (const [event, transitions] of node.transitions) {
    if (event.startsWith('xstate.done.')) reject(machine, node, 'onDone', 'the log would have no event')
    if (event.includes('*'))
      reject(machine, node, `the wildcard ${JSON.stringify(event)}`, 'every event needs a name in the log')
    assertName(machine, node, 'an event', event, event)
    for (const transition of transitions) {
      if (transition.guard !== undefined)
        reject(machine, node, `a guard on ${event}`, 'what the guard saw is not in the log')
      if (transition.actions.length > 0)
        reject(machine, node, `actions on ${event}`, 'the compiled table runs no actions; use a sink')
      if ((transition.target?.length ?? 0) > 1)
        reject(machine, node, `several targets on ${event}`, 'a request is in one state at a time')
    }
  }
}

/** `key` is the name in the machine, `logged` the name in the log: for a nested state, its path. */
function assertName(machine: AnyStateMachine, node: AnyStateNode, kind: string, key: string, logged: string): void {
  if (key.length === 0 || Buffer.byteLength(JSON.stringify(logged)) > MAX_NAME_BYTES + 2) {
    reject(
      machine,
      node,
      `${kind} name that is empty or over ${MAX_NAME_BYTES} bytes`,
      'a log line contains it up to three times and has a maximum length',
    )
  }
  if (/\p{Cs}/u.test(logged)) reject(machine, node, `${kind} name with a lone surrogate`, 'no header can carry it')
}

function reject(machine: AnyStateMachine, node: AnyStateNode, what: string, why: string): never {
  const where = node.parent === undefined ? 'at its root' : `in state "${nameOf(node)}"`
  throw new ThroughlineError('THROUGHLINE_MACHINE_UNSUPPORTED', `machine "${machine.id}" uses ${what} ${where}: ${why}`)
}
